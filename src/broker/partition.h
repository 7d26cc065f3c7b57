// One partition while the broker runs: its log, and who waits for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "broker/uptime_clock.h"
#include "log/partition_log.h"
#include "wire/errors.h"

namespace sluice::broker {

class Partition;

/// Something that waits for new durable records, or for the partition's end.
class PartitionWatcher {
 public:
  virtual ~PartitionWatcher() = default;
  /// `bytes` became visible in `partition`; 0: it was deleted or its log failed.
  virtual void on_visible(Partition& partition, std::uint64_t bytes) = 0;
};

/// Loop thread only.
class Partition {
 public:
  /// `uptime`: the clock of ages; borrowed.
  Partition(log::TopicPartition id, LeaderEpoch epoch, const UptimeClock& uptime)
      : id_(std::move(id)), epoch_(epoch), uptime_(uptime) {}

  const log::TopicPartition& id() const { return id_; }
  LeaderEpoch leader_epoch() const { return epoch_; }
  /// Before anybody is served.
  void set_leader_epoch(LeaderEpoch epoch) { epoch_ = epoch; }

  /// nullptr: its log could not be opened, or it is deleted.
  log::PartitionLog* log() { return log_.get(); }
  void set_log(std::unique_ptr<log::PartitionLog> log) { log_ = std::move(log); }
  /// Whether reads are answered at all. A halted log still serves what lies before the damage.
  bool is_online() const { return log_ != nullptr; }

  /// Appends one validated batch and notes its bytes for the watchers. Errors as PartitionLog::append.
  /// now_ms  wall clock
  Result<log::Appended> append(MutableBytes batch, std::int64_t now_ms,
                               log::Origin origin = log::Origin::client);
  /// The same with the control batch that ends a transaction; errors as PartitionLog::append_marker.
  Result<log::Appended> append_marker(ProducerId producer_id, ProducerEpoch producer_epoch,
                                      record::ControlMarker marker, std::int64_t now_ms,
                                      int transaction_version);

  /// Calls `done` once everything below `end` is durable - at once where it is - or with
  /// kafka_storage_error where the log failed, or unknown_topic_or_partition where the partition was deleted.
  void when_durable(Offset end, std::function<void(wire::ErrorCode)> done);
  /// The watcher is told of everything until it is gone or unwatch is called.
  void watch(std::weak_ptr<PartitionWatcher> watcher);
  void unwatch(const PartitionWatcher* watcher);

  /// What a sync covers; to be handed back to after_sync.
  std::uint64_t bytes_appended() const { return bytes_appended_; }
  /// A sync ended: `bytes_covered` is what bytes_appended() was when it began.
  void after_sync(bool ok, std::uint64_t bytes_covered);
  /// The topic was deleted: everyone who waits is told, and the log is dropped.
  void end();

 private:
  void tell_watchers(std::uint64_t bytes);

  log::TopicPartition id_;
  LeaderEpoch epoch_;
  const UptimeClock& uptime_;
  std::unique_ptr<log::PartitionLog> log_;
  std::multimap<Offset, std::function<void(wire::ErrorCode)>> durable_waiters_;
  std::vector<std::weak_ptr<PartitionWatcher>> watchers_;
  std::uint64_t bytes_appended_ = 0;
  std::uint64_t bytes_visible_ = 0;
};

using PartitionPtr = std::shared_ptr<Partition>;

}  // namespace sluice::broker
