// Metadata v0-13: the one broker, the topics, their partitions.
// v0 takes an empty list for all topics, later versions null; v10 and later name topics also by id (v12
// without a name). A missing topic is made where client (v4) and auto.create.topics.enable allow it, and is
// there in the very answer. Topics that the user may not describe are left out of "all". Errors per topic:
// UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INVALID_TOPIC_EXCEPTION, TOPIC_AUTHORIZATION_FAILED,
// INVALID_REQUEST (an id before v12, neither name nor id); per
// partition LEADER_NOT_AVAILABLE where its log is offline.
#include <fmt/format.h>

#include <algorithm>
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

bool may_make(const Core& core, const Request& request, const std::string& name) {
  return may_cluster(core, request, AclOperation::create) ||
         may_topic(core, request, AclOperation::create, name);
}

Result<void> make(Core& core, const std::string& name) {
  if (name == offsets_topic) return core.groups->make_ready();
  if (name == transactions_topic) return core.transactions->make_ready();
  SLUICE_TRY(core.topics->create(name, static_cast<std::int32_t>(core.config.number("num.partitions")), {}));
  return {};
}

TopicAnswer answer_name(Core& core, const Request& request, const std::string& name, bool may_create) {
  if (!may_topic(core, request, AclOperation::describe, name))
    return failed(ErrorCode::topic_authorization_failed, name, {});
  if (const Topic* topic = core.topics->find(name)) return describe(core, *topic);
  if (!log::check_topic_name(name)) return failed(ErrorCode::invalid_topic_exception, name, {});
  if (!may_create || !core.config.boolean("auto.create.topics.enable"))
    return failed(ErrorCode::unknown_topic_or_partition, name, {});
  if (!may_make(core, request, name)) return failed(ErrorCode::topic_authorization_failed, name, {});
  const Result<void> made = make(core, name);
  if (!made) {
    core.notices.say_limited(fmt::format("topic {} was not made for a client that asked for it: {}", name,
                                         to_string(made.error())));
    return failed(code_of(made.error()), name, {});
  }
  return describe(core, *core.topics->find(name));
}

TopicAnswer answer_id(const Core& core, const Request& request, Uuid id) {
  const Topic* topic = core.topics->find(id);
  if (topic == nullptr) return failed(ErrorCode::unknown_topic_id, std::nullopt, id);
  if (!may_topic(core, request, AclOperation::describe, topic->name))
    return failed(ErrorCode::topic_authorization_failed, std::nullopt, id);
  return describe(core, *topic);
}

void add_operations(const Core& core, const Request& request, const wire::MetadataRequest& asked,
                    wire::MetadataResponse& response) {
  if (asked.include_topic_authorized_operations) {
    for (auto& topic : response.topics) {
      if (topic.error_code != wire::number(ErrorCode::topic_authorization_failed) && topic.name)
        topic.topic_authorized_operations =
            authorized_operations(core, request, ResourceType::topic, *topic.name);
    }
  }
  if (!asked.include_cluster_authorized_operations) return;
  response.cluster_authorized_operations =
      may_cluster(core, request, AclOperation::describe)
          ? authorized_operations(core, request, ResourceType::cluster, cluster_resource)
          : 0;
}

constexpr std::int16_t version_with_ids = 12;

// A topic needs a name, or from v12 on an id.
bool is_malformed(const wire::MetadataRequest& asked, std::int16_t version) {
  if (!asked.topics) return false;
  return std::ranges::any_of(*asked.topics, [&](const auto& topic) {
    if (version < version_with_ids) return !topic.name || !topic.topic_id.is_zero();
    return !topic.name && topic.topic_id.is_zero();
  });
}

void refuse_all(const wire::MetadataRequest& asked, const RequestPtr& request) {
  wire::MetadataResponse response;
  response.cluster_id.reset();
  for (const auto& topic : *asked.topics) {
    auto name = topic.name;
    if (!name && request->version() < version_with_ids) name.emplace();
    response.topics.push_back(failed(ErrorCode::invalid_request, name, topic.topic_id));
  }
  request->answer(response);
}

}  // namespace

void handle_metadata(Core& core, const RequestPtr& request) {
  wire::MetadataRequest asked;
  if (!request->decode(asked)) return;
  if (is_malformed(asked, request->version())) return refuse_all(asked, request);
  wire::MetadataResponse response;
  const env::Address& self = request->session().listener->advertised;
  response.brokers.push_back({core.identity.node_id, self.host, self.port, std::nullopt});
  response.cluster_id = core.identity.cluster_id;
  response.controller_id = core.identity.node_id;
  const bool all = !asked.topics || (request->version() == 0 && asked.topics->empty());
  if (all) {
    for (const auto& [name, topic] : core.topics->all()) {
      if (may_topic(core, *request, AclOperation::describe, name))
        response.topics.push_back(describe(core, *topic));
    }
  } else {
    std::set<std::pair<std::optional<std::string>, Uuid>> seen;  // as Kafka, each topic once
    const bool by_id =
        std::ranges::any_of(*asked.topics, [](const auto& topic) { return !topic.topic_id.is_zero(); });
    for (auto& topic : *asked.topics) {
      if (by_id) topic.name.reset();  // where one has an id, all are found by it
      if (by_id && topic.topic_id.is_zero()) continue;
      if (!seen.emplace(topic.name, topic.topic_id).second) continue;
      response.topics.push_back(
          topic.name ? answer_name(core, *request, *topic.name, asked.allow_auto_topic_creation)
                     : answer_id(core, *request, topic.topic_id));
    }
  }
  add_operations(core, *request, asked, response);
  request->answer(response);
}

}  // namespace sluice::broker
