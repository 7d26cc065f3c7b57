// CreateTopics v2-7: makes topics; each is durable before it is answered. -1 partitions or replicas (v4) mean
// the defaults; there is one replica, on this node. Errors per topic: INVALID_TOPIC_EXCEPTION,
// TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT,
// INVALID_CONFIG (unknown names too), INVALID_REQUEST (a name twice), POLICY_VIOLATION (more than 10,000
// partitions in one request), TOPIC_AUTHORIZATION_FAILED (create on the cluster or the topic is needed),
// KAFKA_STORAGE_ERROR; checked in Kafka's order: name, settings, partitions. The settings are told to those
// who may describe them.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/handlers/authorized.h"
#include "broker/handlers/config_entries.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/create_topics_request.h"
#include "wire/generated/create_topics_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Asked = wire::CreateTopicsRequest::CreatableTopic;
using Answered = wire::CreateTopicsResponse::CreatableTopicResult;

Result<std::int32_t> partitions_wanted(const Core& core, const Asked& topic) {
  if (topic.assignments.empty()) {
    if (topic.replication_factor == 0 || topic.replication_factor < -1)
      return refuse(ErrorCode::invalid_replication_factor, "replicas are 1 or more, or -1 for the default");
    if (topic.num_partitions == 0 || topic.num_partitions < -1)
      return refuse(ErrorCode::invalid_partitions, "partitions are 1 or more, or -1 for the default");
    const auto replicas = topic.replication_factor == -1 ? core.config.number("default.replication.factor")
                                                         : topic.replication_factor;
    if (replicas != 1) {
      return refuse(ErrorCode::invalid_replication_factor,
                    fmt::format("{} replicas are wanted; this broker is one node and keeps one", replicas));
    }
    if (topic.num_partitions == -1) return static_cast<std::int32_t>(core.config.number("num.partitions"));
    return topic.num_partitions;
  }
  if (topic.num_partitions != -1 || topic.replication_factor != -1)
    return refuse(ErrorCode::invalid_request, "partitions are counted or assigned, not both");
  std::map<std::int32_t, bool> seen;
  for (const auto& assignment : topic.assignments) {
    if (assignment.broker_ids != std::vector<std::int32_t>{core.identity.node_id})
      return refuse(ErrorCode::invalid_replica_assignment, "replicas lie on this node alone");
    seen[assignment.partition_index] = true;
  }
  const auto count = static_cast<std::int32_t>(topic.assignments.size());
  if (seen.size() != topic.assignments.size() || seen.begin()->first != 0 ||
      seen.rbegin()->first != count - 1)
    return refuse(ErrorCode::invalid_replica_assignment, "partitions must be numbered from 0 without gaps");
  return count;
}

Result<void> check_allowed(const Core& core, const Request& request, const std::string& name) {
  if (may_cluster(core, request, AclOperation::create) ||
      may_topic(core, request, AclOperation::create, name))
    return {};
  return refuse(ErrorCode::topic_authorization_failed, "create on the cluster or the topic is needed");
}

Result<Values> values_of(const Asked& topic) {
  Values values;
  for (const auto& config : topic.configs) {
    if (!config.value) return refuse(ErrorCode::invalid_config, fmt::format("{} has no value", config.name));
    values[config.name] = *config.value;
  }
  if (const auto good = check_topic_values(values); !good)
    return refuse(ErrorCode::invalid_config, to_string(good.error()));
  return values;
}

void tell_configs(const Core& core, const Request& request, const Values& values, Answered& out) {
  if (!may_topic(core, request, AclOperation::describe_configs, out.name)) {
    out.topic_config_error_code = wire::number(ErrorCode::topic_authorization_failed);
    out.num_partitions = -1;
    out.replication_factor = -1;
    return;
  }
  out.configs.emplace();
  for (const ConfigEntry& entry : topic_config_entries(core.config, values)) {
    out.configs->push_back(
        {entry.name, entry.value, entry.read_only, static_cast<std::int8_t>(entry.source), false});
  }
}

Result<void> create(Core& core, const Request& request, const Asked& topic, bool validate_only,
                    Answered& out) {
  SLUICE_TRY(check_allowed(core, request, topic.name));
  SLUICE_TRY(core.topics->check_new(topic.name, 1, {}));  // the name before all else
  const Values values = SLUICE_TRY(values_of(topic));
  const std::int32_t count = SLUICE_TRY(partitions_wanted(core, topic));
  if (validate_only) {
    SLUICE_TRY(core.topics->check_new(topic.name, count, values));
    out.topic_id = core.env.random->next_uuid();  // Kafka tells one too, of a topic that never is
  } else {
    out.topic_id = SLUICE_TRY(core.topics->create(topic.name, count, values))->id;
  }
  out.num_partitions = count;
  out.replication_factor = 1;
  tell_configs(core, request, values, out);
  return {};
}

// As Kafka's controller: what one request can make, or have described, is bounded.
bool is_too_much(const wire::CreateTopicsRequest& asked) {
  constexpr std::int64_t partitions_per_request_max = 10'000;
  std::int64_t partitions = 0;
  for (const Asked& topic : asked.topics)
    partitions += std::max<std::int64_t>({1, topic.num_partitions, std::ssize(topic.assignments)});
  return partitions > partitions_per_request_max;
}

}  // namespace

void handle_create_topics(Core& core, const RequestPtr& request) {
  wire::CreateTopicsRequest asked;
  if (!request->decode(asked)) return;
  std::map<std::string, int> times;
  for (const Asked& topic : asked.topics) ++times[topic.name];
  const bool too_much = is_too_much(asked);
  wire::CreateTopicsResponse response;
  for (const auto& [name, count] : times) {
    if (count < 2) continue;
    Answered& out = response.topics.emplace_back();
    out.name = name;
    out.error_code = wire::number(ErrorCode::invalid_request);
    out.error_message = "the request names this topic more than once";
  }
  for (const Asked& topic : asked.topics) {
    if (times[topic.name] > 1) continue;
    Answered& out = response.topics.emplace_back();
    out.name = topic.name;
    out.error_message.reset();
    const auto made =
        too_much ? refuse(ErrorCode::policy_violation, "too many partitions in one request; none was made")
                 : create(core, *request, topic, asked.validate_only, out);
    if (!made) {
      out.error_code = wire::number(code_of(made.error()));
      out.error_message = made.error().message;
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
