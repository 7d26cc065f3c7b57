// Groups, many at a time: one request a coordinator for what the protocol lets one ask together.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/cluster.h"
#include "client/offset_batch.h"

namespace sluice::client {

struct ListedGroup {
  std::string group;
  std::string protocol_type;  ///< "consumer"; empty for a group that has only positions
  std::string state;          ///< "Stable", "Empty"...; empty where the broker is older than 2.6
  std::string type;           ///< "classic", "consumer"...; empty where the broker is older than 3.8
  BrokerId coordinator{-1};
};

struct GroupList {
  std::vector<ListedGroup> groups;  ///< by name
  std::vector<Error> errors;        ///< brokers that could not be asked: their groups are missing
};

/// The groups of every broker, each broker asked once.
GroupList list_groups(Cluster& cluster);

struct GroupMember {
  std::string member_id;
  std::string instance_id;  ///< empty where it has none
  std::string client_id;
  std::string host;
  std::vector<TopicPartition> assigned;
};

struct GroupDescription {
  std::string group;
  std::string state;          ///< as Kafka names it: Empty, Stable, PreparingRebalance, Assigning, Dead...
  std::string type;           ///< "classic" or "consumer"
  std::string protocol_type;  ///< "consumer" where its members consume
  std::string assignor;
  BrokerId coordinator{-1};
  std::vector<GroupMember> members;

  /// Nobody is in it, so that its positions may be changed from outside.
  bool is_empty() const { return state == "Empty" || state == "Dead"; }
};

/// Each of `groups` (no doubles), in their order. ConsumerGroupDescribe asks for groups of the new protocol
/// and where it knows none of that name DescribeGroups for classic ones. errors   not_found: no such group
std::vector<Result<GroupDescription>> describe_groups(Cluster& cluster, std::span<const std::string> groups);

struct GroupPositions {
  std::vector<GroupOffset> offsets;                      ///< by topic and partition; stored ones alone
  std::vector<std::pair<TopicPartition, Error>> errors;  ///< partitions whose position was not told
};

/// All positions of each of `groups` (no doubles), in their order; a group that does not exist has none.
/// Waits for open transactions that hold positions where `stable`.
std::vector<Result<GroupPositions>> fetch_positions(Cluster& cluster, std::span<const std::string> groups,
                                                    bool stable = false);

/// Stores positions from outside of any membership; an error a partition, in their order. The coordinator
/// refuses all of them while the group has members.
std::vector<Result<void>> store_positions(Cluster& cluster, const std::string& group,
                                          std::span<const GroupOffset> offsets);
/// Removes positions; the coordinator refuses those of topics to which a member subscribes.
std::vector<Result<void>> delete_positions(Cluster& cluster, const std::string& group,
                                           std::span<const TopicPartition> partitions);
/// Deletes groups that have no members, in their order.
std::vector<Result<void>> delete_groups(Cluster& cluster, std::span<const std::string> groups);

}  // namespace sluice::client
