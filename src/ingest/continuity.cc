#include "ingest/continuity.h"

#include <fmt/format.h>

#include "lake/hashes.h"
#include "record/records.h"

namespace sluice::ingest {
namespace {

constexpr env::Duration poll_wait = std::chrono::milliseconds(200);
constexpr std::string_view halted_hint =
    "the table stays as it is; sluice audit run compares it with the topic";

struct Found {
  bool past = false;  // the topic has something at or after the offset
  std::optional<table::LastRecord> record;
};

/// Looks for the record at `wanted` in one batch.
Result<void> look_into(const Piece& piece, Offset wanted, record::Decompressor& decompressor, Found& found) {
  const auto batch = SLUICE_TRY(record::BatchView::parse(piece.batch));
  const BytesView bytes = SLUICE_TRY(decompressor.records(batch));
  return record::for_each_record(bytes, batch.records_count(), [&](const record::RecordView& view) {
    const Offset offset = batch.base_offset() + view.offset_delta;
    if (offset != wanted) return;
    const std::int64_t timestamp_ms = batch.timestamp_ms(view.timestamp_delta);
    found.record =
        table::LastRecord{offset, timestamp_ms, lake::raw_hash(offset, timestamp_ms, view.key, view.value)};
  });
}

Result<Found> read_again(Source& source, PartitionId partition, Offset wanted, env::Clock& clock,
                         env::Duration patience) {
  record::Decompressor decompressor;
  Found found;
  SLUICE_TRY(source.assign(partition, wanted, LeaderEpoch{-1}));
  const env::Instant until = clock.now() + patience;
  while (!found.past) {
    for (const Polled& polled : SLUICE_TRY(source.poll(poll_wait))) {
      if (polled.partition != partition) continue;
      for (const Piece& piece : polled.pieces) {
        found.past = found.past || piece.range.end > wanted;
        const bool may_hold =
            piece.kind == Piece::Kind::records && piece.range.begin <= wanted && wanted < piece.range.end;
        if (may_hold) SLUICE_TRY(look_into(piece, wanted, decompressor, found));
      }
      if (!polled.result) return std::unexpected(polled.result.error());
    }
    if (clock.now() > until)
      return base::fail(Code::timed_out, "the topic did not give the last committed record again");
  }
  return found;
}

Result<void> check_last_record(Source& source, const FillPlan& plan, const Bounds& bounds,
                               const table::LastRecord& last, env::Clock& clock, env::Duration patience) {
  if (last.offset < bounds.log_start) return {};  // dropped since, like everything before it
  const Found found = SLUICE_TRY(read_again(source, plan.partition, last.offset, clock, patience));
  source.revoke(plan.partition);
  if (found.record ? *found.record == last : plan.topic.compacted) return {};
  return base::fail(Code::conflict,
                    fmt::format("{}-{}: nothing more was ingested: the record at offset {} is {}; the topic "
                                "was truncated or replaced",
                                plan.topic.topic, plan.partition.value, last.offset.value,
                                found.record ? "not the one that was committed" : "gone"),
                    std::string(halted_hint));
}

}  // namespace

Result<void> check_continuity(Source& source, const FillPlan& plan, const Bounds& bounds, Offset position,
                              const Before& before, env::Clock& clock, env::Duration patience) {
  const std::string partition = fmt::format("{}-{}", plan.topic.topic, plan.partition.value);
  if (position < bounds.log_start) {
    return base::fail(
        Code::out_of_range,
        fmt::format("{}: nothing more was ingested: offsets [{},{}) are no longer in the topic, {} records "
                    "were dropped unread",
                    partition, position.value, bounds.log_start.value, bounds.log_start - position),
        "add --accept-gap to record the loss in the table and go on after it");
  }
  if (position > bounds.log_end) {
    return base::fail(Code::conflict,
                      fmt::format("{}: nothing more was ingested: the table has offsets up to {}, the topic "
                                  "ends at {}; it was truncated or replaced",
                                  partition, position.value, bounds.log_end.value),
                      std::string(halted_hint));
  }
  if (before.leader_epoch.value >= 0) {
    const Offset end = SLUICE_TRY(source.end_of_epoch(plan.partition, before.leader_epoch));
    if (end.value >= 0 && end < position) {
      return base::fail(Code::conflict,
                        fmt::format("{}: nothing more was ingested: offsets [{},{}) of leader epoch {} are "
                                    "committed, and the topic has others there; "
                                    "it was truncated",
                                    partition, end.value, position.value, before.leader_epoch.value),
                        std::string(halted_hint));
    }
  }
  if (before.last_record)
    return check_last_record(source, plan, bounds, *before.last_record, clock, patience);
  return {};
}

}  // namespace sluice::ingest
