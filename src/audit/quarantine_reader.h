// A quarantine file, line by line (docs/formats/quarantine.md).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"

namespace sluice::audit {

struct QuarantinedRecord {
  PartitionId partition;
  Offset offset;
  std::uint64_t hash = 0;  ///< quarantine_hash (row_model.h) of what the line holds
};

struct QuarantineContent {
  std::int64_t records = 0;
  std::uint64_t hash = 0;  ///< of all bytes (docs/formats/hashes.md)
};

/// Shows every record in the file. not_found; corrupt with the number of the first line that is not what the
/// format says.
Result<QuarantineContent> read_quarantine_file(env::FileSystem& files, const std::string& path,
                                               const std::function<void(const QuarantinedRecord&)>& take);

}  // namespace sluice::audit
