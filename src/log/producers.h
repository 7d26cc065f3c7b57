// What the log remembers of producers: the batches of idempotent ones, so that what is sent twice is stored
// once, and the transactions that are open, or whose end is not durable yet, which hold the last stable
// offset back.
//
// Snapshots are Kafka's: version = 1 int16 | CRC-32C uint32 of what follows it | count int32 | entries of
//   producer_id int64 | epoch int16 | last_sequence int32 | last_offset int64 | offset_delta int32 |
//   timestamp int64 | coordinator_epoch int32 | current_txn_first_offset int64
// which keep one batch a producer. Kafka reads no further than the entries and checks the CRC to the end of
// the file, so ours go on with what Kafka leaves out, the batches before the last one:
//   "SLPB" | taken_ms int64 | count int32 | entries of producer_id int64 | batches int8 | batches of
//   first_sequence int32 | last_sequence int32 | begin int64 | end int64, oldest first
// and with what the transaction index of the segment that ends there has:
//   "SLTX" | count uint32 | CRC-32C uint32
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "log/batch_head.h"
#include "log/transactions.h"
#include "log/txn_index.h"

namespace sluice::log {

/// Batches of one producer that are recognised when they come again, as in Kafka.
constexpr std::size_t producer_batches_max = 5;
/// Producers remembered; beyond it those that have been silent longest are forgotten, unless a transaction of
/// theirs is open.
constexpr std::size_t producers_max = std::size_t{1} << 17;

class ProducerTable {
 public:
  /// Whether `batch`, which has a producer and is no marker, may be appended.
  ///
  /// returns  nothing: it follows; or the offsets of the same batch, appended before
  /// errors   kafka with invalid_producer_epoch (an older epoch than the last one: fenced),
  ///          out_of_order_sequence_number (a gap, or older than what is remembered) or invalid_txn_state
  ///          (not transactional while its producer has a transaction open)
  Result<std::optional<OffsetRange>> check(const BatchHead& batch, Origin origin) const;
  /// Whether a marker may be appended, as PartitionLog::append_marker says.
  Result<void> check_marker(ProducerId id, ProducerEpoch epoch, const record::ControlMarker& marker,
                            int transaction_version) const;
  /// Remembers an appended batch; a transactional one opens a transaction where none is.
  void note(const BatchHead& batch, std::int64_t now_ms);
  /// Remembers an appended marker. Returns the transaction where it aborted one.
  std::optional<AbortedTransaction> note_marker(const BatchHead& batch, const record::ControlMarker& marker,
                                                std::int64_t now_ms);
  /// Everything below `end` is durable: transactions whose markers lie there hold nothing back any more.
  void note_durable(Offset end);
  /// The first offset of the earliest transaction that is open or whose marker is not durable.
  std::optional<Offset> first_unstable() const;
  std::optional<OpenTransaction> open_transaction(ProducerId id) const;
  /// What compaction must leave of each.
  std::unordered_map<ProducerId, LastOfProducer> last_records() const;
  /// All of them, by id.
  std::vector<ProducerView> views() const;

  /// Forgets producers whose last append is older than `age_ms_max`, never one with a transaction open.
  void expire(std::int64_t now_ms, std::int64_t age_ms_max);
  std::size_t size() const { return producers_.size(); }
  void clear();

  /// taken_ms   wall clock of the last append that it covers
  /// txns       of the segment that ends where it is taken
  Bytes snapshot(std::int64_t taken_ms, TxnDigest txns) const;
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
    std::int32_t coordinator_epoch = -1;
    std::int64_t last_append_ms = 0;
    std::optional<Offset> txn_first_offset;
    std::vector<Batch> batches;  // oldest first, at most producer_batches_max

    std::int32_t last_sequence() const { return batches.empty() ? -1 : batches.back().last_sequence; }
  };

  Result<std::optional<OffsetRange>> check_sequence(const Producer& producer, const BatchHead& batch) const;
  Producer& entry(const BatchHead& batch, std::int64_t now_ms);
  Result<void> load_entries(BytesView snapshot);
  void load_entry(const std::byte* entry);
  Result<void> load_batches(BytesView extension);
  void forget_the_silent();

  std::unordered_map<ProducerId, Producer> producers_;
  std::set<std::pair<Offset, ProducerId>> open_;  // transactions by first offset
  std::set<std::pair<Offset, Offset>> ended_;     // first offset and the marker's, while that is not durable
};

/// The taken_ms of a snapshot of ours, read without the rest and unchecked; nothing where it is not one.
std::optional<std::int64_t> snapshot_taken_ms(env::File& file);
/// Likewise what it says of the transaction index of the segment before it.
std::optional<TxnDigest> snapshot_txns(env::File& file);

}  // namespace sluice::log
