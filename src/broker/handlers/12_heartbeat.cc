// Heartbeat v0-4: a member says that it is alive and hears whether a rebalance is on. Errors:
// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, INVALID_GROUP_ID,
// COORDINATOR_NOT_AVAILABLE, GROUP_AUTHORIZATION_FAILED.
#include "broker/handlers/group_authorization.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/heartbeat_request.h"
#include "wire/generated/heartbeat_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_heartbeat(Core& core, const RequestPtr& request) {
  wire::HeartbeatRequest asked;
  if (!request->decode(asked)) return;
  if (is_denied(core, request, asked)) return;
  ErrorCode error = ErrorCode::unknown_member_id;
  if (asked.group_id.empty()) {
    error = ErrorCode::invalid_group_id;
  } else if (Groups::Entry* entry = core.groups->find(asked.group_id)) {
    error = entry->classic != nullptr
                ? entry->classic->heartbeat(asked.member_id, asked.group_instance_id, asked.generation_id)
                : entry->consumer->classic_heartbeat(asked.member_id, asked.group_instance_id,
                                                     asked.generation_id);
  }
  wire::HeartbeatResponse response;
  response.error_code = wire::number(error);
  request->answer(response);
}

}  // namespace sluice::broker
