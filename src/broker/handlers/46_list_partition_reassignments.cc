// ListPartitionReassignments v0: there are none, ever. Needs describe on the cluster:
// CLUSTER_AUTHORIZATION_FAILED.
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/list_partition_reassignments_request.h"
#include "wire/generated/list_partition_reassignments_response.h"

namespace sluice::broker {

void handle_list_partition_reassignments(Core& core, const RequestPtr& request) {
  wire::ListPartitionReassignmentsRequest asked;
  if (!request->decode(asked)) return;
  wire::ListPartitionReassignmentsResponse response;
  response.error_message.reset();
  if (!may_cluster(core, *request, AclOperation::describe))
    response.error_code = wire::number(wire::ErrorCode::cluster_authorization_failed);
  request->answer(response);
}

}  // namespace sluice::broker
