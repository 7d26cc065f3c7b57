// Requests that act on one group, from users who may not: answered here, with GROUP_AUTHORIZATION_FAILED
// wherever the answer has room for it.
#pragma once

#include "broker/core.h"
#include "broker/request.h"
#include "wire/generated/heartbeat_request.h"
#include "wire/generated/join_group_request.h"
#include "wire/generated/leave_group_request.h"
#include "wire/generated/offset_commit_request.h"
#include "wire/generated/offset_delete_request.h"
#include "wire/generated/sync_group_request.h"

namespace sluice::broker {

/// True where the user may not: the request is answered then. Needed is read on the group; delete for
/// OffsetDelete.
bool is_denied(const Core& core, const RequestPtr& request, const wire::OffsetCommitRequest& asked);
bool is_denied(const Core& core, const RequestPtr& request, const wire::JoinGroupRequest& asked);
bool is_denied(const Core& core, const RequestPtr& request, const wire::HeartbeatRequest& asked);
bool is_denied(const Core& core, const RequestPtr& request, const wire::LeaveGroupRequest& asked);
bool is_denied(const Core& core, const RequestPtr& request, const wire::SyncGroupRequest& asked);
bool is_denied(const Core& core, const RequestPtr& request, const wire::OffsetDeleteRequest& asked);

}  // namespace sluice::broker
