// ElectLeaders v0-2: with one replica each partition has the leader that it prefers: ELECTION_NOT_NEEDED.
// Where all partitions are meant (null) those are left out of the answer, as in Kafka. Needs alter on the
// cluster. Errors: CLUSTER_AUTHORIZATION_FAILED, INVALID_REQUEST (an election type that is unknown); per
// partition UNKNOWN_TOPIC_OR_PARTITION, and PREFERRED_LEADER_NOT_AVAILABLE or ELIGIBLE_LEADERS_NOT_AVAILABLE
// where the log is offline.
#include <fmt/format.h>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/elect_leaders_request.h"
#include "wire/generated/elect_leaders_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Response = wire::ElectLeadersResponse;
constexpr std::int8_t type_preferred = 0;
constexpr std::int8_t type_unclean = 1;

Response::PartitionResult elect(const std::string& name, const Topic* topic, std::int32_t index,
                                std::int8_t type) {
  Response::PartitionResult out;
  out.partition_id = index;
  out.error_message.reset();
  const PartitionPtr partition = topic == nullptr ? nullptr : topic->partition(index);
  if (partition == nullptr) {
    out.error_code = wire::number(ErrorCode::unknown_topic_or_partition);
    out.error_message = topic == nullptr ? fmt::format("there is no topic {}", name)
                                         : fmt::format("there is no partition {}-{}", name, index);
  } else if (partition->is_online()) {
    out.error_code = wire::number(ErrorCode::election_not_needed);
  } else {
    out.error_code = wire::number(type == type_preferred ? ErrorCode::preferred_leader_not_available
                                                         : ErrorCode::eligible_leaders_not_available);
  }
  return out;
}

// The request's error stands beside every partition too.
void refuse_all(const wire::ElectLeadersRequest& asked, ErrorCode error, Response& response) {
  const bool asks_nothing = asked.topic_partitions && asked.topic_partitions->empty();
  if (!asks_nothing || error != ErrorCode::invalid_request) response.error_code = wire::number(error);
  if (!asked.topic_partitions) return;
  for (const auto& topic : *asked.topic_partitions) {
    auto& out = response.replica_election_results.emplace_back();
    out.topic = topic.topic;
    for (const std::int32_t index : topic.partitions)
      out.partition_result.push_back({index, wire::number(error), std::nullopt});
  }
}

void elect_all(Core& core, std::int8_t type, Response& response) {
  for (const auto& [name, topic] : core.topics->all()) {
    Response::ReplicaElectionResult out;
    out.topic = name;
    for (std::int32_t i = 0; i < std::ssize(topic->partitions); ++i) {
      auto result = elect(name, topic.get(), i, type);
      if (result.error_code != wire::number(ErrorCode::election_not_needed))
        out.partition_result.push_back(std::move(result));
    }
    if (!out.partition_result.empty()) response.replica_election_results.push_back(std::move(out));
  }
}

}  // namespace

void handle_elect_leaders(Core& core, const RequestPtr& request) {
  wire::ElectLeadersRequest asked;
  if (!request->decode(asked)) return;
  Response response;
  const std::int8_t type = request->version() >= 1 ? asked.election_type : type_preferred;
  if (!may_cluster(core, *request, AclOperation::alter)) {
    refuse_all(asked, ErrorCode::cluster_authorization_failed, response);
  } else if (type != type_preferred && type != type_unclean) {
    refuse_all(asked, ErrorCode::invalid_request, response);
  } else if (!asked.topic_partitions) {
    elect_all(core, type, response);
  } else {
    for (const auto& topic_asked : *asked.topic_partitions) {
      const Topic* topic = core.topics->find(topic_asked.topic);
      auto& out = response.replica_election_results.emplace_back();
      out.topic = topic_asked.topic;
      for (const std::int32_t index : topic_asked.partitions)
        out.partition_result.push_back(elect(topic_asked.topic, topic, index, type));
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
