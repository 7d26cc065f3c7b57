#include "broker/partition.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace sluice::broker {

Result<log::Appended> Partition::append(MutableBytes batch, std::int64_t now_ms, log::Origin origin) {
  SLUICE_ASSERT(log_ != nullptr);
  auto appended = log_->append(batch, epoch_, {now_ms, uptime_.now_ms()}, origin);
  if (appended && !appended->duplicate) bytes_appended_ += batch.size();
  return appended;
}

Result<log::Appended> Partition::append_marker(ProducerId producer_id, ProducerEpoch producer_epoch,
                                               record::ControlMarker marker, std::int64_t now_ms,
                                               int transaction_version) {
  SLUICE_ASSERT(log_ != nullptr);
  constexpr std::uint64_t marker_bytes = 78;  // of each control batch that ends a transaction
  auto appended = log_->append_marker(producer_id, producer_epoch, marker, epoch_, {now_ms, uptime_.now_ms()},
                                      transaction_version);
  if (appended) bytes_appended_ += marker_bytes;
  return appended;
}

void Partition::when_durable(Offset end, std::function<void(wire::ErrorCode)> done) {
  if (log_ == nullptr) return done(wire::ErrorCode::unknown_topic_or_partition);
  if (log_->durable_end() >= end) return done(wire::ErrorCode::none);
  if (log_->poisoned()) return done(wire::ErrorCode::kafka_storage_error);
  durable_waiters_.emplace(end, std::move(done));
}

void Partition::watch(std::weak_ptr<PartitionWatcher> watcher) {
  watchers_.push_back(std::move(watcher));
}

void Partition::unwatch(const PartitionWatcher* watcher) {
  std::erase_if(watchers_, [&](const auto& weak) {
    const auto held = weak.lock();
    return held == nullptr || held.get() == watcher;
  });
}

void Partition::after_sync(bool ok, std::uint64_t bytes_covered) {
  if (log_ == nullptr) return;
  auto waiting = std::exchange(durable_waiters_, {});
  const Offset durable = log_->durable_end();
  for (auto at = waiting.begin(); at != waiting.end();) {
    auto node = waiting.extract(at++);
    if (node.key() <= durable) {
      node.mapped()(wire::ErrorCode::none);
    } else if (!ok) {
      node.mapped()(wire::ErrorCode::kafka_storage_error);
    } else {
      durable_waiters_.insert(std::move(node));
    }
  }
  const std::uint64_t bytes = ok && bytes_covered > bytes_visible_ ? bytes_covered - bytes_visible_ : 0;
  bytes_visible_ = std::max(bytes_visible_, bytes_covered);
  if (bytes > 0 || !ok) tell_watchers(bytes);
}

void Partition::end() {
  log_.reset();
  for (auto& [offset, done] : std::exchange(durable_waiters_, {}))
    done(wire::ErrorCode::unknown_topic_or_partition);
  tell_watchers(0);
}

void Partition::tell_watchers(std::uint64_t bytes) {
  for (const auto& weak : std::exchange(watchers_, {})) {
    const auto watcher = weak.lock();
    if (watcher == nullptr) continue;
    watchers_.push_back(weak);  // it may unwatch itself from inside the call
    watcher->on_visible(*this, bytes);
  }
}

}  // namespace sluice::broker
