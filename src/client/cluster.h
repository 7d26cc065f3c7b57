// A Kafka cluster as its administration sees it: brokers, topics, leaders, offsets, groups.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "client/connection.h"
#include "client/retry.h"
#include "env/env.h"
#include "wire/errors.h"
#include "wire/generated/find_coordinator_response.h"
#include "wire/generated/metadata_response.h"

namespace sluice::client {

struct ClusterOptions {
  ConnectionOptions connection;
  /// How long errors that may pass (no leader yet, coordinator moving, connection lost) are tried again, with
  /// back-off, before they are returned.
  env::Duration retry_timeout = std::chrono::seconds(30);
  env::Duration backoff_min = std::chrono::milliseconds(50);
  env::Duration backoff_max = std::chrono::seconds(1);
};

struct Broker {
  BrokerId id;
  env::Address address;
  std::string rack;
};

struct Partition {
  PartitionId id;
  BrokerId leader{-1};           ///< -1 where there is none at the moment
  LeaderEpoch leader_epoch{-1};  ///< -1 where the broker does not tell
  std::vector<BrokerId> replicas;
  std::vector<BrokerId> in_sync_replicas;
};

struct Topic {
  std::string name;
  Uuid id;  ///< zero where the broker is too old to have ids (before 2.8)
  bool is_internal = false;
  std::vector<Partition> partitions;  ///< by ascending id
  std::int16_t error_code = 0;        ///< what Metadata said of it; 0 in every topic that Cluster returns

  const Partition* find(PartitionId partition) const;
};

enum class Isolation : std::int8_t { read_uncommitted = 0, read_committed = 1 };

/// What ListOffsets looks for: one of Kafka's special times, or milliseconds since 1970.
struct OffsetSpec {
  std::int64_t timestamp_ms;

  static constexpr OffsetSpec latest() { return {-1}; }         ///< the log end that readers may reach
  static constexpr OffsetSpec earliest() { return {-2}; }       ///< the log start
  static constexpr OffsetSpec max_timestamp() { return {-3}; }  ///< the record with the greatest timestamp
  static constexpr OffsetSpec at(std::int64_t ms) {
    return {ms};
  }  ///< the first record of that time or later
};

/// The answer for one partition. The offset is -1 where no record has the time that was asked for.
struct FoundOffset {
  PartitionId partition;
  Offset offset{-1};
  std::int64_t timestamp_ms = -1;
  LeaderEpoch leader_epoch{-1};
};

/// Where a leader epoch ends in the leader's log (KIP-320): -1, -1 where it knows no such epoch.
struct EpochEnd {
  LeaderEpoch epoch{-1};
  Offset end{-1};
};

/// One position of a group. In answers only partitions with a stored position appear.
struct GroupOffset {
  std::string topic;
  PartitionId partition;
  Offset offset;
  LeaderEpoch leader_epoch{-1};
  std::string metadata;
};

struct NewTopic {
  std::string name;
  std::int32_t partitions = -1;          ///< -1: the broker's default
  std::int16_t replication_factor = -1;  ///< -1: the broker's default
  std::map<std::string, std::string> configs;
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;  ///< nothing where it is secret or null
  bool is_default = false;           ///< nobody has set it
  bool is_read_only = false;
  bool is_sensitive = false;
};

/// Borrows the Env. One thread at a time; makes a Connection a broker when it is needed and keeps it.
/// Every call retries what may pass (ClusterOptions::retry_timeout), finding new leaders and coordinators;
/// what it returns then says what failed, for which topic, partition or group, and why.
class Cluster {
 public:
  /// Connects to the first of `bootstrap` ("host:port,host:port", port 9092 where there is none) that
  /// answers. errors   invalid_argument: no address in `bootstrap` · unreachable, with each address and its
  /// cause
  static Result<std::unique_ptr<Cluster>> connect(const env::Env& env, std::string_view bootstrap,
                                                  ClusterOptions options = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Empty where the broker tells none.
  const std::string& cluster_id() const { return cluster_id_; }
  BrokerId controller() const { return controller_; }
  const std::vector<Broker>& brokers() const { return brokers_; }
  const std::string& bootstrap() const { return bootstrap_; }
  const ClusterOptions& options() const { return options_; }
  const env::Env& env() const { return env_; }

  /// The topic as last heard of; asks where nothing is known. Never creates it.
  /// errors   not_found: no such topic
  Result<Topic> topic(const std::string& name);
  /// Asks anew. Partitions may be without a leader at the moment (-1).
  Result<Topic> refresh_topic(const std::string& name);
  /// The same in one attempt, for whoever has a loop of his own.
  Result<Topic> try_refresh_topic(const std::string& name);
  /// Every topic of the cluster, by name.
  Result<std::vector<Topic>> topics();
  /// The topics `names` as they are now, by name, in one request; one that cannot be described is there with
  /// its error_code.
  Result<std::map<std::string, Topic>> describe_topics(std::span<const std::string> names);
  /// Topic id of `name`; zero uuid where the broker has none.
  Result<Uuid> topic_id(const std::string& name);

  /// For each of `partitions` (all of the topic where it is empty), in their order. Asks each leader once.
  /// `latest` under read_committed is the last stable offset.
  Result<std::vector<FoundOffset>> list_offsets(const std::string& topic,
                                                std::span<const PartitionId> partitions, OffsetSpec spec,
                                                Isolation isolation = Isolation::read_uncommitted);
  /// Log start and log end (by isolation) of one partition.
  Result<OffsetRange> offset_range(const std::string& topic, PartitionId partition,
                                   Isolation isolation = Isolation::read_uncommitted);
  Result<EpochEnd> offset_for_leader_epoch(const std::string& topic, PartitionId partition,
                                           LeaderEpoch epoch);

  /// The positions of `group`, by topic and partition; of `topic` alone where it is not empty. Waits for open
  /// transactions that hold positions (require_stable) where `stable`.
  Result<std::vector<GroupOffset>> fetch_offsets(const std::string& group, const std::string& topic = {},
                                                 bool stable = false);
  /// Stores positions from outside of any membership; the coordinator refuses while the group has members.
  Result<void> commit_offsets(const std::string& group, std::span<const GroupOffset> offsets);

  /// errors   already_exists, invalid_argument, kafka: with the broker's own words. Returns when the topic's
  ///          partitions have leaders.
  Result<Topic> create_topic(const NewTopic& topic);
  Result<void> delete_topic(const std::string& name);
  Result<std::vector<ConfigEntry>> describe_topic_configs(const std::string& topic);

  /// A request to any broker, to a certain one, or to a group's coordinator, for what has no method above.
  /// Broken connections are made anew and passing failures of them tried again; the error codes within the
  /// answer are the caller's. `version_max` keeps to older versions of the API.
  template <class Request>
  Result<Answer<typename Request::Response>> call_any(const Request& request,
                                                      std::int16_t version_max = 32767) {
    return retrying([&] { return call_on(any(), request, version_max); });
  }
  template <class Request>
  Result<Answer<typename Request::Response>> call_broker(BrokerId broker, const Request& request,
                                                         std::int16_t version_max = 32767) {
    return retrying([&] { return call_on(connection(broker), request, version_max); });
  }
  template <class Request>
  Result<Answer<typename Request::Response>> call_coordinator(const std::string& group,
                                                              const Request& request,
                                                              std::int16_t version_max = 32767) {
    return retrying([&] {
      auto answer = call_on(coordinator(group), request, version_max);
      if (!answer) forget_coordinator(group);
      return answer;
    });
  }

  /// The version in which `broker` and this side speak the API. errors   unsupported: in none
  Result<std::int16_t> version_on(BrokerId broker, std::int16_t api_key);
  /// The coordinator of each of `groups`, in their order; asks once for all that are not known, or, where the
  /// broker is older than 3.0, once for each. One attempt.
  std::vector<Result<BrokerId>> try_find_coordinators(std::span<const std::string> groups);

  /// A connection of its own to a broker, for a Fetcher. errors   not_found: no such broker is known
  Result<std::unique_ptr<Connection>> open_connection(BrokerId broker) const;
  /// Forgets a group's coordinator, after it answered that it is not.
  void forget_coordinator(const std::string& group);

 private:
  Cluster(const env::Env& env, std::string bootstrap, std::vector<env::Address> addresses,
          ClusterOptions options);

  /// Makes the attempt, a function that returns a Result, until it succeeds, fails for good or time is up.
  template <class Attempt>
  auto retrying(Attempt attempt) -> decltype(attempt()) {
    for (Retry retry(env_, {options_.retry_timeout, options_.backoff_min, options_.backoff_max});;) {
      auto result = attempt();
      if (result || !retry.again(result.error())) return result;
    }
  }
  /// One request, once, on a connection that was found; drops the connection where it broke.
  template <class Request>
  Result<Answer<typename Request::Response>> call_on(Result<Connection*> connection, const Request& request,
                                                     std::int16_t version_max = 32767) {
    if (!connection) return std::unexpected(std::move(connection.error()));
    auto answer = (*connection)->call(request, version_max);
    if (!answer && breaks_connection(answer.error())) drop(*connection);
    return answer;
  }

  Result<Connection*> any();
  Result<Connection*> connection(BrokerId broker);
  Result<Connection*> coordinator(const std::string& group);
  Result<BrokerId> learn_coordinator(const std::string& group,
                                     const wire::FindCoordinatorResponse::Coordinator& told);
  void drop(const Connection* connection);
  const Broker* find_broker(BrokerId broker) const;

  Result<void> refresh_once(const std::vector<std::string>* names);
  Result<void> learn(wire::MetadataResponse answer, bool all_topics);
  Result<Partition> led_partition(const std::string& topic, PartitionId partition);

  Result<void> list_offsets_once(const std::string& topic, OffsetSpec spec, Isolation isolation,
                                 std::vector<FoundOffset>& found, std::vector<bool>& done);
  Result<void> ask_offsets(BrokerId leader, const std::string& topic, OffsetSpec spec, Isolation isolation,
                           std::vector<FoundOffset>& found, std::vector<bool>& done,
                           const std::map<PartitionId, LeaderEpoch>& asked);
  Result<EpochEnd> epoch_end_once(const std::string& topic, PartitionId partition, LeaderEpoch epoch);
  Result<std::vector<GroupOffset>> fetch_offsets_once(const std::string& group,
                                                      const std::vector<PartitionId>* wanted,
                                                      const std::string& topic, bool stable);
  Result<void> commit_offsets_once(const std::string& group, std::span<const GroupOffset> offsets);
  Result<Connection*> controller_connection();  // any broker where the controller is not known

  env::Env env_;
  std::string bootstrap_;
  std::vector<env::Address> addresses_;
  ClusterOptions options_;

  std::string cluster_id_;
  BrokerId controller_{-1};
  std::vector<Broker> brokers_;
  std::map<std::string, Topic> topics_;
  std::map<BrokerId, std::unique_ptr<Connection>> connections_;
  std::unique_ptr<Connection> bootstrap_connection_;
  std::map<std::string, BrokerId> coordinators_;
};

}  // namespace sluice::client
