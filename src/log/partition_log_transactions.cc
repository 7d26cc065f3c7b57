// Transactions: markers, what is decided, and how both are found again in the log.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "log/batch_head.h"
#include "log/control_batch.h"
#include "log/partition_log.h"
#include "log/producers.h"
#include "log/segment.h"
#include "log/watermark.h"
#include "record/builder.h"
#include "record/validate.h"

namespace sluice::log {
namespace {

/// Aborted transactions of the active segment that are kept in memory.
constexpr std::size_t unwritten_txns_max = 4096;
constexpr std::uint64_t snapshot_bytes_max = std::uint64_t{64} << 20;

}  // namespace

Result<Appended> PartitionLog::append_marker(ProducerId producer_id, ProducerEpoch producer_epoch,
                                             record::ControlMarker marker, LeaderEpoch epoch, Now now,
                                             int transaction_version) {
  SLUICE_TRY(refuse_writes());
  if (producer_id.value < 0 || producer_epoch.value < 0) {
    return refused({Code::invalid_argument,
                    fmt::format("producer {} epoch {} cannot have a transaction", producer_id.value,
                                producer_epoch.value),
                    {},
                    record::kafka_error::invalid_record});
  }
  SLUICE_TRY(producers_->check_marker(producer_id, producer_epoch, marker, transaction_version));
  record::BatchBuilder builder;
  builder.set_producer(producer_id, producer_epoch, record::no_sequence);
  const MutableBytes batch = SLUICE_TRY(builder.finish_control(marker, now.wall_ms, log_end_));
  if (options_.log_append_time) record::patch_max_timestamp(batch, now.wall_ms, true);
  BatchHead head = head_of(SLUICE_TRY(record::BatchView::parse(batch)));
  SLUICE_TRY(store(batch, head, epoch, now.age_ms));
  if (const auto aborted = producers_->note_marker(head, marker, now.age_ms)) {
    TxnIndex& txns = active().txns();
    txns.note(*aborted);
    // Only for the memory: where it does not succeed, sealing the segment comes to it again.
    if (txns.unwritten() % unwritten_txns_max == 0) (void)txns.persist(fs_);
  }
  return Appended{head.range, false, record::no_timestamp};
}

Offset PartitionLog::last_stable_offset() const {
  const std::optional<Offset> unstable = producers_->first_unstable();
  return unstable ? std::min(durable_end_, std::max(log_start_, *unstable)) : durable_end_;
}

std::optional<OpenTransaction> PartitionLog::open_transaction(ProducerId producer_id) const {
  return producers_->open_transaction(producer_id);
}

std::vector<ProducerView> PartitionLog::producers() const {
  return producers_->views();
}

Result<std::vector<AbortedTransaction>> PartitionLog::aborted_transactions(OffsetRange range) {
  std::vector<AbortedTransaction> found;
  if (range.empty()) return found;
  auto segment =
      std::ranges::upper_bound(segments_, range.begin, {}, [](const auto& other) { return other->base(); });
  if (segment != segments_.begin()) --segment;
  for (; segment != segments_.end(); ++segment) {
    const std::size_t before = found.size();
    Result<bool> complete = (*segment)->txns().collect(fs_, range, found);
    if (!complete && (complete.error().code == Code::corrupt || complete.error().code == Code::not_found)) {
      // Damaged since the log was opened: the log file says it all again.
      found.resize(before);
      SLUICE_TRY(rebuild_txns(**segment, snapshots_, (*segment)->last_append_ms));
      complete = (*segment)->txns().collect(fs_, range, found);
    }
    if (SLUICE_TRY(std::move(complete))) break;
  }
  std::ranges::sort(found, {}, [](const AbortedTransaction& transaction) {
    return std::pair{transaction.first_offset, transaction.producer_id};
  });
  return found;
}

/// Makes `table` what it was at `up_to`: from the newest snapshot that can be read, then from the log.
/// Returns the snapshots that cannot be read.
Result<std::vector<Offset>> PartitionLog::restore_producers(ProducerTable& table,
                                                            const std::vector<Offset>& snapshots,
                                                            Offset up_to, std::int64_t now_ms) {
  std::vector<Offset> damaged;
  Offset from = segments_.front()->base();
  for (std::size_t i = snapshots.size(); i-- > 0;) {
    if (snapshots[i] > up_to || snapshots[i] < from) continue;
    if (SLUICE_TRY(load_snapshot(table, snapshots[i]))) {
      from = snapshots[i];
      break;
    }
    damaged.push_back(snapshots[i]);
  }
  table.expire(now_ms, options_.producer_expiration_ms);
  SLUICE_TRY(replay(table, {from, up_to}, now_ms, nullptr));
  return damaged;
}

Result<bool> PartitionLog::load_snapshot(ProducerTable& table, Offset at) {
  const Result<Bytes> content =
      fs_.read_file(env::join(dir_, file_name(at, snapshot_suffix)), snapshot_bytes_max);
  if (content) return table.load(*content).has_value();
  if (content.error().code == Code::limit_exceeded || content.error().code == Code::not_found) return false;
  return std::unexpected(content.error());
}

/// Tells `table` of the batches that begin in `range`, and `txns`, where it is given, of what they aborted.
Result<void> PartitionLog::replay(ProducerTable& table, OffsetRange range, std::int64_t now_ms,
                                  TxnIndex* txns) {
  Offset from = range.begin;
  while (from < range.end) {
    Segment* const segment = SLUICE_TRY(segment_of(from));
    const std::optional<Located> first = SLUICE_TRY(segment->find(from, options_.index_interval_bytes));
    HeadWalker walker{*segment->file(), first ? first->position : segment->bytes(), segment->bytes()};
    while (const std::optional<Located> batch = SLUICE_TRY(walker.next())) {
      if (batch->head.range.begin >= range.end) return {};
      if (batch->head.range.begin < from || !batch->head.has_producer()) continue;
      std::optional<record::ControlMarker> marker;
      if (batch->head.is_control) marker = SLUICE_TRY(read_marker(*segment->file(), *batch));
      note_stored(batch->head, marker, now_ms, table, txns);
    }
    const auto after = std::ranges::upper_bound(segments_, segment->base(), {},
                                                [](const auto& other) { return other->base(); });
    if (after == segments_.end()) return {};
    from = std::max(from, (*after)->base());
  }
  return {};
}

/// Makes the aborted transactions of `segment` again, in memory, from the log. After an error they are as
/// they were.
Result<void> PartitionLog::rebuild_txns(Segment& segment, const std::vector<Offset>& snapshots,
                                        std::int64_t now_ms) {
  ProducerTable table;
  SLUICE_TRY(restore_producers(table, snapshots, segment.base(), now_ms));
  TxnIndex made = segment.txns();
  made.clear();
  SLUICE_TRY(replay(table, {segment.base(), segment.end()}, now_ms, &made));
  segment.txns() = std::move(made);
  return {};
}

}  // namespace sluice::log
