// DescribeCluster v0-2: the cluster's id and its one node. Endpoints of brokers (type 1) only: asking for
// controllers gets MISMATCHED_ENDPOINT_TYPE, other types UNSUPPORTED_ENDPOINT_TYPE.
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/describe_cluster_request.h"
#include "wire/generated/describe_cluster_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_describe_cluster(Core& core, const RequestPtr& request) {
  constexpr std::int8_t endpoint_brokers = 1;
  constexpr std::int8_t endpoint_controllers = 2;
  wire::DescribeClusterRequest asked;
  if (!request->decode(asked)) return;
  wire::DescribeClusterResponse response;
  if (asked.endpoint_type != endpoint_brokers) {
    response.error_code =
        wire::number(asked.endpoint_type == endpoint_controllers ? ErrorCode::mismatched_endpoint_type
                                                                 : ErrorCode::unsupported_endpoint_type);
    return request->answer(response);
  }
  response.cluster_id = core.identity.cluster_id;
  response.controller_id = core.identity.node_id;
  const env::Address& self = request->session().listener->advertised;
  response.brokers.push_back({core.identity.node_id, self.host, self.port, std::nullopt, false});
  if (asked.include_cluster_authorized_operations) {
    response.cluster_authorized_operations =
        may_cluster(core, *request, AclOperation::describe)
            ? authorized_operations(core, *request, ResourceType::cluster, cluster_resource)
            : 0;
  }
  request->answer(response);
}

}  // namespace sluice::broker
