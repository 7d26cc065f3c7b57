// The records of __consumer_offsets, byte for byte as Apache Kafka writes them (keys v1 and v2, values v3;
// for positions v4, with the topic's id, so that a topic made again under a name has none of the old ones,
// and v1 for those with an end of their own, which later versions cannot say).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "broker/group.h"
#include "log/names.h"

namespace sluice::broker {

/// A position that a group has committed.
struct CommittedOffset {
  Offset offset;
  LeaderEpoch leader_epoch{-1};
  std::string metadata;
  std::int64_t commit_ms = 0;
  Uuid topic_id{};                          ///< zero: not known, as in records before Kafka had it
  std::optional<std::int64_t> expire_ms{};  ///< the committer chose it (OffsetCommit v2-4); wall clock
  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

/// A record's key and value; a null value takes the key away.
struct GroupRecord {
  Bytes key;
  std::optional<Bytes> value;
};

GroupRecord offset_record(const std::string& group, const log::TopicPartition& partition,
                          const std::optional<CommittedOffset>& committed);
GroupRecord group_record(const std::string& group, const std::optional<GroupSnapshot>& snapshot);

/// What one record says.
struct OffsetChange {
  std::string group;
  log::TopicPartition partition;
  std::optional<CommittedOffset> committed;
};
struct GroupChange {
  std::string group;
  std::optional<GroupSnapshot> snapshot;
};
/// Nothing for a record of a kind that is not ours (Kafka's newer groups): it is passed over.
/// errors   corrupt: cut short, or a version of key or value that is not known
Result<std::variant<std::monostate, OffsetChange, GroupChange>> parse_group_record(
    BytesView key, const std::optional<BytesView>& value);

/// The partition of __consumer_offsets that keeps `group`: Java's hash of its UTF-16, as Kafka's clients and
/// tools compute it.
std::int32_t group_partition(std::string_view group, std::int32_t partition_count);

}  // namespace sluice::broker
