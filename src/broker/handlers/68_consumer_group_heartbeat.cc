// ConsumerGroupHeartbeat v0-1 (KIP-848): a member joins (epoch 0), stays, changes its subscription, leaves
// (-1) or, if it is static, goes to come back (-2); it learns what it may use. v1 subscribes by pattern and
// needs a member id of the client's own (KIP-1082). A classic group becomes a consumer group where it may.
// Errors: INVALID_REQUEST, UNSUPPORTED_ASSIGNOR, INVALID_REGULAR_EXPRESSION, GROUP_ID_NOT_FOUND,
// UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID, GROUP_MAX_SIZE_REACHED,
// COORDINATOR_NOT_AVAILABLE, GROUP_AUTHORIZATION_FAILED (READ), TOPIC_AUTHORIZATION_FAILED (DESCRIBE on the
// topics subscribed by name; those that a pattern means are left out).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/consumer_group_heartbeat_request.h"
#include "wire/generated/consumer_group_heartbeat_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Asked = wire::ConsumerGroupHeartbeatRequest;

bool is_blank(const std::optional<std::string>& text) {
  return text && std::ranges::all_of(*text, [](unsigned char c) { return c <= ' '; });
}

/// What is wrong with the request by itself; empty: nothing.
std::string_view malformed(const Asked& asked, std::int16_t version) {
  if ((version >= 1 || asked.member_epoch > 0 || asked.member_epoch == leave_epoch) &&
      is_blank(asked.member_id))
    return "MemberId can't be empty.";
  if (is_blank(asked.group_id)) return "GroupId can't be empty.";
  if (is_blank(asked.instance_id)) return "InstanceId can't be empty.";
  if (is_blank(asked.rack_id)) return "RackId can't be empty.";
  if (asked.member_epoch == 0) {
    if (asked.rebalance_timeout_ms == -1) return "RebalanceTimeoutMs must be provided in first request.";
    if (!asked.topic_partitions || !asked.topic_partitions->empty())
      return "TopicPartitions must be empty when (re-)joining.";
    if (!asked.subscribed_topic_names && !asked.subscribed_topic_regex)
      return "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.";
  }
  if (asked.member_epoch == static_leave_epoch && !asked.instance_id) return "InstanceId can't be null.";
  if (asked.member_epoch < static_leave_epoch) return "MemberEpoch is invalid.";
  return {};
}

void answer(const RequestPtr& request, HeartbeatAnswer heard) {
  wire::ConsumerGroupHeartbeatResponse response;
  response.error_code = wire::number(heard.error);
  if (heard.error != ErrorCode::none) {
    response.error_message = std::move(heard.message);
    return request->answer(response);
  }
  response.member_id = std::move(heard.member_id);
  response.member_epoch = heard.epoch;
  response.heartbeat_interval_ms = heard.heartbeat_interval_ms;
  if (heard.assignment) {
    auto& assignment = response.assignment.emplace();
    for (const auto& [topic, partitions] : *heard.assignment)
      assignment.topic_partitions.push_back({topic, {partitions.begin(), partitions.end()}});
  }
  request->answer(response);
}

void refuse(const RequestPtr& request, ErrorCode error, std::string message) {
  HeartbeatAnswer refused;
  refused.error = error;
  refused.message = std::move(message);
  answer(request, std::move(refused));
}

HeartbeatRequest translate(const RequestPtr& request, Asked& asked) {
  HeartbeatRequest out;
  out.member_id = std::move(asked.member_id);
  out.epoch = asked.member_epoch;
  out.client_id = request->client_id();
  out.client_host = "/" + request->peer_host();
  out.instance_id = std::move(asked.instance_id);
  out.rack_id = std::move(asked.rack_id);
  out.rebalance_timeout_ms = asked.rebalance_timeout_ms;
  if (asked.subscribed_topic_names)
    out.topics.emplace(asked.subscribed_topic_names->begin(), asked.subscribed_topic_names->end());
  out.regex = std::move(asked.subscribed_topic_regex);
  out.assignor = std::move(asked.server_assignor);
  if (asked.topic_partitions) {
    auto& owned = out.owned.emplace();
    for (const auto& topic : *asked.topic_partitions)
      if (!topic.partitions.empty())
        owned[topic.topic_id].insert(topic.partitions.begin(), topic.partitions.end());
  }
  return out;
}

}  // namespace

void handle_consumer_group_heartbeat(Core& core, const RequestPtr& request) {
  Asked asked;
  if (!request->decode(asked)) return;
  if (!may_group(core, *request, AclOperation::read, asked.group_id))
    return refuse(request, ErrorCode::group_authorization_failed, "Group authorization failed.");
  for (const std::string& topic : asked.subscribed_topic_names.value_or(std::vector<std::string>{}))
    if (!may_topic(core, *request, AclOperation::describe, topic))
      return refuse(request, ErrorCode::topic_authorization_failed, "Topic authorization failed.");
  if (const std::string_view why = malformed(asked, request->version()); !why.empty())
    return refuse(request, ErrorCode::invalid_request, std::string(why));
  if (asked.server_assignor) {
    std::vector<std::string_view> names;
    for (const Assignor assignor : core.groups->settings(asked.group_id).assignors)
      names.push_back(name(assignor));
    if (std::ranges::find(names, *asked.server_assignor) == names.end()) {
      return refuse(request, ErrorCode::unsupported_assignor,
                    fmt::format("ServerAssignor {} is not supported. Supported assignors: {}.",
                                *asked.server_assignor, fmt::join(names, ", ")));
    }
  }
  const std::string group_id = asked.group_id;
  HeartbeatRequest heartbeat = translate(request, asked);
  heartbeat.may_describe = [&](const std::string& topic) {
    return may_topic(core, *request, AclOperation::describe, topic);
  };
  core.groups->heartbeat(group_id, std::move(heartbeat),
                         [request](HeartbeatAnswer heard) { answer(request, std::move(heard)); });
}

}  // namespace sluice::broker
