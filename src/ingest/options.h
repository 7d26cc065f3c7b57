// What a user decides about an ingest.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lake/codec.h"

namespace sluice::ingest {

struct Options {
  std::vector<std::string> partition_by;  ///< terms of --partition-by
  lake::Codec codec;
  std::optional<std::string> schema_text;  ///< of --schema FILE; else inferred from the first records

  // A range ends at whichever comes first (X8).
  std::int64_t roll_records = 4'000'000;
  std::uint64_t roll_bytes = 256u << 20;
  std::chrono::milliseconds roll_interval{300'000};

  bool until_end = false;  ///< stop at the ends that the partitions have at the start
  bool accept_gap =
      false;  ///< records that the topic dropped unread become a gap object instead of a halt (X12)
  std::uint64_t memory_bytes_max = 512u << 20;
  int threads_max = 0;  ///< 0: as many as there are processors

  std::size_t inference_records_max = 10'000;  ///< looked at for a schema
  std::size_t checkpoint_commits = 64;         ///< objects between checkpoints
  std::chrono::milliseconds unreachable_max{
      120'000};  ///< a cluster that does not answer is asked again this long
  std::chrono::milliseconds refresh_interval{30'000};  ///< between looks for new partitions
};

}  // namespace sluice::ingest
