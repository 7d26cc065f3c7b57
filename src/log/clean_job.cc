#include "log/clean_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "log/batch_walker.h"
#include "log/clean_filter.h"
#include "log/clean_transactions.h"
#include "log/names.h"
#include "log/offset_map.h"
#include "log/segment.h"
#include "log/watermark.h"
#include "record/compression.h"

namespace sluice::log {
namespace {

constexpr std::size_t write_bytes = 1 << 20;  // gathered before they are written

}  // namespace

CleanJob::CleanJob() = default;
CleanJob::~CleanJob() = default;
CleanJob::CleanJob(CleanJob&&) noexcept = default;
CleanJob& CleanJob::operator=(CleanJob&&) noexcept = default;

Result<void> CleanJob::pace(std::uint64_t bytes) {
  if (!settings_.pace || settings_.pace(bytes)) return {};
  return fail(Code::interrupted, "compaction was asked to stop");
}

Result<CleanJob::Step> CleanJob::run() {
  SLUICE_TRY(settle());
  if (stage_ == Stage::taken) return Step::written;
  if (map_ == nullptr) {
    SLUICE_TRY(build_map());
    make_groups();
    transactions_ = std::make_unique<CleanTransactions>(aborted_);
  }
  if (next_group_ == groups_.size()) return Step::finished;
  Result<void> done = write(groups_[next_group_]);
  if (!done && !is_decided()) forget_written();
  if (!done) return std::unexpected(std::move(done.error()));
  ++next_group_;
  SLUICE_TRY(settle());
  return Step::written;
}

// ---- which offset of each key is the newest ----

Result<void> CleanJob::build_map() {
  const auto entries = static_cast<double>(settings_.dedupe_bytes_max / OffsetMap::entry_bytes);
  const auto keys_max = static_cast<std::int64_t>(entries * settings_.load_factor);
  // There are no more keys than offsets.
  const std::int64_t offsets = first_uncleanable_ - first_dirty_;
  map_ = std::make_unique<OffsetMap>(static_cast<std::size_t>(std::min(keys_max, offsets)),
                                     settings_.load_factor, settings_.hash_key);
  // Those that ended before the first dirty offset are not shown here: their producers would count as aborted
  // for ever.
  auto aborted = aborted_;
  std::erase_if(aborted, [this](const AbortedTransaction& one) { return one.last_offset < first_dirty_; });
  CleanTransactions transactions{std::move(aborted)};
  latest_ = first_dirty_ - 1;
  for (const Source& source : sources_) {
    if (source.next <= first_dirty_) continue;
    if (!SLUICE_TRY(map_segment(source, transactions))) return {};  // full: the next round goes on from here
    latest_ = std::max(latest_, source.next - 1);
  }
  return {};
}

/// Takes the keys of a segment into the map. False where it is full.
Result<bool> CleanJob::map_segment(const Source& source, CleanTransactions& transactions) {
  BatchWalker walker{*source.file, source.path, 0, source.bytes, settings_.io_bytes};
  record::Decompressor decompressor;
  bool full = false;
  while (const auto batch = SLUICE_TRY(walker.next())) {
    SLUICE_TRY(pace(batch->size()));
    if (batch->last_offset() < first_dirty_) continue;
    const bool without_keys = batch->is_control() ? SLUICE_TRY(transactions.take_control(*batch)) || true
                                                  : transactions.take_data(*batch);
    if (!without_keys) {
      const BytesView records = SLUICE_TRY(decompressor.records(*batch));
      SLUICE_TRY(
          record::for_each_record(records, batch->records_count(), [&](const record::RecordView& record) {
            const Offset offset = batch->base_offset() + record.offset_delta;
            if (!record.key || offset < first_dirty_) return true;
            full = !map_->put(*record.key, offset);
            if (!full) latest_ = std::max(latest_, offset);
            return !full;
          }));
      if (full) return false;
    }
    latest_ = std::max(latest_, batch->last_offset());
  }
  return true;
}

// ---- segments that become one ----

void CleanJob::make_groups() {
  // An index has an entry for each batch at most, and no more than one an interval.
  const auto index_bytes = [&](std::uint64_t bytes) {
    const std::uint64_t between = std::max<std::uint64_t>(index_interval_bytes_, record::header_bytes);
    return (bytes / between + 1) * time_entry_bytes;
  };
  std::uint64_t bytes = 0;
  std::uint64_t indexes = 0;
  for (Source& source : sources_) {
    if (source.base > latest_) break;
    const bool fits =
        !groups_.empty() && bytes + source.bytes <= segment_bytes_max_ &&
        indexes + index_bytes(source.bytes) <= index_bytes_max_ &&
        source.next - 1 - groups_.back().front()->base <= std::numeric_limits<std::int32_t>::max();
    if (!fits) {
      groups_.emplace_back();
      bytes = indexes = 0;
    }
    groups_.back().push_back(&source);
    bytes += source.bytes;
    indexes += index_bytes(source.bytes);
  }
  // Files in which nothing is, as Apache Kafka may leave them, go with the next that are larger.
  std::erase_if(groups_, [](const Group& group) {
    return std::ranges::all_of(group, [](const Source* source) { return source->bytes == 0; });
  });
}

Result<void> CleanJob::write(const Group& group) {
  written_ = SLUICE_TRY(
      gate_->through([&] { return Segment::create(*fs_, dir_, group.front()->base, cleaned_suffix); }));
  written_->first_append_ms = group.front()->first_append_ms;
  written_->last_append_ms = group.back()->last_append_ms;
  const CleanKnowledge know{*map_, latest_, producers_, settings_.now_ms, settings_.delete_retention_ms};
  CleanFilter filter{know, *transactions_, stats_};
  const auto last = std::ranges::find_if(group.rbegin(), group.rend(),
                                         [](const Source* source) { return source->bytes > 0; });
  Bytes gathered;
  for (const Source* source : group) {
    SLUICE_TRY(copy(*source, source == *last, filter, gathered));
    stats_.bytes_before += source->bytes;
    replaced_.push_back(source->base);
  }
  SLUICE_TRY(flush(gathered));
  for (const AbortedTransaction& aborted : transactions_->take_kept()) written_->txns().note(aborted);
  stats_.bytes_after += written_->bytes();
  stats_.segments_before += group.size();
  ++stats_.segments_after;
  SLUICE_TRY(store(*written_));
  return decide(*written_);
}

/// Writes what the filter leaves of a segment behind what is there; the end of it may stay in `gathered`.
/// is_last   of its group, so that its last batch must stay
Result<void> CleanJob::copy(const Source& source, bool is_last, CleanFilter& filter, Bytes& gathered) {
  BatchWalker walker{*source.file, source.path, 0, source.bytes, settings_.io_bytes};
  while (const auto batch = SLUICE_TRY(walker.next())) {
    SLUICE_TRY(pace(batch->size()));
    const auto left = SLUICE_TRY(filter.filter(*batch, is_last && walker.at_end()));
    if (!left) continue;
    if (written_->bytes() + left->size() > std::numeric_limits<std::int32_t>::max()) {
      return fail(Code::limit_exceeded,
                  fmt::format("{} was not written: compressed again, its batches do not fit into 2^31 bytes",
                              written_->path()));
    }
    gathered.insert(gathered.end(), left->begin(), left->end());
    written_->note(SLUICE_TRY(parse_head(*left)), index_interval_bytes_);
    if (gathered.size() >= write_bytes) SLUICE_TRY(flush(gathered));
  }
  return {};
}

Result<void> CleanJob::flush(Bytes& gathered) {
  SLUICE_TRY(written_->file()->write_at(written_->bytes() - gathered.size(), gathered));
  const std::size_t bytes = gathered.size();
  gathered.clear();
  return pace(bytes);
}

/// Makes what the new segment's files hold durable; nobody looks for them yet.
Result<void> CleanJob::store(Segment& segment) {
  SLUICE_TRY(segment.file()->sync());
  SLUICE_TRY(gate_->through([&] { return segment.indexes().persist(*fs_); }));
  // The segment keeps its entries in memory until its files have their names.
  TxnIndex stored = segment.txns();
  SLUICE_TRY(gate_->through([&] { return stored.persist(*fs_); }));
  for (const std::string& path : segment.paths()) {
    if (path == segment.path()) continue;
    if (path == segment.txns().path() && segment.txns().digest().count == 0) continue;
    SLUICE_TRY(gate_->through([&] { return fs_->sync_file(path); }));
  }
  // Before any hole is on the disk it must be known that holes are normal below.
  return gate_->through([&] { return watermark_->store_holes_end(first_uncleanable_); });
}

/// Once these names are durable, the old segments count no more.
Result<void> CleanJob::decide(Segment& segment) {
  const std::vector<std::string> cleaned = segment.paths();
  segment.set_suffix(swap_suffix);
  const std::vector<std::string> swap = segment.paths();
  stage_ = Stage::renaming;
  for (std::size_t i = cleaned.size(); i-- > 0;)
    SLUICE_TRY(rename(cleaned[i], swap[i]));  // the log itself last
  stage_ = Stage::named;
  return {};
}

/// Goes on with what was decided, as far as it can without the log. Where it fails for want of a file
/// descriptor it can be called again.
Result<void> CleanJob::settle() {
  const auto sync_names = [&] { return gate_->through([&] { return fs_->sync_dir(dir_); }); };
  if (stage_ == Stage::named) {
    SLUICE_TRY(sync_names());
    stage_ = Stage::taken;  // from the log's next look on; it is not here again before
    return {};
  }
  if (stage_ == Stage::taken) {
    SLUICE_TRY(remove_old());
    stage_ = Stage::removed;
  }
  if (stage_ == Stage::removed) {
    SLUICE_TRY(sync_names());
    const std::string name = segment_paths(dir_, replaced_.front()).front();
    SLUICE_TRY(rename(name + std::string{swap_suffix}, name));
    stage_ = Stage::renamed;
  }
  if (stage_ == Stage::renamed) {
    SLUICE_TRY(sync_names());
    for (Source* const source : groups_[next_group_ - 1]) source->file.reset();  // gives their room back here
    replaced_.clear();
    stage_ = Stage::writing;
  }
  return {};
}

/// Takes away the files of the old segments and gives the new one's indexes their names. While BASE.log.swap
/// is there, recovery does the same, whatever of it is done.
Result<void> CleanJob::remove_old() {
  const std::vector<std::string> names = segment_paths(dir_, replaced_.front());
  for (const Offset gone : replaced_) {
    if (gone == replaced_.front()) continue;
    for (const std::string& path : segment_paths(dir_, gone)) SLUICE_TRY(remove_if_there(path));
  }
  for (std::size_t i = 1; i < names.size(); ++i) {
    SLUICE_TRY(remove_if_there(names[i]));
    SLUICE_TRY(rename(names[i] + std::string{swap_suffix}, names[i]));
  }
  return {};
}

Result<void> CleanJob::remove_if_there(const std::string& path) {
  Result<void> removed = gate_->through([&] { return fs_->remove_file(path); });
  return !removed && removed.error().code == Code::not_found ? Result<void>{} : removed;
}

Result<void> CleanJob::rename(const std::string& from, const std::string& to) {
  Result<void> renamed = gate_->through([&] { return fs_->rename(from, to); });
  const bool need_not_be = to.find(txn_index_suffix) != std::string::npos;
  return !renamed && need_not_be && renamed.error().code == Code::not_found ? Result<void>{} : renamed;
}

/// Best effort: what stays behind is removed when the log is opened.
void CleanJob::forget_written() {
  if (written_ == nullptr) return;
  for (const std::string& path : written_->paths()) {
    (void)gate_->through([&] { return fs_->remove_file(path); });
  }
  written_.reset();
  replaced_.clear();
}

}  // namespace sluice::log
