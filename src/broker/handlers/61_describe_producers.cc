// DescribeProducers v0 (KIP-664): the producers that a partition remembers, and where an open transaction of
// one begins. A partition that is asked for again and again is answered once. Errors per partition:
// TOPIC_AUTHORIZATION_FAILED (read is needed), INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION,
// KAFKA_STORAGE_ERROR.
#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/describe_producers_request.h"
#include "wire/generated/describe_producers_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_describe_producers(Core& core, const RequestPtr& request) {
  wire::DescribeProducersRequest asked;
  if (!request->decode(asked)) return;
  wire::DescribeProducersResponse response;
  std::set<std::pair<std::string, std::int32_t>> told;  // an answer holds many producers a partition
  for (const auto& topic_asked : asked.topics) {
    const Topic* topic = core.topics->find(topic_asked.name);
    const bool allowed = may_topic(core, *request, AclOperation::read, topic_asked.name);
    auto& of_topic = response.topics.emplace_back();
    of_topic.name = topic_asked.name;
    for (const std::int32_t index : topic_asked.partition_indexes) {
      if (!told.emplace(topic_asked.name, index).second) continue;
      auto& out = of_topic.partitions.emplace_back();
      out.partition_index = index;
      const PartitionPtr partition = topic == nullptr ? nullptr : topic->partition(index);
      if (!allowed) {
        out.error_code = wire::number(ErrorCode::topic_authorization_failed);
        continue;
      }
      if (partition == nullptr || !partition->is_online()) {
        out.error_code =
            wire::number(!log::check_topic_name(topic_asked.name) ? ErrorCode::invalid_topic_exception
                         : partition == nullptr                   ? ErrorCode::unknown_topic_or_partition
                                                                  : ErrorCode::kafka_storage_error);
        continue;
      }
      // The log counts ages in time that the broker ran.
      const std::int64_t to_wall_ms = core.env.clock->wall_ms() - core.topics->uptime().now_ms();
      for (const log::ProducerView& producer : partition->log()->producers()) {
        out.active_producers.push_back({producer.producer_id.value, producer.producer_epoch.value,
                                        producer.last_sequence, producer.last_timestamp_ms + to_wall_ms,
                                        producer.coordinator_epoch,
                                        producer.current_txn_first_offset.value_or(Offset{-1}).value});
      }
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
