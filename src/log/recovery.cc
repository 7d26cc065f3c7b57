#include "log/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "log/batch_head.h"
#include "log/clean_job.h"
#include "log/partition_files.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/watermark.h"
#include "record/validate.h"

namespace sluice::log {
Result<void> Recovery::run() {
  SLUICE_TRY(read_small_files());
  SLUICE_TRY(finish_swaps());
  SLUICE_TRY(open_segments());
  std::size_t first = first_to_scan();
  if (!stop_) SLUICE_TRY(note_ages());
  if (!stop_) SLUICE_TRY(check_trusted(first));
  const std::size_t count = log_.segments_.size();
  if (!stop_ && first == count && has_watermark_ && log_.segments_.back()->end() > durable_) {
    // Called clean, yet something was appended after the last sync: it is read again like any other tail.
    hints_.clean = false;
    first = first_to_scan();
  }
  const bool stopped_early = stop_.has_value();
  if (!stop_) {
    SLUICE_TRY(
        restore_producers(first == count ? log_.segments_.back()->end() : log_.segments_[first]->base()));
    SLUICE_TRY(scan_all(first));
  }
  if (!stop_ && log_.segments_.back()->end() < durable_) {
    stop(log_.segments_.size() - 1, "the file ends here");
  }
  if (stop_ && stop_->offset < durable_) return halt(!stopped_early);
  if (stop_) SLUICE_TRY(cut());
  if (stopped_early) {
    SLUICE_TRY(restore_producers(log_.segments_.back()->end()));
    SLUICE_TRY(log_.rebuild_txns(*log_.segments_.back(), snapshots_, hints_.now_ms));
  }
  return finish(first != count);
}

Result<void> Recovery::read_small_files() {
  log_.topic_id_ = SLUICE_TRY(read_topic_id(log_.fs_, log_.dir_));
  if (std::optional<Epochs> epochs = SLUICE_TRY(read_epochs(log_.fs_, log_.dir_))) {
    log_.epochs_ = std::move(*epochs);
    epochs_known_ = true;
  }
  log_.watermark_ = SLUICE_TRY(WatermarkFile::open(log_.fs_, log_.dir_));
  has_watermark_ = log_.watermark_ != nullptr;
  durable_ = has_watermark_ ? log_.watermark_->value().durable_end : hints_.recovery_point;
  // What Apache Kafka wrote may have been compacted, whatever the topic's policy is by now.
  holes_end_ =
      has_watermark_ ? log_.watermark_->value().holes_end : Offset{std::numeric_limits<std::int64_t>::max()};
  return {};
}

/// A start before this one may have died between the two renames of make_names_again.
Result<void> Recovery::finish_renames() {
  for (const env::DirEntry& entry : SLUICE_TRY(log_.fs_.list(log_.dir_))) {
    if (!entry.name.ends_with(".tmp")) continue;
    const std::string name = entry.name.substr(0, entry.name.size() - 4);
    if (!parse_file_name(name, log_suffix)) continue;
    Result<void> back =
        log_.fs_.rename_noreplace(env::join(log_.dir_, entry.name), env::join(log_.dir_, name));
    if (!back && back.error().code != Code::already_exists) return back;
  }
  return {};
}

Result<void> Recovery::open_segments() {
  SLUICE_TRY(finish_renames());
  std::vector<Offset> bases;
  const std::vector<env::DirEntry> entries = SLUICE_TRY(log_.fs_.list(log_.dir_));
  for (const env::DirEntry& entry : entries) {
    if (entry.is_dir) continue;
    if (const auto base = parse_file_name(entry.name, log_suffix)) bases.push_back(*base);
    if (const auto at = parse_file_name(entry.name, snapshot_suffix)) snapshots_.push_back(*at);
  }
  for (const env::DirEntry& entry : entries) {
    std::optional<Offset> base = parse_file_name(entry.name, index_suffix);
    if (!base) base = parse_file_name(entry.name, time_index_suffix);
    if (!base) base = parse_file_name(entry.name, txn_index_suffix);
    const bool orphan = base && !std::ranges::binary_search(bases, *base);
    const bool left_over = entry.name.ends_with(".tmp") || entry.name.ends_with(cleaned_suffix) ||
                           entry.name.ends_with(swap_suffix) || entry.name.ends_with(deleted_suffix);
    if (orphan || left_over) doomed_.push_back(env::join(log_.dir_, entry.name));
  }
  for (const Offset base : bases) {
    std::unique_ptr<Segment> segment = SLUICE_TRY(Segment::open(log_.fs_, log_.dir_, base));
    // Left by a roll that failed, after which appending went on in the segment before.
    if (segment->empty() && base != bases.back()) {
      doom(*segment);
      continue;
    }
    log_.segments_.push_back(std::move(segment));
  }
  return settle();
}

/// Where the log starts, and whether its first file is there.
Result<void> Recovery::settle() {
  auto& segments = log_.segments_;
  log_.log_start_ = has_watermark_     ? log_.watermark_->value().log_start
                    : segments.empty() ? hints_.recovery_point
                                       : segments.front()->base();
  const bool nothing_promised = durable_ <= log_.log_start_;
  if (nothing_promised && !segments.empty() && segments.front()->base() > log_.log_start_) {
    for (const auto& segment : segments) doom(*segment);  // what came before it is gone, so it goes as well
    segments.clear();
  }
  if (nothing_promised && segments.empty()) {
    segments.push_back(SLUICE_TRY(Segment::create(log_.fs_, log_.dir_, log_.log_start_)));
  }
  while (segments.size() > 1 && segments[1]->base() <= log_.log_start_) {  // A14: was on its way out
    doom(*segments.front());
    segments.erase(segments.begin());
  }
  if (segments.empty() || segments.front()->base() > log_.log_start_) {
    stop_ = Stop{0, 0, log_.log_start_, "the file that begins there is missing"};
  }
  return {};
}

void Recovery::doom(const Segment& segment) {
  for (std::string& path : segment.paths()) doomed_.push_back(std::move(path));
}

/// The last append to a segment is in the snapshot at its end, the last one before it in that at its base.
/// What is not known is now: things look younger than they are, never older.
Result<void> Recovery::note_ages() {
  const auto& segments = log_.segments_;
  std::int64_t before_ms = hints_.now_ms;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    Segment& segment = *segments[i];
    std::optional<std::int64_t> last_ms;
    if (i + 1 < segments.size()) {
      last_ms = SLUICE_TRY(taken_at(segments[i + 1]->base()));
    } else if (hints_.clean && !snapshots_.empty() && snapshots_.back() > segment.base()) {
      last_ms = SLUICE_TRY(taken_at(snapshots_.back()));  // nothing was appended since
    }
    segment.last_append_ms =
        std::min(std::max<std::int64_t>(last_ms.value_or(hints_.now_ms), 0), hints_.now_ms);
    segment.first_append_ms = std::min(before_ms, segment.last_append_ms);
    before_ms = segment.last_append_ms;
  }
  return {};
}

Result<std::optional<std::int64_t>> Recovery::taken_at(Offset snapshot) {
  if (!std::ranges::binary_search(snapshots_, snapshot)) return std::nullopt;
  const auto file = SLUICE_TRY(
      log_.fs_.open(env::join(log_.dir_, file_name(snapshot, snapshot_suffix)), env::OpenMode::read));
  return snapshot_taken_ms(*file);
}

/// The segment in which the durable watermark lies, and all after it. One that ends just there is among them:
/// its indexes were synced only with what followed.
std::size_t Recovery::first_to_scan() const {
  const auto& segments = log_.segments_;
  if (!epochs_known_) return 0;
  if (hints_.clean) return segments.size();
  const auto after =
      std::ranges::lower_bound(segments, durable_, {}, [](const auto& segment) { return segment->base(); });
  return after == segments.begin() ? 0 : static_cast<std::size_t>(after - segments.begin() - 1);
}

Result<void> Recovery::check_trusted(std::size_t end) {
  for (std::size_t i = 0; i < end && !stop_; ++i) {
    Segment& segment = *log_.segments_[i];
    if (!SLUICE_TRY(trust(segment))) {
      SLUICE_TRY(scan(i, false));
      ++log_.recovery_.indexes_rebuilt;
    }
    if (stop_ || !joins_next(i)) return {};
    SLUICE_TRY(trust_txns(i));
    const bool rebuilt = std::ranges::find(scanned_, &segment) != scanned_.end();
    if (i + 1 < log_.segments_.size() && !rebuilt) segment.indexes().unload();
  }
  return {};
}

/// Whether the indexes fit the log file: then its end is found by walking from the last entry. The entries
/// before it are checked whenever they are used.
Result<bool> Recovery::trust(Segment& segment) {
  if (!SLUICE_TRY(segment.indexes().load(log_.fs_, segment.bytes()))) return false;
  HeadWalker walker{*segment.file(), segment.indexes().last_position(), segment.bytes()};
  Offset end = segment.base();
  while (true) {
    const Result<std::optional<Located>> batch = walker.next();
    if (!batch && batch.error().code == Code::corrupt) return false;
    if (!batch) return std::unexpected(batch.error());
    if (!*batch) break;
    const BatchHead& head = (*batch)->head;
    if (end == segment.base() && (*batch)->position > 0 &&
        head.range.begin > segment.indexes().last_indexed()) {
      return false;
    }
    if (head.range.begin < end || head.max_timestamp_ms > segment.indexes().max_timestamp_ms()) return false;
    end = head.range.end;
  }
  segment.set_end(end);
  return true;
}

/// Whether a snapshot of ours at the segment's end, where there is one, knows the same.
Result<bool> Recovery::txns_as_noted(const Segment& segment) {
  if (segment.end() <= holes_end_) return true;  // compaction has written it anew since
  if (!std::ranges::binary_search(snapshots_, segment.end())) return true;
  const std::string path = env::join(log_.dir_, file_name(segment.end(), snapshot_suffix));
  const auto file = SLUICE_TRY(log_.fs_.open(path, env::OpenMode::read));
  const std::optional<TxnDigest> noted = snapshot_txns(*file);
  return !noted || *noted == segment.txns().digest();
}

/// Reads the aborted transactions of a segment that is not scanned; where their file is not to be trusted,
/// the log says them again.
Result<void> Recovery::trust_txns(std::size_t index) {
  Segment& segment = *log_.segments_[index];
  const bool possible = SLUICE_TRY(segment.txns().load(log_.fs_, segment.end()));
  if (!possible || !SLUICE_TRY(txns_as_noted(segment))) {
    const Result<void> rebuilt = log_.rebuild_txns(segment, snapshots_, hints_.now_ms);
    if (!rebuilt && rebuilt.error().code != Code::corrupt) return rebuilt;
    if (!rebuilt) {
      SLUICE_TRY(scan(index, false));  // finds the place
      return stop_ ? Result<void>{} : rebuilt;
    }
    txns_rebuilt_.push_back(&segment);
    ++log_.recovery_.indexes_rebuilt;
  }
  return {};
}

Result<void> Recovery::scan_all(std::size_t begin) {
  for (std::size_t i = begin; i < log_.segments_.size() && !stop_; ++i) {
    SLUICE_TRY(scan(i, true));
    if (!stop_ && !joins_next(i)) return {};
  }
  return {};
}

bool Recovery::joins_next(std::size_t index) {
  if (index + 1 == log_.segments_.size()) return true;
  const Offset end = log_.segments_[index]->end();
  const Offset next = log_.segments_[index + 1]->base();
  if (end == next || (end < next && may_be_hole(next))) return true;
  stop(index, fmt::format("the file ends here, and the next one begins at offset {}", next.value));
  return false;
}

/// Whether compaction may have taken out what lay just before `end`.
bool Recovery::may_be_hole(Offset end) const {
  return log_.options_.compacted || end <= holes_end_;
}

void Recovery::stop(std::size_t index, std::string why) {
  const Segment& segment = *log_.segments_[index];
  stop_ = Stop{index, segment.bytes(), segment.end(), std::move(why)};
}

Result<void> Recovery::restore_producers(Offset up_to) {
  for (const Offset at :
       SLUICE_TRY(log_.restore_producers(*log_.producers_, snapshots_, up_to, hints_.now_ms))) {
    doomed_.push_back(env::join(log_.dir_, file_name(at, snapshot_suffix)));
    std::erase(snapshots_, at);
  }
  return {};
}

/// What lies before the damage is served, nothing is changed on the disk.
/// scanned   producers and aborted transactions are known up to there
Result<void> Recovery::halt(bool scanned) {
  auto& segments = log_.segments_;
  const std::string path = segments.empty() ? log_.dir_ : segments[stop_->segment]->path();
  if (!segments.empty()) {
    segments.resize(stop_->segment + 1);
    segments.back()->cut(stop_->position, stop_->offset);
    if (!scanned) {
      SLUICE_TRY(restore_producers(stop_->offset));
      SLUICE_TRY(log_.rebuild_txns(*segments.back(), snapshots_, hints_.now_ms));
    }
    log_.producers_->note_durable(stop_->offset);
  }
  log_.log_end_ = log_.durable_end_ = log_.synced_end_ = stop_->offset;
  log_.halted_ = Error{
      Code::corrupt,
      fmt::format("{} is halted: {} is damaged at byte {}, offset {}, below the durable watermark {}: {}",
                  log_.name(), path, stop_->position, stop_->offset.value, durable_.value, stop_->why),
      fmt::format("restore the file from a copy; offsets [{}, {}) can be read", log_.log_start_.value,
                  stop_->offset.value),
      record::kafka_error::kafka_storage_error};
  return {};
}

/// Nobody was promised what lies behind the stop: it goes, so that offsets are given once.
Result<void> Recovery::cut() {
  auto& segments = log_.segments_;
  Segment& last = *segments[stop_->segment];
  const std::uint64_t file_bytes = SLUICE_TRY(last.file()->size());
  log_.recovery_.bytes_truncated = file_bytes - stop_->position;
  last.cut(stop_->position, stop_->offset);
  if (file_bytes != stop_->position) SLUICE_TRY(last.trim());
  while (segments.size() > stop_->segment + 1) {
    const Segment& later = *segments.back();
    log_.recovery_.bytes_truncated += SLUICE_TRY(later.file()->size());
    doom(later);
    std::erase(scanned_, segments.back().get());
    std::erase(txns_rebuilt_, segments.back().get());
    std::erase_if(tails_, [&](const Tail& tail) { return tail.segment == segments.back().get(); });
    segments.pop_back();
  }
  if (log_.recovery_.bytes_truncated > 0) {
    log_.recovery_.truncated_because = fmt::format("{} at byte {}, offset {}: {}", last.path(),
                                                   stop_->position, stop_->offset.value, stop_->why);
  }
  return {};
}

Result<void> Recovery::finish(bool scanned) {
  log_.log_end_ = log_.segments_.back()->end();
  std::erase_if(snapshots_, [&](Offset at) {
    if (at <= log_.log_end_) return false;
    doomed_.push_back(env::join(log_.dir_, file_name(at, snapshot_suffix)));
    return true;
  });
  log_.snapshots_ = snapshots_;
  const bool changed =
      scanned || !scanned_.empty() || !txns_rebuilt_.empty() || !doomed_.empty() || !has_watermark_;
  if (!epochs_known_) log_.epochs_ = std::move(epochs_found_);
  const bool cut_off = log_.epochs_.start_at(log_.log_start_);
  if (log_.epochs_.truncate_to(log_.log_end_) || cut_off || !epochs_known_) {
    SLUICE_TRY(write_epochs(log_.fs_, log_.dir_, log_.epochs_));
  }
  // What said that the log starts later may not be durable itself yet (A14).
  if (has_watermark_ && !doomed_.empty()) SLUICE_TRY(log_.watermark_->store_log_start(log_.log_start_));
  SLUICE_TRY(remove_doomed());
  for (const Tail& tail : tails_) SLUICE_TRY(rewrite(tail));
  SLUICE_TRY(store_scanned());
  SLUICE_TRY(make_names_again());
  if (!has_watermark_)
    log_.watermark_ = SLUICE_TRY(
        WatermarkFile::create(log_.fs_, log_.dir_, {log_.log_end_, log_.log_start_, log_.log_end_}));
  if (changed) {
    SLUICE_TRY(log_.fs_.sync_dir(log_.dir_));
    // Its own name too: whoever made it may have died before that was durable.
    SLUICE_TRY(log_.fs_.sync_dir(env::parent(log_.dir_)));
    SLUICE_TRY(log_.watermark_->store_durably({log_.log_end_, log_.log_start_}));
  }
  log_.durable_end_ = log_.synced_end_ = log_.syncing_end_ = log_.unjournaled_begin_ = log_.log_end_;
  log_.producers_->note_durable(log_.durable_end_);
  log_.recovery_.segments = log_.segments_.size();
  log_.recovery_.segments_scanned = scanned_.size();
  return {};
}

/// What was read again is synced; rebuilt indexes of sealed segments are written.
Result<void> Recovery::store_scanned() {
  for (Segment* const segment : scanned_) {
    SLUICE_TRY(segment->file()->sync());
    if (segment == &log_.active()) continue;
    const auto store = [&]() -> Result<void> {
      SLUICE_TRY(segment->indexes().persist(log_.fs_));
      SLUICE_TRY(log_.fs_.sync_file(segment->indexes().offset_path()));
      return log_.fs_.sync_file(segment->indexes().time_path());
    };
    Result<void> stored = store();
    if (stored) {
      segment->indexes().unload();
    } else if (stored.error().code == Code::no_space) {
      // Recovery must not need room. Half an index must not be trusted later: none is better.
      SLUICE_TRY(log_.fs_.remove_file(segment->indexes().time_path()));
    } else {
      return stored;
    }
    SLUICE_TRY(segment->txns().replace(log_.fs_));
  }
  for (Segment* const segment : txns_rebuilt_) {
    if (segment != &log_.active()) SLUICE_TRY(segment->txns().replace(log_.fs_));
  }
  return {};
}

/// Makes the names of segments once more that no finished sync covers. After a sync of the directory that
/// failed, they are there to see although the disk has forgotten them (X13); only a new change makes a sync
/// mean them. All in such a segment is above the watermark, which is synced after each roll: nobody was
/// promised it, should the power go between the two renames.
Result<void> Recovery::make_names_again() {
  for (std::size_t i = 1; has_watermark_ && i < log_.segments_.size(); ++i) {
    const Segment& segment = *log_.segments_[i];
    if (segment.base() < durable_) continue;
    const std::string aside = segment.path() + ".tmp";
    SLUICE_TRY(log_.fs_.rename(segment.path(), aside));
    SLUICE_TRY(log_.fs_.rename(aside, segment.path()));
  }
  return {};
}

Result<void> Recovery::remove_doomed() {
  for (const std::string& path : doomed_) {
    Result<void> removed = log_.fs_.remove_file(path);
    if (!removed && removed.error().code != Code::not_found) return removed;
  }
  return {};
}

}  // namespace sluice::log
