// What a consumer group (KIP-848) keeps: members, their assignments, and the changes of it all as records.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "broker/group.h"

namespace sluice::broker {

/// Which partitions, by topic. No topic is there without partitions.
using TopicPartitions = std::map<Uuid, std::set<std::int32_t>>;
/// Partitions that a member may use, each with the epoch in which it got it (KIP-1251).
using HeldPartitions = std::map<Uuid, std::map<std::int32_t, std::int32_t>>;

/// How far a member has come towards the target assignment. The numbers are those of the record.
enum class MemberState : std::int8_t {
  stable = 0,
  unrevoked_partitions = 1,   ///< it was asked to give partitions up, and has not said yet that it did
  unreleased_partitions = 2,  ///< it waits for partitions that others still hold
  unknown = 127,              ///< read from a record that a later version wrote
};

constexpr std::int32_t leave_epoch = -1;         ///< a heartbeat with it: the member goes
constexpr std::int32_t static_leave_epoch = -2;  ///< a heartbeat with it: the static member will come back

/// What a member that speaks the classic protocol (JoinGroup) said beside the rest.
struct ClassicMembership {
  std::int32_t session_timeout_ms = 0;
  std::vector<GroupProtocol> protocols;
  friend bool operator==(const ClassicMembership&, const ClassicMembership&) = default;
};

/// What a member says about itself.
struct MemberMetadata {
  std::optional<std::string> instance_id;
  std::optional<std::string> rack_id;
  std::string client_id;
  std::string client_host;
  std::set<std::string> topics;  ///< subscribed by name
  std::string regex;             ///< subscribed by pattern; empty: none
  std::int32_t rebalance_timeout_ms = -1;
  std::optional<std::string> assignor;
  std::optional<ClassicMembership> classic;  ///< none: it speaks KIP-848
  friend bool operator==(const MemberMetadata&, const MemberMetadata&) = default;
};

/// What a member holds at the moment.
struct CurrentAssignment {
  std::int32_t epoch = 0;
  std::int32_t previous_epoch = -1;  ///< accepted as well where the answer with the newer one was lost
  MemberState state = MemberState::stable;
  HeldPartitions assigned;
  HeldPartitions pending_revocation;  ///< it must give these up; nobody else may have them before
  bool is_reconciled_to(std::int32_t target_epoch) const {
    return state == MemberState::stable && epoch == target_epoch;
  }
  friend bool operator==(const CurrentAssignment&, const CurrentAssignment&) = default;
};

/// The topics that a pattern means.
struct ResolvedRegex {
  std::set<std::string> topics;
  std::int64_t version = 0;  ///< of the list of topics that was looked at
  std::int64_t timestamp_ms = 0;
  friend bool operator==(const ResolvedRegex&, const ResolvedRegex&) = default;
};

// One change each, as it is kept in __consumer_offsets; without a value it takes the thing away.
struct GroupEpochRecord {
  struct Value {
    std::int32_t epoch = 0;
    std::uint64_t metadata_hash = 0;  ///< of the subscribed topics: ids, names, partition counts
    friend bool operator==(const Value&, const Value&) = default;
  };
  std::optional<Value> value;
};
/// Kafka 4.0 kept the topics' partition counts with the group. Written without a value only.
struct PartitionMetadataRecord {
  bool there = false;
};
struct MemberMetadataRecord {
  std::string member_id;
  std::optional<MemberMetadata> value;
};
struct TargetEpochRecord {
  struct Value {
    std::int32_t epoch = 0;
    std::int64_t timestamp_ms = 0;
    friend bool operator==(const Value&, const Value&) = default;
  };
  std::optional<Value> value;
};
struct TargetMemberRecord {
  std::string member_id;
  std::optional<TopicPartitions> value;
};
struct CurrentAssignmentRecord {
  std::string member_id;
  std::optional<CurrentAssignment> value;
};
struct RegexRecord {
  std::string regex;
  std::optional<ResolvedRegex> value;
};

using ConsumerGroupRecord =
    std::variant<GroupEpochRecord, PartitionMetadataRecord, MemberMetadataRecord, TargetEpochRecord,
                 TargetMemberRecord, CurrentAssignmentRecord, RegexRecord>;

}  // namespace sluice::broker
