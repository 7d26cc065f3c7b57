// A data file as any reader of Parquet sees it, through Arrow's own reader (docs/formats/data_file.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "audit/schema.h"
#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"

namespace sluice::audit {

/// Where a row says it comes from, and its number (row_model.h).
struct FileRow {
  PartitionId partition;
  Offset offset;
  std::uint64_t row_hash = 0;
};

struct FileContent {
  std::int64_t rows = 0;
  std::uint64_t logical_hash = 0;  ///< docs/formats/hashes.md, computed from the rows
};

/// Reads the file at `path`, page checksums included, about one row group in memory at a time, and shows
/// every row in its order. `hive_dir` is the directory that it lies in, relative to the table's root.
/// not_found; corrupt where the file cannot be read to its end, or its columns are not those of `schema`.
Result<FileContent> read_data_file(env::FileSystem& files, const std::string& path, const Schema& schema,
                                   const std::string& hive_dir,
                                   const std::function<void(const FileRow&)>& take);

/// Shows `_partition` and `_offset` of every row, whatever else is in the file; row_hash is 0.
Result<std::int64_t> read_positions(env::FileSystem& files, const std::string& path,
                                    const std::function<void(const FileRow&)>& take);

}  // namespace sluice::audit
