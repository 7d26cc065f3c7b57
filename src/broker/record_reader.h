// Walks every durable record of a log: how the coordinators read their state back.
#pragma once

#include "log/partition_log.h"
#include "record/batch.h"
#include "record/compression.h"
#include "record/records.h"

namespace sluice::broker {

/// A record, and the batch in which it lies.
struct StoredRecord {
  const record::BatchView& batch;
  const record::RecordView& record;
};

/// Calls `f(StoredRecord)` for each record from the log start to the high watermark, in order; those of
/// control batches as well.
///
/// errors   corrupt: a batch cannot be read; f has seen those before it · io_failed
template <class F>
Result<void> for_each_stored_record(log::PartitionLog& log, F&& f) {
  constexpr std::size_t read_bytes = 1024 * 1024;  // at a time
  record::Decompressor decompressor;
  record::RawBuffer buffer;
  std::size_t wanted = read_bytes;
  Offset at = log.log_start_offset();
  while (at < log.high_watermark()) {
    buffer.reserve(wanted);
    const log::ReadSlice slice =
        SLUICE_TRY(log.read(at, log.high_watermark(), {buffer.data(), buffer.capacity()}));
    if (slice.bytes == 0) {
      if (slice.bytes_needed <= buffer.capacity()) break;
      wanted = slice.bytes_needed;
      continue;
    }
    BytesView rest{buffer.data(), slice.bytes};
    while (true) {
      const auto batch = SLUICE_TRY(record::next_batch(rest));
      if (!batch) break;
      const BytesView records = SLUICE_TRY(decompressor.records(*batch));
      SLUICE_TRY(record::for_each_record(records, batch->records_count(),
                                         [&](const record::RecordView& r) { f(StoredRecord{*batch, r}); }));
    }
    at = slice.next;
  }
  return {};
}

}  // namespace sluice::broker
