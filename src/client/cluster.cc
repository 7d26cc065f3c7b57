#include "client/cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/generated/metadata_request.h"

namespace sluice::client {
namespace {

constexpr std::uint16_t default_port = 9092;

Result<std::vector<env::Address>> parse_bootstrap(std::string_view text) {
  std::vector<env::Address> addresses;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view one = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (one.find("://") != std::string_view::npos) {
      return fail(
          Code::unsupported,
          fmt::format("nothing was connected: '{}' names a security protocol, and only plain text is spoken",
                      one),
          "give host:port");
    }
    if (!one.empty()) addresses.push_back(SLUICE_TRY(env::parse_address(one, default_port)));
  }
  if (addresses.empty()) {
    return fail(Code::invalid_argument, "nothing was connected: the bootstrap servers name no address",
                "--bootstrap-server host:port");
  }
  return addresses;
}

std::vector<BrokerId> broker_ids(const std::vector<std::int32_t>& ids) {
  std::vector<BrokerId> out;
  out.reserve(ids.size());
  for (const std::int32_t id : ids) out.emplace_back(id);
  return out;
}

}  // namespace

const Partition* Topic::find(PartitionId partition) const {
  const auto at = std::ranges::lower_bound(partitions, partition, {}, &Partition::id);
  return at != partitions.end() && at->id == partition ? &*at : nullptr;
}

Cluster::Cluster(const env::Env& env, std::string bootstrap, std::vector<env::Address> addresses,
                 ClusterOptions options)
    : env_(env),
      bootstrap_(std::move(bootstrap)),
      addresses_(std::move(addresses)),
      options_(std::move(options)) {}

Cluster::~Cluster() = default;

Result<std::unique_ptr<Cluster>> Cluster::connect(const env::Env& env, std::string_view bootstrap,
                                                  ClusterOptions options) {
  auto addresses = SLUICE_TRY(parse_bootstrap(bootstrap));
  std::unique_ptr<Cluster> cluster(
      new Cluster(env, std::string(bootstrap), std::move(addresses), std::move(options)));
  const std::vector<std::string> no_topics;
  SLUICE_TRY(cluster->refresh_once(&no_topics));
  return cluster;
}

// ---- connections ----

Result<Connection*> Cluster::any() {
  if (bootstrap_connection_) return bootstrap_connection_.get();
  std::vector<env::Address> candidates = addresses_;
  for (const Broker& broker : brokers_) {
    if (std::ranges::find(candidates, broker.address) == candidates.end())
      candidates.push_back(broker.address);
  }
  std::string causes;
  for (const env::Address& address : candidates) {
    auto connection = Connection::open(env_, address, options_.connection);
    if (connection) {
      bootstrap_connection_ = *std::move(connection);
      return bootstrap_connection_.get();
    }
    causes +=
        fmt::format("{}{}: {}", causes.empty() ? "" : "; ", to_string(address), connection.error().message);
  }
  return fail(
      Code::unreachable, fmt::format("no broker of {} was reached: {}", bootstrap_, causes),
      "is the broker running, and is the address right? sluice broker --listen 127.0.0.1:9092 starts one");
}

const Broker* Cluster::find_broker(BrokerId broker) const {
  const auto at = std::ranges::find(brokers_, broker, &Broker::id);
  return at == brokers_.end() ? nullptr : &*at;
}

Result<Connection*> Cluster::connection(BrokerId broker) {
  if (const auto at = connections_.find(broker); at != connections_.end()) return at->second.get();
  auto made = SLUICE_TRY(open_connection(broker));
  return (connections_[broker] = std::move(made)).get();
}

Result<std::unique_ptr<Connection>> Cluster::open_connection(BrokerId broker) const {
  const Broker* known = find_broker(broker);
  if (known == nullptr) {
    return fail(Code::not_found, fmt::format("broker {} of {} was not reached: the cluster does not name it",
                                             broker.value, bootstrap_));
  }
  auto made = Connection::open(env_, known->address, options_.connection);
  if (!made) {
    return std::unexpected(
        std::move(made.error())
            .in(fmt::format("broker {} at {} was not reached", broker.value, to_string(known->address))));
  }
  return made;
}

void Cluster::drop(const Connection* connection) {
  if (bootstrap_connection_.get() == connection) bootstrap_connection_.reset();
  std::erase_if(connections_, [&](const auto& entry) { return entry.second.get() == connection; });
}

// ---- metadata ----

Result<void> Cluster::refresh_once(const std::vector<std::string>* names) {
  wire::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  if (names == nullptr) {
    request.topics.reset();
  } else {
    for (const std::string& name : *names) request.topics->emplace_back().name = name;
  }
  auto answer = SLUICE_TRY(call_on(any(), request));
  return learn(std::move(answer.message), names == nullptr);
}

Result<void> Cluster::learn(wire::MetadataResponse answer, bool all_topics) {
  if (answer.error_code != 0) {
    return std::unexpected(
        wire::to_error(answer.error_code, fmt::format("{} did not describe itself", bootstrap_)));
  }
  const std::string id = answer.cluster_id.value_or(std::string{});
  if (!cluster_id_.empty() && id != cluster_id_) {
    return fail(Code::conflict,
                fmt::format("nothing more was asked of {}: it was cluster {} and says now it is {}",
                            bootstrap_, cluster_id_, id));
  }
  cluster_id_ = id;
  controller_ = BrokerId{answer.controller_id};
  std::vector<Broker> brokers;
  for (auto& broker : answer.brokers) {
    if (broker.port <= 0 || broker.port > 65535) {
      return fail(Code::corrupt, fmt::format("{} did not describe itself: broker {} has port {}", bootstrap_,
                                             broker.node_id, broker.port));
    }
    const auto port = static_cast<std::uint16_t>(broker.port);
    brokers.push_back(
        {BrokerId{broker.node_id}, {std::move(broker.host), port}, broker.rack.value_or(std::string{})});
    const Broker* before = find_broker(brokers.back().id);
    if (before != nullptr && before->address != brokers.back().address) connections_.erase(before->id);
  }
  brokers_ = std::move(brokers);

  if (all_topics) topics_.clear();
  for (auto& told : answer.topics) {
    const std::string name = told.name.value_or(std::string{});
    Topic& topic = topics_[name];
    topic = {name, told.topic_id, told.is_internal, {}, told.error_code};
    for (const auto& partition : told.partitions) {
      topic.partitions.push_back({PartitionId{partition.partition_index}, BrokerId{partition.leader_id},
                                  LeaderEpoch{partition.leader_epoch}, broker_ids(partition.replica_nodes),
                                  broker_ids(partition.isr_nodes)});
    }
    std::ranges::sort(topic.partitions, {}, &Partition::id);
  }
  return {};
}

Result<Topic> Cluster::topic(const std::string& name) {
  if (const auto at = topics_.find(name); at != topics_.end() && at->second.error_code == 0)
    return at->second;
  return refresh_topic(name);
}

Result<Topic> Cluster::refresh_topic(const std::string& name) {
  return retrying([&] { return try_refresh_topic(name); });
}

Result<Topic> Cluster::try_refresh_topic(const std::string& name) {
  const std::vector<std::string> names{name};
  SLUICE_TRY(refresh_once(&names));
  const auto at = topics_.find(name);
  const std::int16_t code = at == topics_.end() ? std::int16_t{3} : at->second.error_code;
  if (code == 0) return at->second;
  topics_.erase(name);
  Error error = wire::to_error(code, fmt::format("topic {} of {} was not found", name, bootstrap_));
  if (error.code == Code::not_found) {
    error.message =
        fmt::format("topic {} does not exist on {} [{}]", name, bootstrap_, wire::error_info(code).name);
    error.hint = "list the topics, or create it first";
  }
  return std::unexpected(std::move(error));
}

Result<std::vector<Topic>> Cluster::topics() {
  SLUICE_TRY(retrying([&] { return refresh_once(nullptr); }));
  std::vector<Topic> out;
  for (const auto& [name, topic] : topics_) {
    if (topic.error_code == 0) out.push_back(topic);
  }
  return out;
}

Result<std::map<std::string, Topic>> Cluster::describe_topics(std::span<const std::string> names) {
  const std::vector<std::string> asked(names.begin(), names.end());
  SLUICE_TRY(retrying([&] { return refresh_once(&asked); }));
  std::map<std::string, Topic> out;
  for (const auto& name : asked) {
    const auto at = topics_.find(name);
    if (at == topics_.end()) continue;
    out.emplace(name, at->second);
    if (at->second.error_code != 0) topics_.erase(at);
  }
  return out;
}

Result<std::int16_t> Cluster::version_on(BrokerId broker, std::int16_t api_key) {
  return retrying([&]() -> Result<std::int16_t> {
    Connection* const to = SLUICE_TRY(connection(broker));
    return to->version(api_key);
  });
}

Result<Uuid> Cluster::topic_id(const std::string& name) {
  return SLUICE_TRY(topic(name)).id;
}

Result<Partition> Cluster::led_partition(const std::string& topic_name, PartitionId partition) {
  const Topic topic = SLUICE_TRY(this->topic(topic_name));
  const Partition* found = topic.find(partition);
  if (found == nullptr) {
    return fail(Code::not_found, fmt::format("topic {} has no partition {}: it has {}", topic_name,
                                             partition.value, topic.partitions.size()));
  }
  if (found->leader.value < 0) {
    topics_.erase(topic_name);
    return std::unexpected(wire::to_error(
        wire::ErrorCode::leader_not_available,
        fmt::format("topic {}, partition {}: no broker was asked", topic_name, partition.value)));
  }
  return *found;
}

}  // namespace sluice::client
