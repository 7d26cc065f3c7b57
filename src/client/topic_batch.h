// Topics, many at a time: settings, producers, and what administration changes about them.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "client/cluster.h"
#include "client/offset_batch.h"

namespace sluice::client {

/// Settings of each of `topics`, all or `keys` alone, in their order, in one request.
std::vector<Result<std::vector<ConfigEntry>>> describe_configs(Cluster& cluster,
                                                               std::span<const std::string> topics,
                                                               std::span<const std::string> keys = {});

/// Whether any producer that the leader remembers has ended a transaction in the partition, or has one open.
/// Asks each leader once, without trying again; partitions that were not told are left out.
std::map<TopicPartition, bool> transactional_partitions(
    Cluster& cluster, const std::map<BrokerId, std::set<TopicPartition>>& by_leader);

/// What is asked of IncrementalAlterConfigs: a value to set, or nothing to go back to the default.
using ConfigChanges = std::map<std::string, std::optional<std::string>>;
/// Changes settings of each of `topics`, in their order; only checks them where `validate_only`.
std::vector<Result<void>> alter_configs(Cluster& cluster, std::span<const std::string> topics,
                                        const ConfigChanges& changes, bool validate_only);

/// Raises the number of partitions to `count`; only checks it where `validate_only`.
Result<void> create_partitions(Cluster& cluster, const std::string& topic, std::int32_t count,
                               bool validate_only);

/// Whether the topic could be created as it is; creates nothing. errors   as Cluster::create_topic
Result<void> validate_topic(Cluster& cluster, const NewTopic& topic);

struct TrimPoint {
  TopicPartition which;
  Offset before;  ///< records before it are deleted; -1: all of them
};
/// Deletes the records before each point (sorted by topic); the new log start of each, in their order.
std::vector<Result<Offset>> delete_records(Cluster& cluster, TopicMap& topics,
                                           std::span<const TrimPoint> points);

}  // namespace sluice::client
