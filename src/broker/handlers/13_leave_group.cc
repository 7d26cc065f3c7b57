// LeaveGroup v0-5: takes members out of a group, several from v3 on (KIP-345; a static one by its instance id
// alone), before the rest rebalances. Errors, per member from v3: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID;
// INVALID_GROUP_ID, GROUP_AUTHORIZATION_FAILED.
#include "broker/handlers/group_authorization.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/leave_group_request.h"
#include "wire/generated/leave_group_response.h"

namespace sluice::broker {

using wire::ErrorCode;
constexpr std::int16_t batch_version_min = 3;

void handle_leave_group(Core& core, const RequestPtr& request) {
  wire::LeaveGroupRequest asked;
  if (!request->decode(asked)) return;
  if (is_denied(core, request, asked)) return;
  if (asked.group_id.empty()) {
    wire::LeaveGroupResponse response;
    response.error_code = wire::number(ErrorCode::invalid_group_id);
    return request->answer(response);
  }
  std::vector<LeavingMember> leaving;
  const bool batch = request->version() >= batch_version_min;
  if (!batch) leaving.push_back({asked.member_id, std::nullopt});
  for (const auto& member : asked.members) leaving.push_back({member.member_id, member.group_instance_id});
  const auto reply = [request, batch, leaving](const std::vector<ErrorCode>& errors) {
    wire::LeaveGroupResponse response;
    for (std::size_t i = 0; i < leaving.size(); ++i) {
      if (batch) {
        response.members.push_back(
            {leaving[i].member_id, leaving[i].instance_id, wire::number(errors.at(i))});
      } else {
        response.error_code = wire::number(errors.at(i));
      }
    }
    request->answer(response);
  };
  Groups::Entry* entry = core.groups->find(asked.group_id);
  if (entry == nullptr) return reply({leaving.size(), ErrorCode::unknown_member_id});
  if (entry->consumer != nullptr) return entry->consumer->leave(leaving, reply);
  reply(entry->classic->leave(leaving));
}

}  // namespace sluice::broker
