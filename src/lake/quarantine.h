// QuarantineWriter: the records that did not fit, one line each. docs/formats/quarantine.md. Internal to
// lake.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "lake/range_writer.h"
#include "lake/xxh3.h"

namespace sluice::lake {

/// The line of one record, its line feed included. corrupt where the headers cannot be read.
Result<std::string> quarantine_line(PartitionId partition, const Record& record, std::string_view reason);

/// One thread. The file is made with the first record.
class QuarantineWriter {
 public:
  QuarantineWriter(env::FileSystem& fs, std::string path, PartitionId partition)
      : fs_(fs), path_(std::move(path)), partition_(partition) {}

  Result<void> add(const Record& record, std::string_view reason);
  std::int64_t records() const { return records_; }
  std::uint64_t bytes() const { return written_ + buffer_.size(); }
  /// Syncs and closes; only where there are records.
  Result<QuarantineFile> finish();

 private:
  Result<void> write_out();

  env::FileSystem& fs_;
  std::string path_;
  PartitionId partition_;
  std::unique_ptr<env::File> file_;
  std::string buffer_;
  std::uint64_t written_ = 0;
  std::int64_t records_ = 0;
  HashStream hash_;
};

}  // namespace sluice::lake
