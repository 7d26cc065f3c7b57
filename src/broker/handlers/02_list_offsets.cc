// ListOffsets v1-11: the offset for a time. -1 latest (the high watermark; under read_committed, v2, the last
// stable offset, and no record at or above it is found by any time), -2 earliest, -3 of the greatest
// timestamp (v7), -4 earliest local (v8: the same as earliest), -5 and -6 of tiered storage (v9, v11), which
// there is none of: offset -1. Otherwise the first record with at least that timestamp, or -1 and -1. Errors:
// TOPIC_AUTHORIZATION_FAILED (describe is needed), UNKNOWN_TOPIC_OR_PARTITION, FENCED_LEADER_EPOCH,
// UNKNOWN_LEADER_EPOCH, UNSUPPORTED_VERSION (a special time its version does not have), INVALID_REQUEST (a
// partition twice), KAFKA_STORAGE_ERROR.
#include <map>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_epoch.h"
#include "broker/kafka_error.h"
#include "wire/generated/list_offsets_request.h"
#include "wire/generated/list_offsets_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

enum SpecialTime : std::int64_t {
  latest = -1,
  earliest = -2,
  max_timestamp = -3,
  earliest_local = -4,
  latest_tiered = -5,
  earliest_pending_upload = -6,
};

std::int16_t version_of(std::int64_t time) {
  switch (time) {
    case max_timestamp:
      return 7;
    case earliest_local:
      return 8;
    case latest_tiered:
      return 9;
    case earliest_pending_upload:
      return 11;
    default:
      return time < earliest_pending_upload ? 32767 : 1;
  }
}

// A leader's epoch begins where its log ends when it becomes one, so that an empty log has an epoch too.
LeaderEpoch epoch_at_start(Partition& partition) {
  const log::PartitionLog& log = *partition.log();
  return log.log_start_offset() == log.log_end_offset() ? partition.leader_epoch()
                                                        : log.epoch_at(log.log_start_offset());
}

constexpr std::int8_t isolation_read_committed = 1;

Result<log::TimestampOffset> look_up(Partition& partition, std::int64_t time, bool read_committed) {
  log::PartitionLog& log = *partition.log();
  const Offset end = read_committed ? log.last_stable_offset() : log.high_watermark();
  if (log.halted() && time == latest)
    return refuse(ErrorCode::kafka_storage_error, "the log is damaged, its end is not known");
  switch (time) {
    case latest:
      return log::TimestampOffset{record::no_timestamp, end, partition.leader_epoch()};
    case earliest:
    case earliest_local:
      return log::TimestampOffset{record::no_timestamp, log.log_start_offset(), epoch_at_start(partition)};
    case max_timestamp: {
      const log::TimestampOffset found = SLUICE_TRY(log.max_timestamp());
      return found.offset < end ? found : log::TimestampOffset{};
    }
    case latest_tiered:
    case earliest_pending_upload:
      return log::TimestampOffset{};
    default:
      return log.offset_for_timestamp(time, end);
  }
}

}  // namespace

void handle_list_offsets(Core& core, const RequestPtr& request) {
  wire::ListOffsetsRequest asked;
  if (!request->decode(asked)) return;
  wire::ListOffsetsResponse response;
  for (const auto& topic_asked : asked.topics) {
    const Topic* topic = core.topics->find(topic_asked.name);
    auto& topic_out = response.topics.emplace_back();
    topic_out.name = topic_asked.name;
    std::map<std::int32_t, int> times;
    for (const auto& partition_asked : topic_asked.partitions) ++times[partition_asked.partition_index];
    for (const auto& partition_asked : topic_asked.partitions) {
      if (times[partition_asked.partition_index] == 0) continue;  // told already
      auto& out = topic_out.partitions.emplace_back();
      out.partition_index = partition_asked.partition_index;
      const auto fail_with = [&](ErrorCode error) { out.error_code = wire::number(error); };
      const PartitionPtr partition =
          topic == nullptr ? nullptr : topic->partition(partition_asked.partition_index);
      if (!may_topic(core, *request, AclOperation::describe, topic_asked.name)) {
        fail_with(ErrorCode::topic_authorization_failed);
      } else if (times[partition_asked.partition_index] > 1) {
        fail_with(ErrorCode::invalid_request);
        times[partition_asked.partition_index] = 0;
      } else if (request->version() < version_of(partition_asked.timestamp)) {
        fail_with(ErrorCode::unsupported_version);
      } else if (partition == nullptr) {
        fail_with(ErrorCode::unknown_topic_or_partition);
      } else if (!partition->is_online()) {
        fail_with(ErrorCode::kafka_storage_error);
      } else if (const auto fenced = check_leader_epoch(*partition, partition_asked.current_leader_epoch);
                 fenced != ErrorCode::none) {
        fail_with(fenced);
      } else if (const auto found = look_up(*partition, partition_asked.timestamp,
                                            asked.isolation_level == isolation_read_committed);
                 !found) {
        fail_with(code_of(found.error()));
      } else {
        out.timestamp = found->timestamp_ms;
        out.offset = found->offset.value;
        out.leader_epoch = found->leader_epoch.value;
      }
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
