// DescribeTopicPartitions v0: topics with their partitions, page by page (KIP-966): at most
// response_partition_limit partitions an answer, then a cursor to go on from. No topics named means all of
// them that the user may describe. Errors per topic: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION,
// TOPIC_AUTHORIZATION_FAILED, INVALID_REQUEST (a cursor before partition 0, or of another topic); per
// partition LEADER_NOT_AVAILABLE.
#include <algorithm>
#include <set>

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

void fail_topic(const std::string& name, ErrorCode error, Response& response) {
  auto& out = response.topics.emplace_back();
  out.name = name;
  out.error_code = wire::number(error);
}

/// The topics to describe, in order: those asked for, or all, from the cursor's on.
std::set<std::string> wanted(const Core& core, const wire::DescribeTopicPartitionsRequest& asked) {
  std::set<std::string> names;
  const auto take = [&](const std::string& name) {
    if (!asked.cursor || name >= asked.cursor->topic_name) names.insert(name);
  };
  for (const auto& topic : asked.topics) take(topic.name);
  if (asked.topics.empty())
    for (const auto& [name, topic] : core.topics->all()) take(name);
  return names;
}

// The cursor's topic must be among those asked for, where some are.
bool is_good(const wire::DescribeTopicPartitionsRequest::Cursor& cursor,
             const std::vector<wire::DescribeTopicPartitionsRequest::TopicRequest>& topics) {
  const auto is_named = [&](const auto& topic) { return topic.name == cursor.topic_name; };
  return cursor.partition_index >= 0 && (topics.empty() || std::ranges::any_of(topics, is_named));
}

void point_to(const std::string& name, std::int32_t partition, Response& response) {
  response.next_cursor.emplace();
  response.next_cursor->topic_name = name;
  response.next_cursor->partition_index = partition;
}

// As many topics as there is room for; then the cursor says where the next answer begins.
void describe_all(const Core& core, const Request& request, const wire::DescribeTopicPartitionsRequest& asked,
                  Response& response) {
  std::int32_t left = std::clamp(asked.response_partition_limit, 1, partitions_per_answer_max);
  std::vector<std::string> forbidden;
  for (const std::string& name : wanted(core, asked)) {
    if (!may_topic(core, request, AclOperation::describe, name)) {
      if (!asked.topics.empty()) forbidden.push_back(name);
      continue;
    }
    if (left == 0) {
      point_to(name, 0, response);
      break;
    }
    const Topic* topic = core.topics->find(name);
    if (topic == nullptr) {
      fail_topic(name,
                 log::check_topic_name(name) ? ErrorCode::unknown_topic_or_partition
                                             : ErrorCode::invalid_topic_exception,
                 response);
      response.topics.back().topic_authorized_operations =
          authorized_operations(core, request, ResourceType::topic, name);
      continue;
    }
    const bool resumes = asked.cursor && name == asked.cursor->topic_name;
    const auto count = static_cast<std::int32_t>(topic->partitions.size());
    const std::int32_t begin = resumes ? std::min(asked.cursor->partition_index, count) : 0;
    const std::int32_t end = describe(core, request, *topic, begin, left, response);
    left -= end - begin;
    if (end < count) {
      point_to(name, end, response);
      break;
    }
  }
  for (const std::string& name : forbidden) fail_topic(name, ErrorCode::topic_authorization_failed, response);
}

}  // namespace

void handle_describe_topic_partitions(Core& core, const RequestPtr& request) {
  wire::DescribeTopicPartitionsRequest asked;
  if (!request->decode(asked)) return;
  Response response;
  if (asked.cursor && !is_good(*asked.cursor, asked.topics)) {
    for (const auto& topic : asked.topics) fail_topic(topic.name, ErrorCode::invalid_request, response);
  } else {
    describe_all(core, *request, asked, response);
  }
  request->answer(response);
}

}  // namespace sluice::broker
