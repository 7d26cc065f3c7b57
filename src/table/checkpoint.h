// An index over a chain's older commit objects, certifying that their files have their final names (X7). It
// replaces nothing: without it a start only reads more. Format: docs/formats/table.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "table/commit_object.h"
#include "table/names.h"

namespace sluice::table {

inline constexpr std::uint64_t checkpoint_bytes_max = 4u << 20;
inline constexpr std::size_t checkpoint_ranges_max = 10'000;

struct Checkpoint {
  std::string cluster_id;
  Uuid topic_id;
  PartitionId partition;
  Offset start;                        ///< where the chain begins
  Offset end;                          ///< every object before it is published
  std::optional<Offset> previous_end;  ///< of the checkpoint before; the first has none
  std::int64_t commits = 0;            ///< objects from the start to `end`
  CommitCounts counts;                 ///< their sums
  std::vector<OffsetRange> ranges;     ///< the objects since the previous checkpoint; at least one
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

Result<Bytes> encode(const Checkpoint& checkpoint);
/// corrupt where `bytes` are anything but what encode() gives.
Result<Checkpoint> decode_checkpoint(BytesView bytes);

}  // namespace sluice::table
