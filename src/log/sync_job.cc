// Group commit: what was appended becomes durable, away from the thread that appends.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "log/partition_log.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/watermark.h"

namespace sluice::log {
namespace {

/// How long a job waits before it says that file descriptors ran out: it is tried again at once.
constexpr auto exhausted_pause = std::chrono::milliseconds(20);

}  // namespace

void SyncJob::start() const {
  for (const Part& part : parts_) part.file->start_writeback();
}

SyncJob::Done SyncJob::run() {
  const auto make_durable = [this]() -> Result<void> {
    for (const Part& part : parts_) {
      if (Result<void> synced = part.file->sync(); !synced) {
        return std::unexpected(std::move(synced.error()).in(fmt::format("{} was not synced", part.path)));
      }
    }
    // A13: nothing in a file counts before its name does.
    if (!dir_.empty()) SLUICE_TRY(fs_->sync_dir(dir_));
    SLUICE_TRY(watermark_->note_durable(end_));
    // After a roll the watermark is synced as well, so that it never lags by more than the active segment.
    return dir_.empty() ? Result<void>{} : watermark_->sync();
  };
  Result<void> done = make_durable();
  if (!done && done.error().code == Code::exhausted) std::this_thread::sleep_for(exhausted_pause);
  parts_.clear();
  return {end_, done ? std::nullopt : std::optional{std::move(done.error())}};
}

bool PartitionLog::needs_sync() const {
  return !poisoned_ && !halted_ && (log_end_ > std::max(durable_end_, syncing_end_) || !sealed_.empty());
}

std::optional<SyncJob> PartitionLog::begin_sync() {
  if (syncing_ || poisoned_ || halted_ || (log_end_ <= synced_end_ && sealed_.empty())) return std::nullopt;
  SyncJob job;
  job.fs_ = &fs_;
  syncing_sealed_ = std::exchange(sealed_, {});
  syncing_dir_ = std::exchange(dir_dirty_, false);
  job.parts_ = syncing_sealed_;  // older bytes first
  job.parts_.push_back({active().file(), active().path()});
  if (syncing_dir_) job.dir_ = dir_;
  job.watermark_ = watermark_;
  job.end_ = log_end_;
  syncing_ = true;
  syncing_end_ = log_end_;
  return job;
}

Result<bool> PartitionLog::finish_sync(const SyncJob::Done& done) {
  SLUICE_ASSERT(syncing_);
  syncing_ = false;
  std::vector<SyncJob::Part> parts = std::exchange(syncing_sealed_, {});
  if (done.error && done.error->code == Code::exhausted) {  // no sync failed: one was not begun
    parts.insert(parts.end(), std::make_move_iterator(sealed_.begin()),
                 std::make_move_iterator(sealed_.end()));
    sealed_ = std::move(parts);
    dir_dirty_ |= syncing_dir_;
    syncing_end_ = durable_end_;
    return poisoned_ ? Result<bool>{std::unexpected(*poisoned_)} : false;
  }
  if (done.error) return poison(*done.error);  // X13: what the disk has of it is unknown for good
  if (poisoned_) return std::unexpected(*poisoned_);
  SLUICE_ASSERT(done.durable_end <= log_end_);
  const bool moved = done.durable_end > durable_end_;
  synced_end_ = std::max(synced_end_, done.durable_end);
  durable_end_ = std::max(durable_end_, done.durable_end);  // X14
  producers_->note_durable(durable_end_);
  if (durable_end_ == log_end_) drop_unjournaled();
  return moved;
}

void PartitionLog::keep_for_journal(BytesView batch) {
  if (!unjournaled_whole_) return;
  unjournaled_whole_ =
      unjournaled_.size() + batch.size() <= options_.unjournaled_bytes_max &&
      (options_.unjournaled_room == nullptr || options_.unjournaled_room->take(batch.size()));
  if (unjournaled_whole_) {
    if (unjournaled_.capacity() == 0 && options_.unjournaled_room != nullptr)
      unjournaled_ = options_.unjournaled_room->buffer();
    unjournaled_.insert(unjournaled_.end(), batch.begin(), batch.end());
  } else {
    forget_unjournaled();
  }
}

void PartitionLog::forget_unjournaled() {
  Bytes forgotten = std::exchange(unjournaled_, Bytes{});
  if (options_.unjournaled_room == nullptr) return;
  options_.unjournaled_room->give_back(forgotten.size());
  options_.unjournaled_room->give_back(std::move(forgotten));
}

// What a job that is out will make durable is not durable yet: what follows it must not be so before it.
std::size_t PartitionLog::unjournaled_bytes() const {
  const bool follows = unjournaled_begin_ <= durable_end_;
  return follows && unjournaled_whole_ && sealed_.empty() && !poisoned_ ? unjournaled_.size() : 0;
}

void PartitionLog::drop_unjournaled() {
  forget_unjournaled();
  unjournaled_begin_ = log_end_;
  unjournaled_whole_ = true;
}

Result<bool> PartitionLog::note_journaled(Offset end) {
  if (poisoned_) return std::unexpected(*poisoned_);
  SLUICE_ASSERT(end <= log_end_);
  const bool moved = end > durable_end_;
  durable_end_ = std::max(durable_end_, end);  // X14
  producers_->note_durable(durable_end_);
  return moved;
}

Result<void> PartitionLog::sync() {
  SLUICE_TRY(refuse_writes());
  std::optional<SyncJob> job = begin_sync();
  if (!job) return {};
  SyncJob::Done done = job->run();
  SLUICE_TRY(finish_sync(done));
  if (done.error) return refused(std::move(*done.error));
  return {};
}

Result<void> PartitionLog::close() {
  SLUICE_TRY(refuse_writes());
  SLUICE_ASSERT(!syncing_);
  if (clean_gate_ != nullptr) clean_gate_->close();
  const auto finish = [this]() -> Result<void> {
    const Segment& segment = active();
    SLUICE_TRY(active().indexes().persist(fs_));
    SLUICE_TRY(fs_.sync_file(segment.indexes().offset_path()));
    SLUICE_TRY(fs_.sync_file(segment.indexes().time_path()));
    if (SLUICE_TRY(active().txns().persist(fs_))) SLUICE_TRY(fs_.sync_file(segment.txns().path()));
    SLUICE_TRY(store_epochs());
    SLUICE_TRY(write_snapshot(log_end_, segment.last_append_ms, true));
    drop_stray_snapshots();
    return fs_.sync_dir(dir_);
  };
  SLUICE_TRY(sync());
  if (Result<void> finished = finish(); !finished) return poison(std::move(finished.error()));
  if (Result<void> stored = watermark_->store_durably({log_end_, log_start_}); !stored) {
    return poison(std::move(stored.error()));
  }
  return {};
}

}  // namespace sluice::log
