#include "broker/syncer.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace sluice::broker {
namespace {

// A sync costs about the same for one batch as for many. Producers that send on without waiting for answers
// lose nothing when rounds keep this distance, and share the syncs; one that waits for each answer never
// meets it.
constexpr env::Duration busy_distance = std::chrono::microseconds(1000);

log::JournalKey key_of(Partition& partition) {
  return {partition.log()->topic_id(), partition.id().partition};
}

}  // namespace

Syncer::Syncer(env::EventLoop& loop, Notices& notices, std::unique_ptr<log::Journal> journal)
    : loop_(loop), notices_(notices), journal_(std::move(journal)) {}

Syncer::~Syncer() {
  stop();
}

void Syncer::stop() {
  rounds_.stop();
  flushes_.stop();
  if (std::exchange(stopped_, true)) return;
  if (const auto round = running_) end_round(*round);  // its way back through the loop is cut off
  if (const auto items = flushing_) end_flush(*items);
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

void Syncer::take_to_segments(Round& round, const PartitionPtr& partition) {
  auto job = partition->log()->begin_sync();
  if (job) {
    partition->log()->drop_unjournaled();  // the job has it
    round.items.push_back({partition, partition->bytes_appended(), std::move(*job), {}});
  } else {
    dirty_.insert(partition);  // a flush of it runs: its end begins another round
  }
}

void Syncer::gather(Round& round) {
  std::vector<log::JournalEntry> entries;
  std::uint64_t bytes = 0;
  for (const PartitionPtr& partition : std::exchange(dirty_, {})) {
    log::PartitionLog* const log = partition->log();
    if (log == nullptr) continue;
    if (log->poisoned()) partition->after_sync(false, partition->bytes_appended());
    if (!log->needs_sync()) continue;  // or a flush has it, whose end tells who waits
    const std::size_t size = log->unjournaled_bytes();
    const bool journals = journal_ != nullptr && !journal_->failed() && size > 0 &&
                          bytes + size <= log::journal_round_bytes_max;
    if (!journals) {
      take_to_segments(round, partition);
    } else {
      bytes += size;
      entries.push_back({key_of(*partition), log->log_end_offset(), log->unjournaled()});
      round.journaled.push_back({partition, partition->bytes_appended(), log->log_end_offset()});
    }
  }
  if (entries.empty()) return;
  round.write = journal_->begin(entries);
  for (const Journaled& journaled :
       round.write ? std::vector<Journaled>{} : std::exchange(round.journaled, {}))
    take_to_segments(round, journaled.partition);
  for (const Journaled& journaled : round.journaled) {
    journaled.partition->log()->drop_unjournaled();  // the round has it
    journaled_[key_of(*journaled.partition)] = journaled.partition;
  }
}

void Syncer::begin_round() {
  if (stopped_ || running_ != nullptr) return;
  round_began_ = loop_.now();
  auto round = std::make_shared<Round>();
  gather(*round);
  if (round->items.empty() && !round->write) return;
  running_ = round;
  rounds_.run([this, weak = std::weak_ptr(alive_), round] {
    for (const Item& item : round->items) item.job.start();  // all at the device before one is waited for
    if (round->write) round->written = round->write->run();
    for (Item& item : round->items) item.done = item.job.run();
    loop_.post([this, weak, round] {
      if (!weak.expired() && running_ == round) end_round(*round);
    });
  });
}

void Syncer::end_item(Item& item) {
  log::PartitionLog* const log = item.partition->log();
  if (log == nullptr) return;  // deleted meanwhile
  const auto moved = log->finish_sync(item.done);
  if (!moved) {
    notices_.say(fmt::format("{}: nothing after offset {} is acknowledged any more: {}",
                             log::dir_name(item.partition->id()), log->durable_end().value,
                             to_string(moved.error())));
  } else if (journal_ != nullptr) {
    journal_->note_synced(key_of(*item.partition), log->synced_end());
  }
  item.partition->after_sync(moved.has_value(), item.bytes_covered);
  if (moved && item.partition->log() != nullptr && item.partition->log()->needs_sync())
    dirty_.insert(item.partition);
}

void Syncer::end_journaled(Round& round) {
  if (!round.write) return;
  journal_->finish(round.written);
  const bool failed = round.written.error.has_value();
  if (journal_->failed() && !std::exchange(journal_failure_told_, true)) {
    notices_.say(fmt::format("the journal is not used any more, every partition syncs its own files: {}",
                             to_string(*journal_->failed())));
  }
  for (const Journaled& journaled : std::exchange(round.journaled, {})) {
    Partition& partition = *journaled.partition;
    if (partition.log() == nullptr) continue;
    if (failed) {  // what was handed over is in its segments as well, and can be synced there
      partition.log()->drop_unjournaled();
      dirty_.insert(journaled.partition);
      continue;
    }
    const auto moved = partition.log()->note_journaled(journaled.end);
    partition.after_sync(moved.has_value(), journaled.bytes_covered);
    if (partition.log() != nullptr && partition.log()->needs_sync()) dirty_.insert(journaled.partition);
  }
}

void Syncer::end_round(Round& round) {
  const auto kept = std::exchange(running_, nullptr);  // `round` lives in it
  end_journaled(round);
  for (Item& item : round.items) end_item(item);
  tell_waiters();
  begin_flush();
  schedule();
}

// ---- behind the rounds ----

// Nobody will ask for the records of a topic that is deleted: they pin nothing.
void Syncer::drop_deleted() {
  std::erase_if(journaled_, [this](const auto& entry) {
    if (entry.second->log() != nullptr) return false;
    journal_->note_synced(entry.first, Offset{std::numeric_limits<std::int64_t>::max()});
    return true;
  });
}

void Syncer::begin_flush() {
  if (flushing_ != nullptr || stopped_) return;
  auto items = std::make_shared<std::vector<Item>>();
  const auto take = [&](const PartitionPtr& partition) {
    if (partition->log() == nullptr) return;  // deleted meanwhile: tell_waiters says so
    if (auto job = partition->log()->begin_sync())
      items->push_back({partition, partition->bytes_appended(), std::move(*job), {}});
  };
  const auto pins = journal_ == nullptr ? std::vector<log::JournalKey>{} : journal_->pins();
  if (!pins.empty()) drop_deleted();
  for (const log::JournalKey& key : pins) {
    const auto found = journaled_.find(key);
    if (found == journaled_.end()) continue;
    // What a job has synced while the round was out pins nothing.
    journal_->note_synced(key, found->second->log()->synced_end());
    if (found->second->log()->synced_end() < found->second->log()->log_end_offset()) take(found->second);
  }
  for (const Waiter& waiter : waiters_) take(waiter.partition);
  if (items->empty()) return;
  flushing_ = items;
  flushes_.run([this, weak = std::weak_ptr(alive_), items] {
    for (const Item& item : *items) item.job.start();
    for (Item& item : *items) item.done = item.job.run();
    loop_.post([this, weak, items] {
      if (!weak.expired() && flushing_ == items) end_flush(*items);
    });
  });
}

void Syncer::end_flush(std::vector<Item>& items) {
  const auto kept = std::exchange(flushing_, nullptr);  // `items` lives in it
  for (Item& item : items) end_item(item);
  tell_waiters();
  begin_flush();
  schedule();
}

void Syncer::when_synced(const PartitionPtr& partition, Offset end, std::function<void()> done) {
  Waiter waiter{partition, end, std::move(done)};
  if (is_over(waiter)) return waiter.done();
  waiters_.push_back(std::move(waiter));
  begin_flush();
}

bool Syncer::is_over(const Waiter& waiter) {
  const log::PartitionLog* const log = waiter.partition->log();
  return log == nullptr || log->synced_end() >= waiter.end || log->poisoned() || log->halted();
}

void Syncer::tell_waiters() {
  std::vector<Waiter> waiting;
  std::vector<Waiter> told;
  for (Waiter& waiter : std::exchange(waiters_, {})) {
    (is_over(waiter) ? told : waiting).push_back(std::move(waiter));
  }
  waiters_ = std::move(waiting);
  for (const Waiter& waiter : told) waiter.done();
}

}  // namespace sluice::broker
