// What the log remembers of idempotent producers, so that a batch that is sent twice is stored once.
//
// Snapshots are Kafka's: version = 1 int16 | CRC-32C uint32 of what follows it | count int32 | entries of
//   producer_id int64 | epoch int16 | last_sequence int32 | last_offset int64 | offset_delta int32 |
//   timestamp int64 | coordinator_epoch int32 | current_txn_first_offset int64
// which keep one batch a producer. Kafka reads no further than the entries and checks the CRC to the end of
// the file, so ours go on with what Kafka leaves out, the batches before the last one:
//   "SLPB" | taken_ms int64 | count int32 | entries of producer_id int64 | batches int8 | batches of
//   first_sequence int32 | last_sequence int32 | begin int64 | end int64, oldest first
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "log/batch_head.h"

namespace sluice::log {

/// Batches of one producer that are recognised when they come again, as in Kafka.
constexpr std::size_t producer_batches_max = 5;
/// Producers remembered; beyond it those that have been silent longest are forgotten.
constexpr std::size_t producers_max = std::size_t{1} << 17;

class ProducerTable {
 public:
  /// Whether `batch`, which has a sequence, may be appended.
  ///
  /// returns  nothing: it follows; or the offsets of the same batch, appended before
  /// errors   kafka with invalid_producer_epoch (an older epoch than the last one: fenced) or
  ///          out_of_order_sequence_number (a gap, or older than what is remembered)
  Result<std::optional<OffsetRange>> check(const BatchHead& batch) const;
  /// Remembers an appended batch.
  void note(const BatchHead& batch, std::int64_t now_ms);
  /// Forgets producers whose last append is older than `age_ms_max`.
  void expire(std::int64_t now_ms, std::int64_t age_ms_max);
  std::size_t size() const { return producers_.size(); }
  void clear() { producers_.clear(); }

  /// `taken_ms`: wall clock of the last append that it covers.
  Bytes snapshot(std::int64_t taken_ms) const;
  /// errors   corrupt: not a snapshot, or damaged; the table is left empty
  Result<void> load(BytesView snapshot);

 private:
  struct Batch {
    std::int32_t first_sequence = 0;
    std::int32_t last_sequence = 0;
    OffsetRange range;
  };
  struct Producer {
    ProducerEpoch epoch{-1};
    std::int64_t last_append_ms = 0;
    std::vector<Batch> batches;  // oldest first, at most producer_batches_max
  };

  Result<void> load_entries(BytesView snapshot);
  Result<void> load_batches(BytesView extension);
  void forget_the_silent();

  std::unordered_map<ProducerId, Producer> producers_;
};

/// The taken_ms of a snapshot of ours, read without the rest and unchecked; nothing where it is not one.
std::optional<std::int64_t> snapshot_taken_ms(env::File& file);

}  // namespace sluice::log
