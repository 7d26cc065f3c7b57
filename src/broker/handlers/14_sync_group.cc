// SyncGroup v0-5: takes the leader's assignment and hands each member its part, once it is durable. Errors:
// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS,
// INCONSISTENT_GROUP_PROTOCOL (v5), INVALID_GROUP_ID, COORDINATOR_NOT_AVAILABLE, GROUP_AUTHORIZATION_FAILED.
#include "broker/handlers/group_authorization.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/sync_group_request.h"
#include "wire/generated/sync_group_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

void answer(const RequestPtr& request, const SyncAnswer& synced) {
  wire::SyncGroupResponse response;
  response.error_code = wire::number(synced.error);
  response.protocol_type = synced.protocol_type;
  response.protocol_name = synced.protocol;
  response.assignment = BytesView(synced.assignment);
  request->answer(response);
}

void refuse(const RequestPtr& request, ErrorCode error) {
  SyncAnswer synced;
  synced.error = error;
  answer(request, synced);
}

}  // namespace

void handle_sync_group(Core& core, const RequestPtr& request) {
  wire::SyncGroupRequest asked;
  if (!request->decode(asked)) return;
  if (is_denied(core, request, asked)) return;
  constexpr std::int16_t protocol_version_min = 5;
  if (request->version() >= protocol_version_min && (!asked.protocol_type || !asked.protocol_name))
    return refuse(request, ErrorCode::inconsistent_group_protocol);
  if (asked.group_id.empty()) return refuse(request, ErrorCode::invalid_group_id);
  Groups::Entry* entry = core.groups->find(asked.group_id);
  if (entry == nullptr) return refuse(request, ErrorCode::unknown_member_id);
  SyncRequest sync;
  sync.member_id = asked.member_id;
  sync.instance_id = asked.group_instance_id;
  sync.generation = asked.generation_id;
  sync.protocol_type = asked.protocol_type;
  sync.protocol = asked.protocol_name;
  for (auto& assignment : asked.assignments)
    sync.assignments.emplace_back(std::move(assignment.member_id), to_owned(assignment.assignment));
  const auto reply = [request](const SyncAnswer& synced) { answer(request, synced); };
  if (entry->classic != nullptr) return entry->classic->sync(std::move(sync), reply);
  entry->consumer->sync(sync, reply);
}

}  // namespace sluice::broker
