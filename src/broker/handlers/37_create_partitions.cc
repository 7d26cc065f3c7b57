// CreatePartitions v0-3: raises the number of a topic's partitions; the new ones start at offset 0, durable
// before the answer. Errors per topic: UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS,
// INVALID_REPLICA_ASSIGNMENT, INVALID_TOPIC_EXCEPTION (the offsets topic: its groups would move),
// INVALID_REQUEST (a topic twice), TOPIC_AUTHORIZATION_FAILED (alter on the topic is needed),
// KAFKA_STORAGE_ERROR.
#include <fmt/format.h>

#include <map>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/create_partitions_request.h"
#include "wire/generated/create_partitions_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

Result<void> grow(Core& core, const Request& request,
                  const wire::CreatePartitionsRequest::CreatePartitionsTopic& asked, bool validate_only) {
  if (!may_topic(core, request, AclOperation::alter, asked.name))
    return refuse(ErrorCode::topic_authorization_failed, "alter on the topic is needed");
  Topic* topic = core.topics->find(asked.name);
  if (topic == nullptr)
    return refuse(ErrorCode::unknown_topic_or_partition, fmt::format("there is no topic {}", asked.name));
  if (topic->is_internal())
    return refuse(ErrorCode::invalid_topic_exception, "groups are spread over its partitions for good");
  const auto before = static_cast<std::int32_t>(topic->partitions.size());
  if (asked.count <= before) {
    return refuse(ErrorCode::invalid_partitions,
                  fmt::format("the topic has {} partitions, {} is no increase", before, asked.count));
  }
  if (asked.assignments) {
    if (std::ssize(*asked.assignments) != asked.count - before)
      return refuse(ErrorCode::invalid_replica_assignment,
                    "as many assignments as new partitions are needed");
    for (const auto& assignment : *asked.assignments) {
      if (assignment.broker_ids != std::vector<std::int32_t>{core.identity.node_id})
        return refuse(ErrorCode::invalid_replica_assignment, "replicas lie on this node alone");
    }
  }
  return validate_only ? Result<void>{} : core.topics->add_partitions(*topic, asked.count);
}

}  // namespace

void handle_create_partitions(Core& core, const RequestPtr& request) {
  wire::CreatePartitionsRequest asked;
  if (!request->decode(asked)) return;
  std::map<std::string, int> times;
  for (const auto& topic : asked.topics) ++times[topic.name];
  wire::CreatePartitionsResponse response;
  for (const auto& topic : asked.topics) {
    int& count = times[topic.name];
    if (count == 0) continue;  // its answer is there
    auto& out = response.results.emplace_back();
    out.name = topic.name;
    const auto grown = count > 1
                           ? refuse(ErrorCode::invalid_request, "the request names this topic more than once")
                           : grow(core, *request, topic, asked.validate_only);
    count = 0;
    if (!grown) {
      out.error_code = wire::number(code_of(grown.error()));
      out.error_message = grown.error().message;
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
