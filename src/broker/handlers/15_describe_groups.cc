// DescribeGroups v0-6: state and members of classic groups. A group that is not there is "Dead" (v0-5), or
// GROUP_ID_NOT_FOUND (v6, KIP-1043); so is a consumer group (KIP-848). A group asked for twice is answered
// once. Errors per group: GROUP_AUTHORIZATION_FAILED.
#include <fmt/format.h>

#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/describe_groups_request.h"
#include "wire/generated/describe_groups_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_describe_groups(Core& core, const RequestPtr& request) {
  wire::DescribeGroupsRequest asked;
  if (!request->decode(asked)) return;
  wire::DescribeGroupsResponse response;
  std::vector<GroupSnapshot> snapshots;  // what the answer borrows from
  snapshots.reserve(asked.groups.size());
  std::set<std::string_view> seen;
  for (const std::string& id : asked.groups) {
    if (!seen.insert(id).second) continue;
    auto& out = response.groups.emplace_back();
    out.group_id = id;
    if (!may_group(core, *request, AclOperation::describe, id)) {
      out.error_code = wire::number(ErrorCode::group_authorization_failed);
      continue;
    }
    const Groups::Entry* entry = core.groups->find(id);
    if (entry == nullptr || entry->classic == nullptr) {
      out.group_state = name(GroupState::dead);
      if (request->version() >= 6) {
        out.error_code = wire::number(ErrorCode::group_id_not_found);
        out.error_message = entry == nullptr ? fmt::format("Group {} not found.", id)
                                             : fmt::format("Group {} is not a classic group.", id);
        continue;
      }
    }
    if (asked.include_authorized_operations)
      out.authorized_operations = authorized_operations(core, *request, ResourceType::group, id);
    if (entry == nullptr || entry->classic == nullptr) continue;
    const Group& group = *entry->classic;
    const GroupSnapshot& snapshot = snapshots.emplace_back(group.snapshot());
    out.group_state = name(group.state());
    out.protocol_type = snapshot.protocol_type;
    const bool stable = group.state() == GroupState::stable;
    if (stable) out.protocol_data = snapshot.protocol.value_or("");
    for (const auto& member : snapshot.members) {
      auto& member_out = out.members.emplace_back();
      member_out.member_id = member.id;
      member_out.group_instance_id = member.instance_id;
      member_out.client_id = member.client_id;
      member_out.client_host = member.client_host;
      if (stable) member_out.member_metadata = BytesView(member.subscription);
      member_out.member_assignment = BytesView(member.assignment);
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
