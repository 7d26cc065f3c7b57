// One transactional id: which producer it belongs to now, and how far its transaction has come.
//
// The state machine is Kafka's (KIP-98, KIP-360 epochs that go on, KIP-890 transaction.version 2, where each
// end raises the epoch). It knows no sockets and no files. Every change goes in two steps: a decision gives
// the facts that are to be written and holds the transaction until they are durable (finish) or were not
// written (give_up); meanwhile other requests get CONCURRENT_TRANSACTIONS.
//
//   Empty --partitions--> Ongoing --end--> PrepareCommit or PrepareAbort --markers--> CompleteCommit or
//     ^ InitProducerId                                                                CompleteAbort
//     +---- from Empty and Complete*; an Ongoing one is aborted first ------------------+ --partitions-->
//     Ongoing
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "log/names.h"
#include "wire/errors.h"

namespace sluice::broker {

/// The numbers are those of the record.
enum class TransactionState : std::int8_t {
  empty = 0,
  ongoing = 1,
  prepare_commit = 2,
  prepare_abort = 3,
  complete_commit = 4,
  complete_abort = 5,
  dead = 6,                 ///< expired; only ever on its way
  prepare_epoch_fence = 7,  ///< to be aborted under a raised epoch; only ever on its way
};
/// Kafka's spelling: "PrepareCommit".
std::string_view name(TransactionState state);
std::optional<TransactionState> parse_transaction_state(std::string_view text);

/// transaction.version as clients of each kind speak it.
constexpr std::int16_t transaction_version_old = 0;
constexpr std::int16_t transaction_version_2 = 2;  ///< KIP-890: an end raises the epoch

using PartitionSet = std::set<log::TopicPartition>;

struct ProducerIdAndEpoch {
  ProducerId id{-1};
  ProducerEpoch epoch{-1};
  friend bool operator==(const ProducerIdAndEpoch&, const ProducerIdAndEpoch&) = default;
};

/// What is written of a transaction, and kept over a restart.
struct TransactionFacts {
  ProducerId producer_id{-1};
  ProducerId previous_producer_id{-1};  ///< before the last change
  ProducerId next_producer_id{-1};      ///< takes over when the transaction is complete: epochs ran out
  ProducerEpoch producer_epoch{-1};
  ProducerEpoch last_producer_epoch{-1};  ///< before it was raised; not written
  std::int32_t timeout_ms = 0;
  TransactionState state = TransactionState::empty;
  PartitionSet partitions;
  std::int64_t start_ms = -1;
  std::int64_t update_ms = -1;
  std::int16_t client_version = transaction_version_old;
  friend bool operator==(const TransactionFacts&, const TransactionFacts&) = default;
};

/// Facts to write; or the answer that ends the request at once, which may be none: nothing is to be done.
using TransactionDecision = std::expected<TransactionFacts, wire::ErrorCode>;

class Transaction {
 public:
  using NextProducerId = std::function<Result<ProducerId>()>;

  Transaction(std::string id, TransactionFacts facts) : id_(std::move(id)), facts_(std::move(facts)) {}

  const std::string& id() const { return id_; }
  const TransactionFacts& facts() const { return facts_; }
  bool is_pending() const { return pending_.has_value(); }

  /// InitProducerId. `expected`: who the producer thinks it is (KIP-360); nullopt: it starts.
  ///
  /// returns  Empty facts; or PrepareEpochFence: end it by `end_fenced` first, then tell
  ///          CONCURRENT_TRANSACTIONS
  /// errors   CONCURRENT_TRANSACTIONS, PRODUCER_FENCED, COORDINATOR_NOT_AVAILABLE (no producer id)
  TransactionDecision init(std::int32_t timeout_ms, std::optional<ProducerIdAndEpoch> expected,
                           std::int64_t now_ms, const NextProducerId& next_id);
  /// Takes partitions into the transaction, which begins with the first ones.
  /// errors   none (all were in it), INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS
  TransactionDecision add(ProducerIdAndEpoch producer, const PartitionSet& partitions,
                          std::int16_t client_version, std::int64_t now_ms);
  /// Whether `producer` may write to `partition` as a part of its transaction: none, those of add, or
  /// TRANSACTION_ABORTABLE where the partition was not taken into it.
  wire::ErrorCode verify(ProducerIdAndEpoch producer, const log::TopicPartition& partition) const;
  /// A producer's EndTxn.
  /// errors   none (it is a repetition: facts() has what to answer), INVALID_PRODUCER_ID_MAPPING,
  ///          PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE, COORDINATOR_NOT_AVAILABLE
  TransactionDecision end(ProducerIdAndEpoch producer, bool commit, std::int16_t client_version,
                          std::int64_t now_ms, const NextProducerId& next_id);
  /// Whether it is open for longer than its time-out allows.
  bool is_timed_out(std::int64_t now_ms) const;
  /// Aborts an ongoing transaction in the broker's name, under epochs that its producer does not have. If
  /// these facts are not written, the epoch is not raised again next time.
  TransactionFacts end_fenced(std::int64_t now_ms);
  /// All markers are written: from Prepare* to Complete*.
  TransactionFacts complete(std::int64_t now_ms);
  /// Complete as it will be, for the answer to a producer of version 2, which goes on under these.
  ProducerIdAndEpoch producer_after_end() const;
  /// It was not used for transactional.id.expiration.ms: holds it as Dead until it is removed.
  bool expire(std::int64_t now_ms, std::int64_t expiration_ms);

  void finish(TransactionFacts written);
  void give_up();
  /// The partition has its marker.
  void drop(const log::TopicPartition& partition) { facts_.partitions.erase(partition); }

  /// The topic is deleted: its partitions get no marker, also where a topic of that name is made again.
  /// Returns whether it was a part of this transaction.
  bool forget_topic(const std::string& topic);
  /// Facts with what forget_topic took away; not where a change is pending: it is left out of that one.
  std::optional<TransactionFacts> without_forgotten();
  /// Time before `now_ms` does not count for its time-out: the broker was down, nobody could end it.
  void count_from(std::int64_t now_ms) { counted_from_ms_ = now_ms; }

 private:
  TransactionFacts hold(TransactionFacts next);
  TransactionDecision end_old(ProducerIdAndEpoch producer, bool commit, std::int64_t now_ms);
  TransactionDecision begin_end(bool commit, std::int64_t now_ms, bool no_partitions,
                                const NextProducerId& next_id);
  TransactionFacts prepared(bool commit, std::int16_t client_version, ProducerId next_id, std::int64_t now_ms,
                            bool no_partitions) const;
  std::expected<ProducerEpoch, wire::ErrorCode> raised_epoch(std::optional<ProducerIdAndEpoch> expected,
                                                             ProducerEpoch& last) const;
  bool is_busy() const;
  bool epochs_are_used_up() const;

  std::string id_;
  TransactionFacts facts_;
  std::optional<TransactionState> pending_;
  bool fence_failed_ = false;         ///< the epoch was raised, and that was not written
  std::int64_t counted_from_ms_ = 0;  ///< the time-out counts from here where this is later than the start
  std::set<std::string> forgotten_;   ///< topics that were deleted in the course of this transaction
};

}  // namespace sluice::broker
