// What a log tells about transactions: those that are open, those that were aborted, and who writes.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.h"

namespace sluice::log {

/// Who appends a batch. Epochs are checked for all of them.
enum class Origin : std::uint8_t {
  client,  ///< sequences are checked, and a batch sent twice is recognised
  /// The same under transaction.version 2 (Produce 12 and later, KIP-890): with the first batch in a
  /// transaction, a producer of which nothing is known here must begin at sequence 0.
  client_v2,
  /// The group coordinator writes pending offsets of a transaction (TxnOffsetCommit) under the producer's id,
  /// and counts no sequences.
  coordinator,
};

/// A transaction of which something is in the log, and no marker yet.
struct OpenTransaction {
  ProducerEpoch producer_epoch{-1};  ///< of the producer's last batch
  Offset first_offset;               ///< of its first batch in this partition; may lie below the log start
  friend bool operator==(const OpenTransaction&, const OpenTransaction&) = default;
};

/// A transaction that ended with an ABORT marker, as `.txnindex` and Fetch name it.
struct AbortedTransaction {
  ProducerId producer_id{-1};
  Offset first_offset;
  Offset last_offset;         ///< of the marker
  Offset last_stable_offset;  ///< once the marker was written; exclusive, as last_stable_offset() is
  friend bool operator==(const AbortedTransaction&, const AbortedTransaction&) = default;
};

/// One producer as DescribeProducers shows it (KIP-664).
struct ProducerView {
  ProducerId producer_id{-1};
  ProducerEpoch producer_epoch{-1};
  std::int32_t last_sequence = -1;      ///< -1 where only markers were written since its epoch began
  std::int64_t last_timestamp_ms = 0;   ///< wall clock of its last append, batch or marker
  std::int32_t coordinator_epoch = -1;  ///< of the last marker; -1 where there was none
  std::optional<Offset> current_txn_first_offset;  ///< where a transaction is open
  friend bool operator==(const ProducerView&, const ProducerView&) = default;
};

/// The last thing in the log by a producer that is remembered.
struct LastOfProducer {
  std::optional<Offset> data_offset;  ///< of its last record; nothing where only a marker is known
  ProducerEpoch epoch{-1};
};

}  // namespace sluice::log
