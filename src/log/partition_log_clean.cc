// Compaction: what is worth it, and taking over what a job made. The work itself is in clean_job.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "log/clean_job.h"
#include "log/partition_log.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/watermark.h"

namespace sluice::log {

double Cleanable::ratio() const {
  const double total = static_cast<double>(clean_bytes) + static_cast<double>(cleanable_bytes);
  return total == 0 ? 0 : static_cast<double>(cleanable_bytes) / total;
}

/// The index of the sealed segment that holds `offset`; that of the active one where none does.
std::size_t PartitionLog::sealed_from(Offset offset) const {
  const auto after =
      std::ranges::upper_bound(segments_, offset, {}, [](const auto& segment) { return segment->base(); });
  return after == segments_.begin() ? 0 : static_cast<std::size_t>(after - segments_.begin() - 1);
}

Cleanable PartitionLog::cleanable(std::optional<Offset> cleaned_to, const CleanLag& lag,
                                  std::int64_t now_ms) const {
  Cleanable found;
  found.first_dirty = cleaned_to.value_or(log_start_);
  // Nothing past holes_end was compacted: such a checkpoint is another log's, which had this one's name.
  const Offset known_end = std::min(log_end_, watermark_->value().holes_end);
  if (found.first_dirty < log_start_ || found.first_dirty > known_end) found.first_dirty = log_start_;
  const std::size_t sealed = segments_.size() - 1;
  const std::size_t dirty = sealed_from(found.first_dirty);
  // What the journal alone has may be cut from the segments and come back.
  Offset end = std::min({last_stable_offset(), active().base(), synced_end_});
  for (std::size_t i = dirty; lag.ms_min > 0 && i < sealed; ++i) {
    if (segments_[i]->last_append_ms <= now_ms - lag.ms_min) continue;
    end = std::min(end, segments_[i]->base());
    break;
  }
  const std::size_t uncleanable = sealed_from(std::max(end, found.first_dirty));
  found.first_uncleanable = segments_[uncleanable]->base();
  for (std::size_t i = 0; i < sealed; ++i) {
    const Segment& segment = *segments_[i];
    if (segment.base() < found.first_dirty) found.clean_bytes += segment.bytes();
    if (i < dirty) continue;
    if (i < uncleanable) found.cleanable_bytes += segment.bytes();
    if (segment.empty() || lag.ms_max < 0) continue;
    const std::int64_t due_ms = now_ms - std::min(lag.ms_max, now_ms);
    found.overdue_ms = std::max(found.overdue_ms, due_ms - segment.first_append_ms);
  }
  return found;
}

Result<CleanJob> PartitionLog::begin_clean(const Cleanable& what, CleanSettings settings) {
  SLUICE_ASSERT(clean_gate_ == nullptr);
  SLUICE_TRY(refuse_writes());
  CleanJob job;
  job.fs_ = &fs_;
  job.dir_ = dir_;
  job.watermark_ = watermark_;
  job.settings_ = std::move(settings);
  job.segment_bytes_max_ = segment_bytes_max();
  job.index_bytes_max_ = options_.segment_index_bytes_max;
  job.index_interval_bytes_ = options_.index_interval_bytes;
  job.first_dirty_ = what.first_dirty;
  job.first_uncleanable_ = what.first_uncleanable;
  job.aborted_ = SLUICE_TRY(aborted_transactions({segments_.front()->base(), what.first_uncleanable}));
  job.producers_ = producers_->last_records();
  for (std::size_t i = 0; i + 1 < segments_.size() && segments_[i]->base() < what.first_uncleanable; ++i) {
    const Segment& segment = *segments_[i];
    job.sources_.push_back({segment.base(), segments_[i + 1]->base(), segment.bytes(), segment.file(),
                            segment.path(), segment.first_append_ms, segment.last_append_ms});
  }
  clean_gate_ = job.gate_ = std::make_shared<NameGate>();
  return job;
}

Result<bool> PartitionLog::after_clean(CleanJob& job, const Result<CleanJob::Step>& step) {
  SLUICE_ASSERT(clean_gate_ != nullptr && clean_gate_ == job.gate_);
  if (step && *step == CleanJob::Step::written) {
    take_cleaned(job);
    return true;
  }
  if (!step && job.is_decided()) {
    if (step.error().code == Code::exhausted) return std::unexpected(step.error());
    return poison(step.error());  // what was renamed in part is known to nobody until recovery looks (X13)
  }
  clean_gate_.reset();
  unload_cleaned();
  remove_dropped();
  if (!step) return std::unexpected(step.error());
  return false;
}

/// From here on readers get the new segment. Its files have other names until the job has gone on, so its
/// indexes stay in memory.
void PartitionLog::take_cleaned(CleanJob& job) {
  unload_cleaned();  // the one before this has its names by now
  std::unique_ptr<Segment> made = std::move(job.written_);
  made->set_suffix("");
  const auto is_replaced = [&](const auto& segment) {
    return std::ranges::binary_search(job.replaced_, segment->base());
  };
  const auto first = std::ranges::find_if(segments_, is_replaced);
  // All were dropped meanwhile: its files go with those of the old ones.
  if (first == segments_.end()) return dropped_.push_back(made->base());
  if ((*first)->base() != made->base()) std::erase(dropped_, made->base());  // its name is in use again
  const auto last = std::find_if_not(first, segments_.end(), is_replaced);
  for (auto gone = first; gone != last; ++gone) {
    if (indexed_ == gone->get()) indexed_ = nullptr;
  }
  for (Place& place : places_) {
    if (std::ranges::binary_search(job.replaced_, place.segment_base)) place = {};
  }
  cleaned_ = made.get();
  *first = std::move(made);
  segments_.erase(first + 1, last);
  drop_stray_snapshots();
}

/// The segment that was taken last has its names: what it holds in memory can be read again.
void PartitionLog::unload_cleaned() {
  if (cleaned_ == nullptr) return;
  cleaned_->indexes().unload();
  TxnIndex stored{dir_, cleaned_->base()};
  const Result<bool> loaded = stored.load(fs_, cleaned_->end());
  if (loaded && *loaded && stored.digest() == cleaned_->txns().digest()) cleaned_->txns() = std::move(stored);
  cleaned_ = nullptr;
}

/// Has the files of dropped segments out of the way. What stays behind is removed when the log is opened.
void PartitionLog::remove_dropped() {
  for (const Offset base : std::exchange(dropped_, {})) {
    for (const std::string& path : segment_paths(dir_, base)) {
      const std::string aside = path + std::string{deleted_suffix};
      if (fs_.rename(path, aside)) doomed_.push_back(aside);
    }
  }
}

}  // namespace sluice::log
