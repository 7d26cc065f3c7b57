// DeleteRecords v0-2: moves a partition's log start up (-1: to the high watermark); durable before the
// answer. Errors per partition: UNKNOWN_TOPIC_OR_PARTITION, OFFSET_OUT_OF_RANGE (above the high watermark),
// POLICY_VIOLATION (compacted and nothing else), KAFKA_STORAGE_ERROR, INVALID_TOPIC_EXCEPTION (the offsets
// topic), TOPIC_AUTHORIZATION_FAILED (delete on the topic is needed).
#include <memory>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/delete_records_request.h"
#include "wire/generated/delete_records_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

struct PendingDelete {
  RequestPtr request;
  wire::DeleteRecordsResponse response;
  std::size_t waiting = 1;  ///< the handler itself, until it has seen every partition
};

void answer_if_done(const std::shared_ptr<PendingDelete>& pending) {
  if (--pending->waiting == 0) pending->request->answer(pending->response);
}

/// Where the log of `partition` shall start.
Result<Offset> start_of(bool allowed, const Topic* topic, const PartitionPtr& partition,
                        std::int64_t wanted) {
  if (!allowed) return refuse(ErrorCode::topic_authorization_failed, "");
  if (partition == nullptr) return refuse(ErrorCode::unknown_topic_or_partition, "");
  if (topic->is_internal()) return refuse(ErrorCode::invalid_topic_exception, "");
  if (!partition->is_online()) return refuse(ErrorCode::kafka_storage_error, "");
  if (topic->settings.compacts && !topic->settings.deletes) return refuse(ErrorCode::policy_violation, "");
  const Offset high_watermark = partition->log()->high_watermark();
  const Offset start = wanted == -1 ? high_watermark : Offset{wanted};
  if (start < Offset{0} || start > high_watermark) return refuse(ErrorCode::offset_out_of_range, "");
  return start;
}

void delete_before(Core& core, const std::shared_ptr<PendingDelete>& pending, const Topic* topic,
                   bool allowed, std::int32_t index, std::int64_t wanted, std::size_t topic_at,
                   std::size_t partition_at) {
  const PartitionPtr partition = topic == nullptr ? nullptr : topic->partition(index);
  const auto tell = [pending, topic_at, partition_at](const Result<Offset>& start) {
    auto& out = pending->response.topics[topic_at].partitions[partition_at];
    out.low_watermark = start ? start->value : -1;
    if (!start) out.error_code = wire::number(code_of(start.error()));
  };
  const Result<Offset> start = start_of(allowed, topic, partition, wanted);
  if (!start) return tell(start);
  ++pending->waiting;
  // The log may not start where only the journal has what lies before (log::PartitionLog).
  core.syncer->when_synced(partition, *start, [&core, pending, partition, tell, start = *start] {
    core.cleaner->advance(partition, start, [pending, partition, tell](const Result<void>& done) {
      if (done) {
        tell(partition->log()->log_start_offset());
      } else {
        tell(std::unexpected(done.error()));
      }
      answer_if_done(pending);
    });
  });
}

}  // namespace

void handle_delete_records(Core& core, const RequestPtr& request) {
  wire::DeleteRecordsRequest asked;
  if (!request->decode(asked)) return;
  auto pending = std::make_shared<PendingDelete>();
  pending->request = request;
  for (const auto& topic_asked : asked.topics) {
    auto& topic_out = pending->response.topics.emplace_back();
    topic_out.name = topic_asked.name;
    for (const auto& partition : topic_asked.partitions)
      topic_out.partitions.emplace_back().partition_index = partition.partition_index;
  }
  for (std::size_t t = 0; t < asked.topics.size(); ++t) {
    const Topic* topic = core.topics->find(asked.topics[t].name);
    const bool allowed = may_topic(core, *request, AclOperation::remove, asked.topics[t].name);
    for (std::size_t p = 0; p < asked.topics[t].partitions.size(); ++p) {
      const auto& partition = asked.topics[t].partitions[p];
      delete_before(core, pending, topic, allowed, partition.partition_index, partition.offset, t, p);
    }
  }
  answer_if_done(pending);
}

}  // namespace sluice::broker
