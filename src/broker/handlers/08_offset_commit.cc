// OffsetCommit v2-10: stores a group's positions; answered when they are durable, and seen by nobody before.
// v9 takes member epochs (KIP-848), v10 names topics by id. Errors: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND
// (v9), UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, STALE_MEMBER_EPOCH, REBALANCE_IN_PROGRESS,
// COORDINATOR_NOT_AVAILABLE; per partition UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID,
// OFFSET_METADATA_TOO_LARGE. A retention time (v2-4) stands in for offsets.retention.minutes.
#include <limits>
#include <optional>

#include "broker/handlers/authorized.h"
#include "broker/handlers/group_authorization.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/offset_commit_request.h"
#include "wire/generated/offset_commit_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
constexpr std::int16_t topic_id_version_min = 10;

/// What is wrong with the topic or the partition itself: this is told first, as in Kafka, whatever the group
/// says.
ErrorCode check_place(const Core& core, const Request& request, const Topic* topic, const std::string& name,
                      std::int32_t partition) {
  const bool by_id = request.version() >= topic_id_version_min;
  if (topic == nullptr && by_id) return ErrorCode::unknown_topic_id;
  if (!may_topic(core, request, AclOperation::read, topic != nullptr ? topic->name : name))
    return ErrorCode::topic_authorization_failed;
  if (topic == nullptr || topic->partition(partition) == nullptr)
    return ErrorCode::unknown_topic_or_partition;
  return ErrorCode::none;
}

ErrorCode check_group(Core& core, const wire::OffsetCommitRequest& asked, std::int16_t version,
                      const CommittedPartitions& partitions) {
  if (asked.group_id.empty() && asked.generation_id_or_member_epoch >= 0) return ErrorCode::invalid_group_id;
  if (!core.groups->make_ready()) return ErrorCode::coordinator_not_available;
  return core.groups->check_commit(
      asked.group_id,
      {asked.member_id, asked.group_instance_id, asked.generation_id_or_member_epoch, false, version},
      partitions);
}

std::optional<std::int64_t> end_of(const wire::OffsetCommitRequest& asked, std::int64_t now_ms) {
  constexpr std::int64_t ms_max = std::numeric_limits<std::int64_t>::max();
  if (asked.retention_time_ms == -1) return std::nullopt;
  return asked.retention_time_ms > ms_max - now_ms ? ms_max : now_ms + asked.retention_time_ms;
}

/// A position whose place is good, and where the response tells of it.
struct Place {
  const Topic* topic;
  const wire::OffsetCommitRequest::OffsetCommitRequestPartition* asked;
  std::size_t topic_at;
  std::size_t partition_at;
};

std::vector<Place> find_places(const Core& core, const Request& request,
                               const wire::OffsetCommitRequest& asked, wire::OffsetCommitResponse& response) {
  std::vector<Place> places;
  for (const auto& topic_asked : asked.topics) {
    const Topic* topic = request.version() >= topic_id_version_min ? core.topics->find(topic_asked.topic_id)
                                                                   : core.topics->find(topic_asked.name);
    auto& out = response.topics.emplace_back();
    out.name = topic_asked.name;
    out.topic_id = topic_asked.topic_id;
    for (const auto& partition : topic_asked.partitions) {
      const ErrorCode error = check_place(core, request, topic, topic_asked.name, partition.partition_index);
      if (error == ErrorCode::none)
        places.push_back({topic, &partition, response.topics.size() - 1, out.partitions.size()});
      out.partitions.push_back({partition.partition_index, wire::number(error)});
    }
  }
  return places;
}

}  // namespace

void handle_offset_commit(Core& core, const RequestPtr& request) {
  wire::OffsetCommitRequest asked;
  if (!request->decode(asked)) return;
  if (is_denied(core, request, asked)) return;
  auto response = std::make_shared<wire::OffsetCommitResponse>();
  const std::vector<Place> places = find_places(core, *request, asked, *response);
  if (places.empty()) return request->answer(*response);
  CommittedPartitions partitions;
  for (const Place& place : places) partitions.emplace_back(place.topic->id, place.asked->partition_index);
  const ErrorCode refused = check_group(core, asked, request->version(), partitions);
  const auto metadata_max = static_cast<std::size_t>(core.config.number("offset.metadata.max.bytes"));
  const std::int64_t now_ms = core.env.clock->wall_ms();
  const std::optional<std::int64_t> expire_ms = end_of(asked, now_ms);
  Groups::Changes changes;
  for (const Place& place : places) {
    const std::string metadata = place.asked->committed_metadata.value_or("");
    ErrorCode error = refused;
    if (error == ErrorCode::none && metadata.size() > metadata_max)
      error = ErrorCode::offset_metadata_too_large;
    response->topics[place.topic_at].partitions[place.partition_at].error_code = wire::number(error);
    if (error != ErrorCode::none) continue;
    changes.emplace_back(log::TopicPartition{place.topic->name, PartitionId{place.asked->partition_index}},
                         CommittedOffset{Offset{place.asked->committed_offset},
                                         LeaderEpoch{place.asked->committed_leader_epoch}, metadata, now_ms,
                                         place.topic->id, expire_ms});
  }
  if (refused == ErrorCode::none) core.groups->get(asked.group_id);  // there from now on, as in Kafka
  if (changes.empty()) return request->answer(*response);
  core.groups->commit(asked.group_id, std::move(changes), [request, response](ErrorCode error) {
    for (auto& topic : response->topics)
      for (auto& partition : topic.partitions)
        if (partition.error_code == 0) partition.error_code = wire::number(error);
    request->answer(*response);
  });
}

}  // namespace sluice::broker
