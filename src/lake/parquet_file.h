// ParquetFile: one data file being written. Arrow stays behind it. Internal to lake.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "env/file_system.h"
#include "lake/layout.h"
#include "lake/range_writer.h"
#include "lake/rows.h"

namespace sluice::lake {

/// Footer entries, in order.
using KeyValues = std::vector<std::pair<std::string, std::string>>;

/// One thread.
class ParquetFile {
 public:
  /// Makes the file at `path` (already_exists where it is there). `rows` are the first ones: how each column
  /// is encoded is decided by what they look like.
  static Result<std::unique_ptr<ParquetFile>> create(env::FileSystem& fs, const std::string& path,
                                                     const std::vector<ColumnSpec>& layout, Rows& rows,
                                                     const WriterOptions& options);
  virtual ~ParquetFile() = default;

  /// Encodes all waiting rows; they stay in `rows`.
  virtual Result<void> write(Rows& rows) = 0;
  /// Writes the footer, syncs, closes; the file's size.
  virtual Result<std::uint64_t> finish(const KeyValues& footer) = 0;

  virtual std::size_t memory_bytes() const = 0;      ///< as of the last write
  virtual std::uint64_t bytes_estimate() const = 0;  ///< of the file, were it finished after the last write
};

}  // namespace sluice::lake
