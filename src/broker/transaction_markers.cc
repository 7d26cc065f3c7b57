#include "broker/transaction_markers.h"

#include "broker/kafka_error.h"

namespace sluice::broker {

using wire::ErrorCode;

void TransactionMarkers::write(const log::TopicPartition& at, const TransactionMarker& marker,
                               std::function<void(ErrorCode)> done) {
  Topic* topic = topics_.find(at.topic);
  const PartitionPtr partition = topic == nullptr ? nullptr : topic->partition(at.partition.value);
  if (partition == nullptr) return done(ErrorCode::unknown_topic_or_partition);
  if (!partition->is_online()) return done(ErrorCode::kafka_storage_error);
  const record::ControlMarker written{
      marker.commit ? record::ControlMarker::Kind::commit : record::ControlMarker::Kind::abort,
      marker.coordinator_epoch};
  const auto appended = partition->append_marker(marker.producer.id, marker.producer.epoch, written,
                                                 clock_.wall_ms(), marker.transaction_version);
  if (!appended) {
    if (partition->log()->poisoned()) syncer_.add(partition);
    return done(code_of(appended.error()));
  }
  syncer_.add(partition);
  const bool has_offsets = topic->name == offsets_topic;
  partition->when_durable(
      appended->range.end,
      [this, weak = std::weak_ptr(alive_), has_offsets, index = at.partition, producer = marker.producer.id,
       commit = marker.commit, done = std::move(done)](ErrorCode error) {
        if (weak.expired()) return;
        if (has_offsets && error == ErrorCode::none) groups_.transaction_ended(index, producer, commit);
        done(error);
      });
}

}  // namespace sluice::broker
