// ConsumerGroupDescribe v0-1 (KIP-848): epochs, members, current and target assignments of consumer groups;
// v1 says which members speak the classic protocol (KIP-1099). A group asked for twice is answered once.
// Errors per group: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND (classic groups too: DescribeGroups has them),
// GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED (one of its topics may not be described).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/consumer_group_describe_request.h"
#include "wire/generated/consumer_group_describe_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Response = wire::ConsumerGroupDescribeResponse;

/// With the topics' names; topics that are gone are left out.
Response::Assignment named(Core& core, const TopicPartitions& partitions) {
  Response::Assignment out;
  for (const auto& [id, indexes] : partitions)
    if (const Topic* topic = core.topics->find(id))
      out.topic_partitions.push_back({id, topic->name, {indexes.begin(), indexes.end()}});
  return out;
}

Response::Member describe(Core& core, const ConsumerGroup& group, const std::string& id,
                          const ConsumerGroup::Member& member) {
  TopicPartitions held;
  for (const auto* some : {&member.current.assigned, &member.current.pending_revocation})
    for (const auto& [topic, partitions] : *some)
      for (const auto& [partition, since] : partitions) held[topic].insert(partition);
  Response::Member out;
  out.member_id = id;
  out.instance_id = member.metadata.instance_id;
  out.rack_id = member.metadata.rack_id;
  out.member_epoch = member.current.epoch;
  out.client_id = member.metadata.client_id;
  out.client_host = member.metadata.client_host;
  out.subscribed_topic_names = {member.metadata.topics.begin(), member.metadata.topics.end()};
  out.subscribed_topic_regex = member.metadata.regex;
  out.assignment = named(core, held);
  out.target_assignment = named(core, group.target_of(id));
  out.member_type = member.metadata.classic ? 0 : 1;
  return out;
}

/// Whether every topic that is told with a member may be described.
bool may_tell(const Core& core, const Request& request, const Response::Member& member) {
  const auto allowed = [&](const auto& topic) {
    return may_topic(core, request, AclOperation::describe, topic.topic_name);
  };
  return std::ranges::all_of(member.assignment.topic_partitions, allowed) &&
         std::ranges::all_of(member.target_assignment.topic_partitions, allowed) &&
         std::ranges::all_of(member.subscribed_topic_names, [&](const std::string& topic) {
           return may_topic(core, request, AclOperation::describe, topic);
         });
}

void describe(Core& core, const Request& request, const std::string& id, Response::DescribedGroup& out) {
  const Groups::Entry* entry = core.groups->find(id);
  if (!may_group(core, request, AclOperation::describe, id)) {
    out.error_code = wire::number(ErrorCode::group_authorization_failed);
  } else if (id.empty()) {
    out.error_code = wire::number(ErrorCode::invalid_group_id);
  } else if (entry == nullptr || entry->consumer == nullptr) {
    out.error_code = wire::number(ErrorCode::group_id_not_found);
    out.error_message = entry == nullptr ? fmt::format("Group {} not found.", id)
                                         : fmt::format("Group {} is not a consumer group.", id);
  } else {
    const ConsumerGroup& group = *entry->consumer;
    out.group_state = group.state_name();
    out.group_epoch = group.epoch();
    out.assignment_epoch = group.target_epoch();
    out.assignor_name = name(group.preferred_assignor());
    for (const auto& [member_id, member] : group.members())
      out.members.push_back(describe(core, group, member_id, member));
    if (!std::ranges::all_of(out.members,
                             [&](const auto& member) { return may_tell(core, request, member); })) {
      out.error_code = wire::number(ErrorCode::topic_authorization_failed);
      out.error_message = "The group has described topic(s) that the client is not authorized to describe.";
      out.members.clear();
    }
  }
}

}  // namespace

void handle_consumer_group_describe(Core& core, const RequestPtr& request) {
  wire::ConsumerGroupDescribeRequest asked;
  if (!request->decode(asked)) return;
  Response response;
  std::set<std::string_view> seen;
  for (const std::string& id : asked.group_ids) {
    if (!seen.insert(id).second) continue;
    auto& out = response.groups.emplace_back();
    out.group_id = id;
    describe(core, *request, id, out);
    if (asked.include_authorized_operations && out.error_code == 0)
      out.authorized_operations = authorized_operations(core, *request, ResourceType::group, id);
  }
  request->answer(response);
}

}  // namespace sluice::broker
