// JoinGroup v0-9: enters a group by the classic protocol; answered when the join phase ends. A consumer group
// with members (KIP-848) takes those of the classic protocol in, and answers at once. v4 and later tell an
// unknown member its id first (KIP-394), v5 static members (KIP-345), v9 the skipped assignment (KIP-814).
// Errors: INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, UNKNOWN_MEMBER_ID, MEMBER_ID_REQUIRED,
// FENCED_INSTANCE_ID, INCONSISTENT_GROUP_PROTOCOL, GROUP_MAX_SIZE_REACHED, GROUP_AUTHORIZATION_FAILED,
// REBALANCE_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE.
#include "broker/handlers/group_authorization.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/join_group_request.h"
#include "wire/generated/join_group_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

void answer(const RequestPtr& request, const JoinAnswer& joined) {
  wire::JoinGroupResponse response;
  response.error_code = wire::number(joined.error);
  response.generation_id = joined.generation;
  response.protocol_type = joined.protocol_type;
  response.protocol_name = joined.protocol;
  if (request->version() < 7 && !response.protocol_name) response.protocol_name = "";
  response.leader = joined.leader;
  response.skip_assignment = joined.skip_assignment;
  response.member_id = joined.member_id;
  for (const auto& member : joined.members)
    response.members.push_back({member.id, member.instance_id, BytesView(member.metadata)});
  request->answer(response);
}

void refuse(const RequestPtr& request, ErrorCode error, const std::string& member_id) {
  JoinAnswer joined;
  joined.error = error;
  joined.member_id = member_id;
  answer(request, joined);
}

JoinRequest translate(const RequestPtr& request, wire::JoinGroupRequest& asked) {
  JoinRequest join;
  join.member_id = std::move(asked.member_id);
  join.instance_id = std::move(asked.group_instance_id);
  join.client_id = request->client_id();
  join.client_host = "/" + request->peer_host();
  join.session_timeout_ms = asked.session_timeout_ms;
  join.rebalance_timeout_ms =
      asked.rebalance_timeout_ms >= 0 ? asked.rebalance_timeout_ms : asked.session_timeout_ms;
  join.protocol_type = std::move(asked.protocol_type);
  for (auto& protocol : asked.protocols)
    join.protocols.push_back({std::move(protocol.name), to_owned(protocol.metadata)});
  join.member_id_required = request->version() >= 4;
  join.skip_assignment_supported = request->version() >= 9;
  return join;
}

}  // namespace

void handle_join_group(Core& core, const RequestPtr& request) {
  wire::JoinGroupRequest asked;
  if (!request->decode(asked)) return;
  if (is_denied(core, request, asked)) return;
  if (asked.group_id.empty()) return refuse(request, ErrorCode::invalid_group_id, asked.member_id);
  if (asked.session_timeout_ms < core.config.number("group.min.session.timeout.ms") ||
      asked.session_timeout_ms > core.config.number("group.max.session.timeout.ms"))
    return refuse(request, ErrorCode::invalid_session_timeout, asked.member_id);
  if (!core.groups->make_ready())
    return refuse(request, ErrorCode::coordinator_not_available, asked.member_id);
  const std::string group_id = asked.group_id;
  core.groups->join(group_id, translate(request, asked),
                    [request](const JoinAnswer& joined) { answer(request, joined); });
}

}  // namespace sluice::broker
