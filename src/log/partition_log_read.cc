// Reading: by offset, by timestamp, by epoch.
#include <fmt/format.h>

#include <algorithm>

#include "log/batch_head.h"
#include "log/partition_log.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/watermark.h"
#include "record/records.h"
#include "record/validate.h"

namespace sluice::log {
namespace {

/// The part of `bytes` that whole batches below `end` fill, and where the last of them ends.
struct Whole {
  std::size_t bytes = 0;
  Offset end{-1};
};

Result<Whole> whole_batches(BytesView bytes, Offset end) {
  Whole whole;
  while (bytes.size() - whole.bytes >= record::header_bytes) {
    const BatchHead head = SLUICE_TRY(parse_head(bytes.subspan(whole.bytes)));
    if (head.bytes > bytes.size() - whole.bytes || head.range.end > end) break;
    whole.bytes += static_cast<std::size_t>(head.bytes);
    whole.end = head.range.end;
  }
  return whole;
}

}  // namespace

/// The segment that holds `offset`, or would; its indexes are loaded.
Result<Segment*> PartitionLog::segment_of(Offset offset) {
  auto after =
      std::ranges::upper_bound(segments_, offset, {}, [](const auto& segment) { return segment->base(); });
  Segment* const segment = after == segments_.begin() ? segments_.front().get() : (after - 1)->get();
  if (segment->indexes().loaded()) return segment;
  if (indexed_ != nullptr) indexed_->indexes().unload();
  indexed_ = nullptr;
  if (!SLUICE_TRY(segment->indexes().load(fs_, segment->bytes()))) {
    // Damaged since the log was opened: the log file says it all again.
    SLUICE_TRY(segment->rebuild_indexes(options_.index_interval_bytes));
  }
  indexed_ = segment;
  return segment;
}

void PartitionLog::remember_position(Offset offset, Offset segment_base, std::uint64_t position) {
  for (Place& place : places_) {
    if (place.offset == offset) {
      place = {offset, segment_base, position};
      return;
    }
  }
  places_[places_next_] = {offset, segment_base, position};
  places_next_ = places_next_ + 1 < places_.size() ? places_next_ + 1 : 1;
}

/// The batch of `segment` that holds `offset`, or the first one after it; nothing at the end.
Result<std::optional<Located>> PartitionLog::locate(Segment& segment, Offset offset) {
  for (const Place& place : places_) {
    if (place.offset == offset && place.segment_base == segment.base() && place.position <= segment.bytes()) {
      return segment.find_from(place.position, offset);
    }
  }
  return segment.find(offset, options_.index_interval_bytes);
}

Result<ReadSlice> PartitionLog::read(Offset from, Offset end, MutableBytes out) {
  if (from < log_start_ || (from > log_end_ && !halted_)) {
    return std::unexpected(Error{Code::out_of_range,
                                 fmt::format("nothing was read at offset {} of {}: it has [{}, {})",
                                             from.value, name(), log_start_.value, log_end_.value),
                                 {},
                                 record::kafka_error::offset_out_of_range});
  }
  if (halted_ && from >= log_end_) return std::unexpected(*halted_);
  ReadSlice slice{0, from, 0};
  if (from >= std::min(end, log_end_)) return slice;

  Segment* segment = SLUICE_TRY(segment_of(from));
  std::optional<Located> first = SLUICE_TRY(locate(*segment, from));
  // Compaction by Apache Kafka may have taken out all between the last batch of a segment and the next one.
  for (Offset at = from; !first && segment != &active();) {
    at = segments_[sealed_from(at) + 1]->base();
    if (at >= end) break;
    segment = SLUICE_TRY(segment_of(at));
    first = SLUICE_TRY(locate(*segment, at));
  }
  if (!first || first->head.range.end > end) return slice;
  if (first->head.bytes > out.size()) {
    slice.bytes_needed = static_cast<std::size_t>(first->head.bytes);
    return slice;
  }
  const std::size_t wanted = std::min<std::uint64_t>(out.size(), segment->bytes() - first->position);
  const std::size_t bytes = SLUICE_TRY(segment->file()->read_at(first->position, out.first(wanted)));
  const Whole whole = SLUICE_TRY(whole_batches(out.first(bytes), end));
  if (whole.bytes == 0) {
    return fail(Code::corrupt, fmt::format("nothing was read at offset {} of {}: {} has changed at byte {}",
                                           from.value, name(), segment->path(), first->position));
  }
  slice.bytes = whole.bytes;
  slice.next = whole.end;
  remember_position(whole.end, segment->base(), first->position + whole.bytes);
  return slice;
}

Result<TimestampOffset> PartitionLog::offset_for_timestamp(std::int64_t timestamp_ms, Offset end) {
  const Offset last = std::min(end, log_end_);
  for (std::size_t i = 0; i < segments_.size() && segments_[i]->base() < last; ++i) {
    if (segments_[i]->indexes().max_timestamp_ms() < timestamp_ms) continue;
    Segment* const segment = SLUICE_TRY(segment_of(segments_[i]->base()));
    const std::optional<TimestampOffset> found = SLUICE_TRY(search_segment(*segment, timestamp_ms, last));
    if (found) return *found;
  }
  return TimestampOffset{};
}

Result<std::optional<TimestampOffset>> PartitionLog::search_segment(Segment& segment,
                                                                    std::int64_t timestamp_ms, Offset end) {
  const std::uint64_t from = SLUICE_TRY(segment.find_time(timestamp_ms, options_.index_interval_bytes));
  HeadWalker walker{*segment.file(), from, segment.bytes()};
  while (const std::optional<Located> batch = SLUICE_TRY(walker.next())) {
    if (batch->head.range.end > end) return std::nullopt;
    if (batch->head.range.end <= log_start_ || batch->head.max_timestamp_ms < timestamp_ms) continue;
    const std::optional<TimestampOffset> found = SLUICE_TRY(search_batch(segment, *batch, timestamp_ms));
    if (found) return found;
  }
  return std::nullopt;
}

/// The first record of `batch`, not below the log start, with a timestamp >= `timestamp_ms`.
Result<std::optional<TimestampOffset>> PartitionLog::search_batch(const Segment& segment,
                                                                  const Located& batch,
                                                                  std::int64_t timestamp_ms) {
  scratch_.resize(static_cast<std::size_t>(batch.head.bytes));
  const std::size_t bytes = SLUICE_TRY(segment.file()->read_at(batch.position, scratch_));
  const record::BatchView view = SLUICE_TRY(record::BatchView::parse(BytesView{scratch_}.first(bytes)));
  const BytesView records = SLUICE_TRY(decompressor_.records(view));
  std::optional<TimestampOffset> found;
  SLUICE_TRY(record::for_each_record(records, view.records_count(), [&](const record::RecordView& record) {
    const std::int64_t timestamp = view.timestamp_ms(record.timestamp_delta);
    const Offset offset = view.base_offset() + record.offset_delta;
    if (timestamp < timestamp_ms || offset < log_start_) return true;
    found = TimestampOffset{timestamp, offset, view.leader_epoch()};
    return false;
  }));
  return found;
}

Result<TimestampOffset> PartitionLog::max_timestamp() {
  // What is not found the first time was the lie of an index, which is made again by now, or lies in the part
  // of a batch that is below the log start: then the first segment is walked.
  for (const bool again : {false, true}) {
    std::int64_t largest = record::no_timestamp;
    for (const auto& segment : segments_) {
      if (segment->base() >= durable_end_) break;
      const bool by_index = !again || segment != segments_.front();
      if (by_index && segment->indexes().max_timestamp_ms() <= largest) continue;
      largest = std::max(largest, SLUICE_TRY(visible_max_timestamp(*segment, by_index)));
    }
    if (largest == record::no_timestamp) return TimestampOffset{};
    const TimestampOffset found = SLUICE_TRY(offset_for_timestamp(largest, durable_end_));
    if (found.offset.value >= 0) return found;
  }
  return TimestampOffset{};
}

/// The largest timestamp of the records of `segment` between log start and high watermark.
///
/// by_index   what the time index says of the whole segment is it, unless that batch is not between them;
/// then
///            the segment is walked, from the last entry that is. Otherwise all of it
Result<std::int64_t> PartitionLog::visible_max_timestamp(Segment& segment, bool by_index) {
  const Offset of_all = segment.indexes().max_timestamp_offset();
  if (by_index && of_all >= log_start_ && of_all < durable_end_) return segment.indexes().max_timestamp_ms();
  SLUICE_TRY(segment_of(segment.base()));  // loads the indexes
  std::int64_t largest = record::no_timestamp;
  std::optional<Located> from;
  const std::optional<TimeMark> mark = segment.indexes().time_below(durable_end_);
  if (by_index && mark && segment.base() >= log_start_) {
    from = SLUICE_TRY(segment.find(mark->offset, options_.index_interval_bytes));
    const bool true_mark = from && from->head.max_timestamp_ms == mark->timestamp_ms;
    if (true_mark) largest = mark->timestamp_ms;
    if (!true_mark) from.reset();
  }
  HeadWalker walker{*segment.file(), from ? from->position : 0, segment.bytes()};
  while (const std::optional<Located> batch = SLUICE_TRY(walker.next())) {
    if (batch->head.range.end > durable_end_) break;
    if (batch->head.range.end <= log_start_ || batch->head.max_timestamp_ms <= largest) continue;
    const bool whole = batch->head.range.begin >= log_start_;
    largest = std::max(
        largest, whole ? batch->head.max_timestamp_ms : SLUICE_TRY(batch_max_timestamp(segment, *batch)));
  }
  return largest;
}

/// The largest timestamp of the records of `batch` that are not below the log start.
Result<std::int64_t> PartitionLog::batch_max_timestamp(const Segment& segment, const Located& batch) {
  scratch_.resize(static_cast<std::size_t>(batch.head.bytes));
  const std::size_t bytes = SLUICE_TRY(segment.file()->read_at(batch.position, scratch_));
  const record::BatchView view = SLUICE_TRY(record::BatchView::parse(BytesView{scratch_}.first(bytes)));
  const BytesView records = SLUICE_TRY(decompressor_.records(view));
  std::int64_t largest = record::no_timestamp;
  SLUICE_TRY(record::for_each_record(records, view.records_count(), [&](const record::RecordView& record) {
    if (view.base_offset() + record.offset_delta >= log_start_) {
      largest = std::max(largest, view.timestamp_ms(record.timestamp_delta));
    }
    return true;
  }));
  return largest;
}

EpochEnd PartitionLog::end_offset_for_epoch(LeaderEpoch epoch) const {
  return epochs_.end_of(epoch, log_end_);
}

LeaderEpoch PartitionLog::epoch_at(Offset offset) const {
  return epochs_.epoch_at(offset);
}

}  // namespace sluice::log
