// LeaveGroup v0-5: takes members out of a classic group, several from v3 on (KIP-345; a static one by its
// instance id alone). Errors, per member from v3: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID; INVALID_GROUP_ID.
#include "broker/handlers/group_authorization.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/leave_group_request.h"
#include "wire/generated/leave_group_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_leave_group(Core& core, const RequestPtr& request) {
  wire::LeaveGroupRequest asked;
  if (!request->decode(asked)) return;
  if (is_denied(core, request, asked)) return;
  wire::LeaveGroupResponse response;
  if (asked.group_id.empty()) {
    response.error_code = wire::number(ErrorCode::invalid_group_id);
    return request->answer(response);
  }
  Groups::Entry* entry = core.groups->find(asked.group_id);
  const auto leave = [&](const std::string& member_id, const std::optional<std::string>& instance_id) {
    return wire::number(entry == nullptr ? ErrorCode::unknown_member_id
                                         : entry->group->leave(member_id, instance_id));
  };
  if (request->version() < 3) {
    response.error_code = leave(asked.member_id, std::nullopt);
    return request->answer(response);
  }
  for (const auto& member : asked.members) {
    response.members.push_back(
        {member.member_id, member.group_instance_id, leave(member.member_id, member.group_instance_id)});
  }
  request->answer(response);
}

}  // namespace sluice::broker
