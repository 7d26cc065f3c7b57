#include "broker/handlers/group_authorization.h"

#include "broker/handlers/authorized.h"
#include "wire/errors.h"
#include "wire/generated/heartbeat_response.h"
#include "wire/generated/join_group_response.h"
#include "wire/generated/leave_group_response.h"
#include "wire/generated/offset_commit_response.h"
#include "wire/generated/offset_delete_response.h"
#include "wire/generated/sync_group_response.h"

namespace sluice::broker {
namespace {

constexpr std::int16_t denied = wire::number(wire::ErrorCode::group_authorization_failed);

// For answers with one error.
template <class Asked>
bool deny_with_code(const Core& core, const RequestPtr& request, const Asked& asked, AclOperation operation) {
  if (may_group(core, *request, operation, asked.group_id)) return false;
  typename Asked::Response response;
  response.error_code = denied;
  request->answer(response);
  return true;
}

}  // namespace

bool is_denied(const Core& core, const RequestPtr& request, const wire::OffsetCommitRequest& asked) {
  if (may_group(core, *request, AclOperation::read, asked.group_id)) return false;
  wire::OffsetCommitResponse response;
  for (const auto& topic : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    out.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions)
      out.partitions.push_back({partition.partition_index, denied});
  }
  request->answer(response);
  return true;
}

bool is_denied(const Core& core, const RequestPtr& request, const wire::JoinGroupRequest& asked) {
  constexpr std::int16_t null_protocol_version_min = 7;
  if (may_group(core, *request, AclOperation::read, asked.group_id)) return false;
  wire::JoinGroupResponse response;
  response.error_code = denied;
  response.generation_id = -1;
  if (request->version() < null_protocol_version_min) response.protocol_name = "";
  request->answer(response);
  return true;
}

bool is_denied(const Core& core, const RequestPtr& request, const wire::HeartbeatRequest& asked) {
  return deny_with_code(core, request, asked, AclOperation::read);
}

bool is_denied(const Core& core, const RequestPtr& request, const wire::LeaveGroupRequest& asked) {
  return deny_with_code(core, request, asked, AclOperation::read);
}

bool is_denied(const Core& core, const RequestPtr& request, const wire::SyncGroupRequest& asked) {
  return deny_with_code(core, request, asked, AclOperation::read);
}

bool is_denied(const Core& core, const RequestPtr& request, const wire::OffsetDeleteRequest& asked) {
  return deny_with_code(core, request, asked, AclOperation::remove);
}

}  // namespace sluice::broker
