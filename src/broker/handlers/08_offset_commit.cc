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

ErrorCode check(Core& core, const wire::OffsetCommitRequest& asked, std::int16_t version) {
  if (asked.group_id.empty() && asked.generation_id_or_member_epoch >= 0) return ErrorCode::invalid_group_id;
  if (!core.groups->make_ready()) return ErrorCode::coordinator_not_available;
  CommittedPartitions partitions;
  for (const auto& topic_asked : asked.topics) {
    const Topic* topic =
        version >= 10 ? core.topics->find(topic_asked.topic_id) : core.topics->find(topic_asked.name);
    if (topic == nullptr) continue;
    for (const auto& partition : topic_asked.partitions)
      partitions.emplace_back(topic->id, partition.partition_index);
  }
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

}  // namespace

void handle_offset_commit(Core& core, const RequestPtr& request) {
  wire::OffsetCommitRequest asked;
  if (!request->decode(asked)) return;
  if (is_denied(core, request, asked)) return;
  const bool by_id = request->version() >= 10;
  const ErrorCode refused = check(core, asked, request->version());
  const auto metadata_max = static_cast<std::size_t>(core.config.number("offset.metadata.max.bytes"));
  const std::int64_t now_ms = core.env.clock->wall_ms();
  const std::optional<std::int64_t> expire_ms = end_of(asked, now_ms);
  Groups::Changes changes;
  auto response = std::make_shared<wire::OffsetCommitResponse>();
  for (const auto& topic_asked : asked.topics) {
    const Topic* topic =
        by_id ? core.topics->find(topic_asked.topic_id) : core.topics->find(topic_asked.name);
    auto& topic_out = response->topics.emplace_back();
    topic_out.name = topic_asked.name;
    topic_out.topic_id = topic_asked.topic_id;
    const bool allowed =
        may_topic(core, *request, AclOperation::read, topic != nullptr ? topic->name : topic_asked.name);
    for (const auto& partition : topic_asked.partitions) {
      ErrorCode error = refused;
      if (error == ErrorCode::none && !allowed && (topic != nullptr || !by_id))
        error = ErrorCode::topic_authorization_failed;
      if (error == ErrorCode::none &&
          (topic == nullptr || topic->partition(partition.partition_index) == nullptr))
        error =
            topic == nullptr && by_id ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition;
      const std::string metadata = partition.committed_metadata.value_or("");
      if (error == ErrorCode::none && metadata.size() > metadata_max)
        error = ErrorCode::offset_metadata_too_large;
      topic_out.partitions.push_back({partition.partition_index, wire::number(error)});
      if (error != ErrorCode::none) continue;
      changes.emplace_back(
          log::TopicPartition{topic->name, PartitionId{partition.partition_index}},
          CommittedOffset{Offset{partition.committed_offset}, LeaderEpoch{partition.committed_leader_epoch},
                          metadata, now_ms, topic->id, expire_ms});
    }
  }
  if (changes.empty()) return request->answer(*response);
  core.groups->get(asked.group_id);
  core.groups->commit(asked.group_id, std::move(changes), [request, response](ErrorCode error) {
    for (auto& topic : response->topics)
      for (auto& partition : topic.partitions)
        if (partition.error_code == 0) partition.error_code = wire::number(error);
    request->answer(*response);
  });
}

}  // namespace sluice::broker
