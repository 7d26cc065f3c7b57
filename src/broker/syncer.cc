#include "broker/syncer.h"

#include <fmt/format.h>

#include <utility>

namespace sluice::broker {
namespace {

// A sync costs about the same for one batch as for many. Producers that send on without waiting for answers
// lose nothing when rounds keep this distance, and share the syncs; one that waits for each answer never
// meets it.
constexpr env::Duration busy_distance = std::chrono::microseconds(500);

}  // namespace

Syncer::Syncer(env::EventLoop& loop, Notices& notices)
    : loop_(loop), notices_(notices), worker_([this] { work(); }) {}

Syncer::~Syncer() {
  stop();
}

void Syncer::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (!worker_.joinable()) return;
  worker_.join();
  stopped_ = true;
  if (const auto round = running_) end_round(*round);  // its way back through the loop is cut off
}

void Syncer::add(const PartitionPtr& partition) {
  dirty_.insert(partition);
  if (running_ != nullptr) busy_ = true;
  schedule();
}

void Syncer::schedule() {
  if (dirty_.empty() || round_posted_ || running_ != nullptr || stopped_) return;
  round_posted_ = true;
  const auto begin = [this, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    round_posted_ = false;
    begin_round();
  };
  const env::Duration since = loop_.now() - round_began_;
  if (std::exchange(busy_, false) && since < busy_distance) {
    loop_.after(busy_distance - since, begin);
  } else {
    loop_.post(begin);  // not at once: the other connections that are readable now get into the same round
  }
}

void Syncer::begin_round() {
  if (stopped_) return;
  round_began_ = loop_.now();
  auto round = std::make_shared<Round>();
  for (const PartitionPtr& partition : std::exchange(dirty_, {})) {
    if (partition->log() == nullptr) continue;
    auto job = partition->log()->begin_sync();
    if (job) {
      round->push_back({partition, std::move(*job), partition->bytes_appended(), {}});
    } else if (partition->log()->poisoned()) {
      partition->after_sync(false, partition->bytes_appended());
    }
  }
  if (round->empty()) return;
  running_ = round;
  {
    const std::scoped_lock lock(mutex_);
    to_do_ = std::move(round);
  }
  wake_.notify_one();
}

void Syncer::end_round(Round& round) {
  const auto kept = std::exchange(running_, nullptr);  // `round` lives in it
  for (Item& item : round) {
    if (item.partition->log() == nullptr) continue;  // deleted meanwhile
    const auto moved = item.partition->log()->finish_sync(item.done);
    if (!moved) {
      notices_.say(fmt::format("{}: nothing after offset {} is acknowledged any more: {}",
                               log::dir_name(item.partition->id()),
                               item.partition->log()->durable_end().value, to_string(moved.error())));
    }
    item.partition->after_sync(moved.has_value(), item.bytes_covered);
    if (moved && item.partition->log() != nullptr && item.partition->log()->needs_sync())
      dirty_.insert(item.partition);
  }
  schedule();
}

void Syncer::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || to_do_ != nullptr; });
    if (to_do_ == nullptr) return;  // a round that was handed over is done even when we stop
    const std::shared_ptr<Round> round = std::exchange(to_do_, nullptr);
    lock.unlock();
    for (const Item& item : *round) item.job.start();  // all at the device before the first is waited for
    for (Item& item : *round) item.done = item.job.run();
    loop_.post([this, weak = std::weak_ptr(alive_), round] {
      if (!weak.expired() && running_ == round) end_round(*round);
    });
    lock.lock();
  }
}

}  // namespace sluice::broker
