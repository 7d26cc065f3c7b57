// DeleteRecords v0-2: moves a partition's log start up (-1: to the high watermark); durable before the
// answer. Errors per partition: UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE (above the high watermark),
// KAFKA_STORAGE_ERROR, INVALID_TOPIC_EXCEPTION (the offsets topic).
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/delete_records_request.h"
#include "wire/generated/delete_records_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

Result<Offset> advance(const Topic* topic, std::int32_t index, std::int64_t wanted) {
  const PartitionPtr partition = topic == nullptr ? nullptr : topic->partition(index);
  if (partition == nullptr) return refuse(ErrorCode::unknown_topic_or_partition, "");
  if (topic->is_internal()) return refuse(ErrorCode::invalid_topic_exception, "");
  if (!partition->is_online()) return refuse(ErrorCode::kafka_storage_error, "");
  log::PartitionLog& log = *partition->log();
  const Offset start = wanted == -1 ? log.high_watermark() : Offset{wanted};
  if (start < Offset{0} || start > log.high_watermark()) return refuse(ErrorCode::offset_out_of_range, "");
  if (start > log.log_start_offset()) SLUICE_TRY(log.advance_log_start(start));
  return log.log_start_offset();
}

}  // namespace

void handle_delete_records(Core& core, const RequestPtr& request) {
  wire::DeleteRecordsRequest asked;
  if (!request->decode(asked)) return;
  wire::DeleteRecordsResponse response;
  for (const auto& topic_asked : asked.topics) {
    const Topic* topic = core.topics->find(topic_asked.name);
    auto& topic_out = response.topics.emplace_back();
    topic_out.name = topic_asked.name;
    for (const auto& partition : topic_asked.partitions) {
      auto& out = topic_out.partitions.emplace_back();
      out.partition_index = partition.partition_index;
      const auto start = advance(topic, partition.partition_index, partition.offset);
      out.low_watermark = start ? start->value : -1;
      if (!start) out.error_code = wire::number(code_of(start.error()));
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
