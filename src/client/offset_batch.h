// Offsets of many partitions of many topics, in one request a leader.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/cluster.h"

namespace sluice::client {

struct TopicPartition {
  std::string topic;
  PartitionId partition;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

/// What is known of topics, by name. A topic that cannot be described has an error_code.
using TopicMap = std::map<std::string, Topic>;

/// Why `topics` has no partitions of `name` to speak of; nothing where it has.
std::optional<Error> topic_error(const TopicMap& topics, const std::string& name);

/// The offset that `spec` means in each of `partitions` (sorted, no doubles), in their order; each has its
/// own error. `topics` may hold what is known already; what is missing or outdated is asked for and put in.
/// Errors that may pass are tried again until ClusterOptions::retry_timeout, together. `latest` under
/// read_committed is the last stable offset.
std::vector<Result<FoundOffset>> list_offsets(Cluster& cluster, TopicMap& topics,
                                              std::span<const TopicPartition> partitions, OffsetSpec spec,
                                              Isolation isolation);

}  // namespace sluice::client
