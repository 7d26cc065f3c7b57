// The server-side assignors of consumer groups (KIP-848): who shall have which partition.
//
// `uniform` balances the number of partitions, and leaves each partition where it is as far as that allows.
// `range` gives each member neighbouring partitions, the same ones of every topic, and moves them freely.
// Both give every partition of every subscribed topic to exactly one of its subscribers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "broker/consumer_member.h"

namespace sluice::broker {

enum class Assignor : std::uint8_t { uniform, range };
/// "uniform", "range", as members and group.consumer.assignors name them.
std::string_view name(Assignor assignor);
std::optional<Assignor> find_assignor(std::string_view name);

struct AssignedMember {
  std::optional<std::string> instance_id;
  std::set<Uuid> topics;   ///< subscribed, and there
  TopicPartitions before;  ///< its target so far
};

struct AssignmentInput {
  std::map<std::string, AssignedMember> members;  ///< by member id
  std::map<Uuid, std::int32_t> partition_counts;  ///< of every topic that a member subscribes to
};

/// Pure, and the same for the same input. Every member of the input is in the answer.
std::map<std::string, TopicPartitions> assign(Assignor assignor, const AssignmentInput& input);

}  // namespace sluice::broker
