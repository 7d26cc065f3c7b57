// Writes the markers that end transactions into partitions, for the coordinator and for WriteTxnMarkers.
#pragma once

#include <cstdint>
#include <functional>

#include "broker/groups.h"
#include "broker/notices.h"
#include "broker/syncer.h"
#include "broker/topics.h"
#include "broker/transaction.h"
#include "env/clock.h"

namespace sluice::broker {

struct TransactionMarker {
  ProducerIdAndEpoch producer;
  bool commit = false;
  std::int32_t coordinator_epoch = 0;
  std::int16_t transaction_version = transaction_version_old;
};

/// Loop thread only; all arguments are borrowed.
class TransactionMarkers {
 public:
  TransactionMarkers(env::Clock& clock, Topics& topics, Syncer& syncer, Groups& groups)
      : clock_(clock), topics_(topics), syncer_(syncer), groups_(groups) {}

  /// Appends the marker; `done` is called when it is durable, and with it what it decides: records are
  /// readable under read_committed, pending offsets of groups count or are gone. Errors:
  /// UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR, INVALID_PRODUCER_EPOCH,
  /// TRANSACTION_COORDINATOR_FENCED.
  void write(const log::TopicPartition& at, const TransactionMarker& marker,
             std::function<void(wire::ErrorCode)> done);

 private:
  env::Clock& clock_;
  Topics& topics_;
  Syncer& syncer_;
  Groups& groups_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace sluice::broker
