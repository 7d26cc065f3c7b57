// DescribeTopicPartitions v0: topics with their partitions, page by page (KIP-966): at most
// response_partition_limit partitions an answer, then a cursor to go on from. No topics named means all of
// them that the user may describe. Errors per topic: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION,
// TOPIC_AUTHORIZATION_FAILED, INVALID_REQUEST (a cursor at none of them); per partition LEADER_NOT_AVAILABLE.
#include <algorithm>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/describe_topic_partitions_request.h"
#include "wire/generated/describe_topic_partitions_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Response = wire::DescribeTopicPartitionsResponse;
constexpr std::int32_t partitions_per_answer_max = 2000;  // max.request.partition.size.limit

// Adds partitions [begin, ...) as long as `left` allows; returns where it stopped.
std::int32_t describe(const Core& core, const Request& request, const Topic& topic, std::int32_t begin,
                      std::int32_t left, Response& response) {
  auto& out = response.topics.emplace_back();
  out.name = topic.name;
  out.topic_id = topic.id;
  out.is_internal = topic.is_internal();
  out.topic_authorized_operations = authorized_operations(core, request, ResourceType::topic, topic.name);
  const auto count = static_cast<std::int32_t>(topic.partitions.size());
  const std::int32_t end = std::min(count, begin + left);
  for (std::int32_t i = begin; i < end; ++i) {
    const PartitionPtr partition = topic.partition(i);
    auto& partition_out = out.partitions.emplace_back();
    const std::int32_t self = core.identity.node_id;
    const bool online = partition->is_online();
    partition_out.partition_index = i;
    partition_out.leader_id = online ? self : -1;
    partition_out.leader_epoch = partition->leader_epoch().value;
    partition_out.replica_nodes = {self};
    partition_out.eligible_leader_replicas.emplace();
    partition_out.last_known_elr.emplace();
    if (online) {
      partition_out.isr_nodes = {self};
    } else {
      partition_out.error_code = wire::number(ErrorCode::leader_not_available);
      partition_out.offline_replicas = {self};
    }
  }
  return end;
}

void fail_topic(const Core& core, const Request& request, const std::string& name, bool allowed,
                Response& response) {
  auto& out = response.topics.emplace_back();
  out.name = name;
  if (allowed)
    out.topic_authorized_operations = authorized_operations(core, request, ResourceType::topic, name);
  out.error_code = wire::number(!allowed                      ? ErrorCode::topic_authorization_failed
                                : log::check_topic_name(name) ? ErrorCode::unknown_topic_or_partition
                                                              : ErrorCode::invalid_topic_exception);
}

// A cursor that points to none of the topics asked for.
void refuse_all(const wire::DescribeTopicPartitionsRequest& asked, const RequestPtr& request) {
  Response response;
  for (const auto& topic : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    out.error_code = wire::number(ErrorCode::invalid_request);
  }
  request->answer(response);
}

}  // namespace

void handle_describe_topic_partitions(Core& core, const RequestPtr& request) {
  wire::DescribeTopicPartitionsRequest asked;
  if (!request->decode(asked)) return;
  std::vector<std::string> names;
  if (asked.topics.empty()) {
    for (const auto& [name, topic] : core.topics->all())
      if (may_topic(core, *request, AclOperation::describe, name)) names.push_back(name);
  } else {
    for (const auto& topic : asked.topics) names.push_back(topic.name);
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
  }
  const bool bad_cursor =
      asked.cursor &&
      (asked.cursor->partition_index < 0 ||
       (!asked.topics.empty() && !std::ranges::binary_search(names, asked.cursor->topic_name)));
  if (bad_cursor) return refuse_all(asked, request);
  std::int32_t left = std::clamp(asked.response_partition_limit, 1, partitions_per_answer_max);
  Response response;
  for (const std::string& name : names) {
    if (asked.cursor && name < asked.cursor->topic_name) continue;
    const Topic* topic = core.topics->find(name);
    const bool allowed = may_topic(core, *request, AclOperation::describe, name);
    if (topic == nullptr || !allowed) {
      fail_topic(core, *request, name, allowed, response);
      continue;
    }
    const bool resumes = asked.cursor && name == asked.cursor->topic_name;
    const auto count = static_cast<std::int32_t>(topic->partitions.size());
    const std::int32_t begin = resumes ? std::clamp(asked.cursor->partition_index, 0, count) : 0;
    const std::int32_t end = left > 0 ? describe(core, *request, *topic, begin, left, response) : begin;
    left -= end - begin;
    if (end < count) {
      response.next_cursor.emplace();
      response.next_cursor->topic_name = name;
      response.next_cursor->partition_index = end;
      break;
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
