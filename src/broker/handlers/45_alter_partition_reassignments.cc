// AlterPartitionReassignments v0-1: nothing can be moved on one node. A target that is this node alone holds
// already; every other one is refused. Needs alter on the cluster. Errors: CLUSTER_AUTHORIZATION_FAILED; per
// partition UNKNOWN_TOPIC_OR_PARTITION, INVALID_REPLICA_ASSIGNMENT, NO_REASSIGNMENT_IN_PROGRESS (cancelled).
#include <fmt/format.h>

#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/alter_partition_reassignments_request.h"
#include "wire/generated/alter_partition_reassignments_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

Result<void> check(const Core& core, const Topic* topic, const std::string& name, std::int32_t index,
                   const std::optional<std::vector<std::int32_t>>& replicas) {
  if (topic == nullptr)
    return refuse(ErrorCode::unknown_topic_or_partition, fmt::format("there is no topic {}", name));
  if (topic->partition(index) == nullptr)
    return refuse(ErrorCode::unknown_topic_or_partition,
                  fmt::format("there is no partition {}-{}", name, index));
  if (!replicas) return refuse(ErrorCode::no_reassignment_in_progress, "nothing is being moved");
  if (replicas->empty())
    return refuse(ErrorCode::invalid_replica_assignment, "a partition needs a replica; nothing was moved");
  std::set<std::int32_t> seen;
  for (const std::int32_t replica : *replicas) {
    if (!seen.insert(replica).second)
      return refuse(ErrorCode::invalid_replica_assignment, fmt::format("broker {} is named twice", replica));
    if (replica != core.identity.node_id) {
      return refuse(ErrorCode::invalid_replica_assignment,
                    fmt::format("there is no broker {}: the only one is {}; nothing was moved", replica,
                                core.identity.node_id));
    }
  }
  return {};
}

}  // namespace

void handle_alter_partition_reassignments(Core& core, const RequestPtr& request) {
  wire::AlterPartitionReassignmentsRequest asked;
  if (!request->decode(asked)) return;
  wire::AlterPartitionReassignmentsResponse response;
  response.error_message.reset();
  response.allow_replication_factor_change = asked.allow_replication_factor_change;
  if (!may_cluster(core, *request, AclOperation::alter)) {
    response.error_code = wire::number(ErrorCode::cluster_authorization_failed);
    return request->answer(response);
  }
  for (const auto& topic_asked : asked.topics) {
    const Topic* topic = core.topics->find(topic_asked.name);
    auto& topic_out = response.responses.emplace_back();
    topic_out.name = topic_asked.name;
    for (const auto& partition : topic_asked.partitions) {
      auto& out = topic_out.partitions.emplace_back();
      out.error_message.reset();
      out.partition_index = partition.partition_index;
      out.error_message.reset();
      const auto good = check(core, topic, topic_asked.name, partition.partition_index, partition.replicas);
      if (good) continue;
      out.error_code = wire::number(code_of(good.error()));
      out.error_message = good.error().message;
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
