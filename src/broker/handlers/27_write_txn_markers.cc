// WriteTxnMarkers v1-2: writes the markers that end transactions, durably before the answer. Our own
// coordinator does not need it; Kafka's tools end hanging transactions with it (KIP-664). v2 tells the
// transaction.version of the marker (KIP-1228). Errors per partition: CLUSTER_AUTHORIZATION_FAILED (cluster
// action or alter is needed), UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR, INVALID_PRODUCER_EPOCH,
// TRANSACTION_COORDINATOR_FENCED.
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/write_txn_markers_request.h"
#include "wire/generated/write_txn_markers_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

// One answer for many partitions, sent when the last marker is durable.
struct Writing {
  RequestPtr request;
  wire::WriteTxnMarkersResponse response;
  std::size_t waiting = 1;

  void end_one() {
    if (--waiting == 0) request->answer(response);
  }
};

}  // namespace

void handle_write_txn_markers(Core& core, const RequestPtr& request) {
  wire::WriteTxnMarkersRequest asked;
  if (!request->decode(asked)) return;
  const bool allowed = may_cluster(core, *request, AclOperation::cluster_action) ||
                       may_cluster(core, *request, AclOperation::alter);
  const std::int16_t refused =
      allowed ? std::int16_t{0} : wire::number(ErrorCode::cluster_authorization_failed);
  auto writing = std::make_shared<Writing>();
  writing->request = request;
  for (const auto& marker : asked.markers) {
    auto& of_marker = writing->response.markers.emplace_back();
    of_marker.producer_id = marker.producer_id;
    for (const auto& topic : marker.topics) {
      auto& of_topic = of_marker.topics.emplace_back();
      of_topic.name = topic.name;
      for (const std::int32_t index : topic.partition_indexes)
        of_topic.partitions.push_back({index, refused});
    }
  }
  if (!allowed) return writing->end_one();
  for (std::size_t m = 0; m < asked.markers.size(); ++m) {
    const auto& marker = asked.markers[m];
    const TransactionMarker written{{ProducerId{marker.producer_id}, ProducerEpoch{marker.producer_epoch}},
                                    marker.transaction_result,
                                    marker.coordinator_epoch,
                                    marker.transaction_version};
    for (std::size_t t = 0; t < marker.topics.size(); ++t) {
      for (std::size_t p = 0; p < marker.topics[t].partition_indexes.size(); ++p) {
        ++writing->waiting;
        const log::TopicPartition at{marker.topics[t].name,
                                     PartitionId{marker.topics[t].partition_indexes[p]}};
        core.transactions->markers().write(at, written, [writing, m, t, p](ErrorCode error) {
          writing->response.markers[m].topics[t].partitions[p].error_code = wire::number(error);
          writing->end_one();
        });
      }
    }
  }
  writing->end_one();
}

}  // namespace sluice::broker
