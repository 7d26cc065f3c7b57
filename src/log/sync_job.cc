// Group commit: what was appended becomes durable, away from the thread that appends.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "log/partition_log.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/watermark.h"

namespace sluice::log {

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
  parts_.clear();
  return {end_, done ? std::nullopt : std::optional{std::move(done.error())}};
}

bool PartitionLog::needs_sync() const {
  return !poisoned_ && !halted_ && (log_end_ > std::max(durable_end_, syncing_end_) || !sealed_.empty());
}

std::optional<SyncJob> PartitionLog::begin_sync() {
  if (syncing_ || !needs_sync()) return std::nullopt;
  SyncJob job;
  job.fs_ = &fs_;
  job.parts_ = std::move(sealed_);  // older bytes first
  sealed_.clear();
  job.parts_.push_back({active().file(), active().path()});
  if (dir_dirty_) job.dir_ = dir_;
  job.watermark_ = watermark_;
  job.end_ = log_end_;
  dir_dirty_ = false;
  syncing_ = true;
  syncing_end_ = log_end_;
  return job;
}

Result<bool> PartitionLog::finish_sync(const SyncJob::Done& done) {
  SLUICE_ASSERT(syncing_);
  syncing_ = false;
  if (done.error) return poison(*done.error);  // X13: what the disk has of it is unknown for good
  if (poisoned_) return std::unexpected(*poisoned_);
  SLUICE_ASSERT(done.durable_end <= log_end_);
  const bool moved = done.durable_end > durable_end_;
  durable_end_ = std::max(durable_end_, done.durable_end);  // X14
  return moved;
}

Result<void> PartitionLog::sync() {
  SLUICE_TRY(refuse_writes());
  std::optional<SyncJob> job = begin_sync();
  if (!job) return {};
  SLUICE_TRY(finish_sync(job->run()));
  return {};
}

Result<void> PartitionLog::close() {
  SLUICE_TRY(refuse_writes());
  SLUICE_ASSERT(!syncing_);
  const auto finish = [this]() -> Result<void> {
    const Segment& segment = active();
    SLUICE_TRY(active().indexes().persist(fs_));
    SLUICE_TRY(fs_.sync_file(segment.indexes().offset_path()));
    SLUICE_TRY(fs_.sync_file(segment.indexes().time_path()));
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
