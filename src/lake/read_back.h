// read_back: what a data file really holds, from its bytes alone. Recovery and verify use it; audit has its
// own.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"

namespace sluice::lake {

struct ReadBack {
  std::int64_t rows = 0;
  std::uint64_t logical_hash = 0;  ///< recomputed from the rows
  // What the footer says:
  std::string cluster_id;
  std::string topic;
  Uuid topic_id;
  PartitionId partition;
  OffsetRange range;
  std::int64_t footer_rows = 0;
  std::uint64_t footer_logical_hash = 0;
  std::uint64_t footer_raw_hash = 0;
  std::int32_t schema_version = 0;
  std::string hive_dir;
};

/// Reads the whole Parquet file at `path`, page checksums included, one row group in memory at a time.
/// not_found, io_failed; corrupt where it is not a Parquet file of ours, is cut short or damaged. Whether the
/// hashes agree with footer or commit object is for the caller to compare.
Result<ReadBack> read_back(env::FileSystem& fs, const std::string& path);

/// The footer only; `logical_hash` is then 0 and `rows` is what Parquet's own metadata counts.
Result<ReadBack> read_footer(env::FileSystem& fs, const std::string& path);

}  // namespace sluice::lake
