// Metadata v0-13: the one broker, the topics, their partitions.
// v0 takes an empty list for all topics, later versions null; v10 and later name topics also by id (v12
// without a name). A missing topic is made where client (v4) and auto.create.topics.enable allow it, and is
// there in the very answer. Errors per topic: UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID,
// INVALID_TOPIC_EXCEPTION; per partition KAFKA_STORAGE_ERROR where its log is offline.
#include <fmt/format.h>

#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/metadata_request.h"
#include "wire/generated/metadata_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using TopicAnswer = wire::MetadataResponse::MetadataResponseTopic;

TopicAnswer describe(const Core& core, const Topic& topic) {
  TopicAnswer out;
  out.name = topic.name;
  out.topic_id = topic.id;
  out.is_internal = topic.is_internal();
  const std::int32_t self = core.identity.node_id;
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    wire::MetadataResponse::MetadataResponsePartition partition;
    partition.partition_index = static_cast<std::int32_t>(i);
    partition.leader_id = self;
    partition.leader_epoch = topic.partitions[i]->leader_epoch().value;
    partition.replica_nodes = {self};
    partition.isr_nodes = {self};
    if (!topic.partitions[i]->is_online()) {
      partition.error_code = wire::number(ErrorCode::leader_not_available);
      partition.leader_id = -1;
      partition.isr_nodes.clear();
      partition.offline_replicas = {self};
    }
    out.partitions.push_back(std::move(partition));
  }
  return out;
}

TopicAnswer failed(ErrorCode error, std::optional<std::string> name, Uuid id) {
  TopicAnswer out;
  out.error_code = wire::number(error);
  out.name = std::move(name);
  out.topic_id = id;
  return out;
}

TopicAnswer answer_name(Core& core, const std::string& name, bool may_create) {
  if (const Topic* topic = core.topics->find(name)) return describe(core, *topic);
  if (!log::check_topic_name(name)) return failed(ErrorCode::invalid_topic_exception, name, {});
  if (!may_create || !core.config.boolean("auto.create.topics.enable"))
    return failed(ErrorCode::unknown_topic_or_partition, name, {});
  const bool internal = name == offsets_topic;
  const auto count = core.config.number(internal ? "offsets.topic.num.partitions" : "num.partitions");
  const auto made = core.topics->create(name, static_cast<std::int32_t>(count), {});
  if (!made) {
    core.notices.say_limited(fmt::format("topic {} was not made for a client that asked for it: {}", name,
                                         to_string(made.error())));
    return failed(code_of(made.error()), name, {});
  }
  return describe(core, **made);
}

TopicAnswer answer_id(const Core& core, Uuid id) {
  const Topic* topic = core.topics->find(id);
  return topic != nullptr ? describe(core, *topic) : failed(ErrorCode::unknown_topic_id, std::nullopt, id);
}

}  // namespace

void handle_metadata(Core& core, const RequestPtr& request) {
  wire::MetadataRequest asked;
  if (!request->decode(asked)) return;
  wire::MetadataResponse response;
  response.brokers.push_back({core.identity.node_id, core.address.host, core.address.port, std::nullopt});
  response.cluster_id = core.identity.cluster_id;
  response.controller_id = core.identity.node_id;
  const bool all = !asked.topics || (request->version() == 0 && asked.topics->empty());
  if (all) {
    for (const auto& [name, topic] : core.topics->all()) response.topics.push_back(describe(core, *topic));
  } else {
    std::set<std::pair<std::optional<std::string>, Uuid>> seen;  // as Kafka, each topic once
    for (const auto& topic : *asked.topics) {
      if (!seen.emplace(topic.name, topic.topic_id).second) continue;
      response.topics.push_back(topic.name ? answer_name(core, *topic.name, asked.allow_auto_topic_creation)
                                           : answer_id(core, topic.topic_id));
    }
  }
  if (asked.include_topic_authorized_operations)
    for (auto& topic : response.topics) topic.topic_authorized_operations = topic_operations;
  if (asked.include_cluster_authorized_operations)
    response.cluster_authorized_operations = cluster_operations;
  request->answer(response);
}

}  // namespace sluice::broker
