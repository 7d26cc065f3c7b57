#include "log/clean_filter.h"

#include <algorithm>
#include <limits>

#include "record/records.h"

namespace sluice::log {
namespace {

std::int64_t later(std::int64_t now_ms, std::int64_t by_ms) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(now_ms, by_ms, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

}  // namespace

bool CleanFilter::is_last_of_producer(const record::BatchView& batch) const {
  if (!batch.has_producer()) return false;
  const auto last = know_.producers.find(batch.producer_id());
  if (last == know_.producers.end()) return false;
  if (last->second.data_offset) return batch.last_offset() == *last->second.data_offset;
  return batch.is_control() && batch.producer_epoch() == last->second.epoch;
}

bool CleanFilter::stays(const record::BatchView& batch, const record::RecordView& record) const {
  if (batch.is_control()) return true;
  const Offset offset = batch.base_offset() + record.offset_delta;
  if (offset > know_.latest) return true;
  if (!record.key || offset < know_.newest.get(*record.key)) return false;
  return record.value || !batch.has_delete_horizon() || know_.now_ms < *batch.delete_horizon_ms();
}

Result<std::optional<BytesView>> CleanFilter::filter(const record::BatchView& batch, bool must_stay) {
  const bool may_go =
      batch.is_control() ? SLUICE_TRY(transactions_.take_control(batch)) : transactions_.take_data(batch);
  stats_.records_before += static_cast<std::uint64_t>(batch.records_count());
  const bool goes = may_go && (!batch.is_control() ||
                               (batch.has_delete_horizon() && *batch.delete_horizon_ms() <= know_.now_ms));
  kept_.clear();
  if (!goes) {
    const BytesView records = SLUICE_TRY(decompressor_.records(batch));
    SLUICE_TRY(record::for_each_record(records, batch.records_count(), [&](const record::RecordView& record) {
      if (stays(batch, record)) kept_.push_back(record);
    }));
  }
  stats_.records_after += kept_.size();
  if (!kept_.empty()) return SLUICE_TRY(keep(batch, may_go));
  if (!must_stay && !is_last_of_producer(batch)) return std::nullopt;
  return batch.records_count() == 0 ? batch.bytes() : rewriter_.empty(batch);
}

/// `batch` with what is in kept_. The first round that finds tombstones, or a marker that nothing needs any
/// more, writes down when they may go.
Result<BytesView> CleanFilter::keep(const record::BatchView& batch, bool marker_may_go) {
  const bool ends_some_time =
      (batch.is_control() && marker_may_go) ||
      std::ranges::any_of(kept_, [](const record::RecordView& record) { return !record.value; });
  const bool sets_horizon = ends_some_time && !batch.has_delete_horizon();
  if (!sets_horizon && std::ssize(kept_) == batch.records_count()) return batch.bytes();
  return rewriter_.rewrite(
      batch, kept_,
      sets_horizon ? later(know_.now_ms, know_.delete_retention_ms) : batch.delete_horizon_ms());
}

}  // namespace sluice::log
