// OffsetForLeaderEpoch v2-4: where an epoch ended - the end of the greatest epoch that is not above the one
// asked for - which shows a client whether its log and ours part ways (KIP-320). Errors:
// UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH,
// TOPIC_AUTHORIZATION_FAILED (describe on the topic is needed).
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_epoch.h"
#include "wire/generated/offset_for_leader_epoch_request.h"
#include "wire/generated/offset_for_leader_epoch_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_offset_for_leader_epoch(Core& core, const RequestPtr& request) {
  wire::OffsetForLeaderEpochRequest asked;
  if (!request->decode(asked)) return;
  wire::OffsetForLeaderEpochResponse response;
  for (const auto& topic_asked : asked.topics) {
    const Topic* topic = core.topics->find(topic_asked.topic);
    auto& topic_out = response.topics.emplace_back();
    topic_out.topic = topic_asked.topic;
    const bool allowed = may_topic(core, *request, AclOperation::describe, topic_asked.topic);
    for (const auto& partition_asked : topic_asked.partitions) {
      auto& out = topic_out.partitions.emplace_back();
      out.partition = partition_asked.partition;
      const PartitionPtr partition = topic == nullptr ? nullptr : topic->partition(partition_asked.partition);
      ErrorCode error = ErrorCode::none;
      if (!allowed) {
        error = ErrorCode::topic_authorization_failed;
      } else if (partition == nullptr) {
        error = ErrorCode::unknown_topic_or_partition;
      } else if (!partition->is_online() || partition->log()->halted()) {  // its end is not known
        error = ErrorCode::kafka_storage_error;
      } else {
        error = check_leader_epoch(*partition, partition_asked.current_leader_epoch);
      }
      out.error_code = wire::number(error);
      if (error != ErrorCode::none) continue;
      if (partition_asked.leader_epoch > partition->leader_epoch().value) continue;  // not known: -1 and -1
      log::PartitionLog& log = *partition->log();
      if (partition_asked.leader_epoch ==
          partition->leader_epoch().value) {  // the current one, maybe still empty
        out.leader_epoch = partition_asked.leader_epoch;
        out.end_offset = log.high_watermark().value;
        continue;
      }
      const log::EpochEnd end = log.end_offset_for_epoch(LeaderEpoch{partition_asked.leader_epoch});
      out.leader_epoch = end.epoch.value;
      out.end_offset = end.end.value;
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
