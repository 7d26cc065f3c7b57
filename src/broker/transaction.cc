#include "broker/transaction.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/assert.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using State = TransactionState;

constexpr std::int16_t epoch_max = std::numeric_limits<std::int16_t>::max();
constexpr ProducerEpoch no_epoch{-1};

constexpr std::array<std::string_view, 8> names{"Empty",        "Ongoing",          "PrepareCommit",
                                                "PrepareAbort", "CompleteCommit",   "CompleteAbort",
                                                "Dead",         "PrepareEpochFence"};

ProducerEpoch after(ProducerEpoch epoch) {
  return ProducerEpoch{static_cast<std::int16_t>(epoch.value + 1)};
}

// The last epoch is kept for the coordinator, which must always be able to fence.
bool is_used_up(ProducerEpoch epoch) {
  return epoch.value >= epoch_max - 1;
}

bool is_preparing(State state) {
  return state == State::prepare_commit || state == State::prepare_abort;
}

bool is_complete(State state) {
  return state == State::complete_commit || state == State::complete_abort;
}

}  // namespace

std::string_view name(TransactionState state) {
  const auto at = static_cast<std::size_t>(state);
  return at < names.size() ? names[at] : "Unknown";
}

std::optional<TransactionState> parse_transaction_state(std::string_view text) {
  const auto* found = std::ranges::find(names, text);
  if (found == names.end()) return std::nullopt;
  return static_cast<State>(found - names.begin());
}

TransactionFacts Transaction::hold(TransactionFacts next) {
  SLUICE_ASSERT(!pending_);
  next.previous_producer_id = facts_.producer_id;
  pending_ = next.state;
  return next;
}

// First of all questions but those of old clients: who asks may already have the id and the epoch that count
// once this is over.
bool Transaction::is_busy() const {
  return pending_ || is_preparing(facts_.state);
}

bool Transaction::epochs_are_used_up() const {
  return is_used_up(facts_.producer_epoch);
}

// ---- InitProducerId ----

TransactionDecision Transaction::init(std::int32_t timeout_ms, std::optional<ProducerIdAndEpoch> expected,
                                      std::int64_t now_ms, const NextProducerId& next_id) {
  if (is_busy()) return std::unexpected(ErrorCode::concurrent_transactions);
  // Just made; or the same producer; or one that did not hear that its epochs were used up.
  const bool is_known = !expected || facts_.producer_epoch == no_epoch ||
                        expected->id == facts_.producer_id ||
                        (expected->id == facts_.previous_producer_id && is_used_up(expected->epoch));
  if (!is_known) return std::unexpected(ErrorCode::producer_fenced);
  if (facts_.state == State::ongoing) {
    TransactionFacts fence = facts_;
    fence.state = State::prepare_epoch_fence;
    return fence;
  }
  TransactionFacts next = facts_;
  if (epochs_are_used_up() && (!expected || expected->epoch == facts_.producer_epoch)) {
    const auto id = next_id();
    if (!id) return std::unexpected(ErrorCode::coordinator_not_available);
    next.producer_id = *id;
    next.producer_epoch = ProducerEpoch{0};
    next.last_producer_epoch = expected ? facts_.producer_epoch : no_epoch;
  } else {
    const auto raised = raised_epoch(expected, next.last_producer_epoch);
    if (!raised) return std::unexpected(raised.error());
    next.producer_epoch = *raised;
  }
  next.state = State::empty;
  next.timeout_ms = timeout_ms;
  next.partitions.clear();
  next.start_ms = -1;
  next.update_ms = now_ms;
  return hold(std::move(next));
}

std::expected<ProducerEpoch, ErrorCode> Transaction::raised_epoch(std::optional<ProducerIdAndEpoch> expected,
                                                                  ProducerEpoch& last) const {
  if (!expected) {
    last = no_epoch;
    return after(facts_.producer_epoch);
  }
  if (facts_.producer_epoch == no_epoch || expected->epoch == facts_.producer_epoch) {
    if (epochs_are_used_up()) return std::unexpected(ErrorCode::producer_fenced);
    last = facts_.producer_epoch;
    return after(facts_.producer_epoch);
  }
  if (expected->epoch == facts_.last_producer_epoch) {  // asked again: its answer was lost
    last = facts_.last_producer_epoch;
    return facts_.producer_epoch;
  }
  return std::unexpected(ErrorCode::producer_fenced);
}

// ---- partitions ----

TransactionDecision Transaction::add(ProducerIdAndEpoch producer, const PartitionSet& partitions,
                                     std::int16_t client_version, std::int64_t now_ms) {
  if (is_busy()) return std::unexpected(ErrorCode::concurrent_transactions);
  if (facts_.producer_id != producer.id) return std::unexpected(ErrorCode::invalid_producer_id_mapping);
  if (facts_.producer_epoch != producer.epoch) return std::unexpected(ErrorCode::producer_fenced);
  if (facts_.state == State::ongoing && std::ranges::includes(facts_.partitions, partitions))
    return std::unexpected(ErrorCode::none);
  TransactionFacts next = facts_;
  if (facts_.state != State::ongoing) next.start_ms = now_ms;
  next.state = State::ongoing;
  next.partitions.insert(partitions.begin(), partitions.end());
  next.update_ms = now_ms;
  next.client_version = client_version;
  for (const log::TopicPartition& partition : partitions) forgotten_.erase(partition.topic);
  return hold(std::move(next));
}

// A change that is on its way is not looked at: what is written before the marker belongs to the transaction.
ErrorCode Transaction::verify(ProducerIdAndEpoch producer, const log::TopicPartition& partition) const {
  if (facts_.producer_id != producer.id) return ErrorCode::invalid_producer_id_mapping;
  if (facts_.producer_epoch != producer.epoch) return ErrorCode::producer_fenced;
  if (is_preparing(facts_.state)) return ErrorCode::concurrent_transactions;
  return facts_.partitions.contains(partition) ? ErrorCode::none : ErrorCode::transaction_abortable;
}

// ---- the end ----

TransactionFacts Transaction::prepared(bool commit, std::int16_t client_version, ProducerId next_id,
                                       std::int64_t now_ms, bool no_partitions) const {
  TransactionFacts next = facts_;
  next.state = commit ? State::prepare_commit : State::prepare_abort;
  if (client_version >= transaction_version_2) {
    if (facts_.producer_epoch.value < epoch_max) next.producer_epoch = after(facts_.producer_epoch);
    next.last_producer_epoch = facts_.producer_epoch;
  }
  if (no_partitions) next.start_ms = now_ms;
  next.next_producer_id = next_id;
  next.update_ms = now_ms;
  next.client_version = client_version;
  return next;
}

TransactionDecision Transaction::begin_end(bool commit, std::int64_t now_ms, bool no_partitions,
                                           const NextProducerId& next_id) {
  ProducerId next{-1};
  if (epochs_are_used_up()) {
    const auto id = next_id();
    if (!id) return std::unexpected(ErrorCode::coordinator_not_available);
    next = *id;
  }
  return hold(prepared(commit, transaction_version_2, next, now_ms, no_partitions));
}

// Before transaction.version 2 the epoch stays, so that a repeated end looks like the first one.
TransactionDecision Transaction::end_old(ProducerIdAndEpoch producer, bool commit, std::int64_t now_ms) {
  if (facts_.producer_id != producer.id) return std::unexpected(ErrorCode::invalid_producer_id_mapping);
  if (facts_.producer_epoch != producer.epoch) return std::unexpected(ErrorCode::producer_fenced);
  if (is_busy()) return std::unexpected(ErrorCode::concurrent_transactions);
  if (facts_.state == State::ongoing)
    return hold(prepared(commit, transaction_version_old, ProducerId{-1}, now_ms, false));
  if (facts_.state == (commit ? State::complete_commit : State::complete_abort))
    return std::unexpected(ErrorCode::none);
  return std::unexpected(ErrorCode::invalid_txn_state);
}

TransactionDecision Transaction::end(ProducerIdAndEpoch producer, bool commit, std::int16_t client_version,
                                     std::int64_t now_ms, const NextProducerId& next_id) {
  if (client_version < transaction_version_2) return end_old(producer, commit, now_ms);
  if (is_busy()) return std::unexpected(ErrorCode::concurrent_transactions);
  // The same epoch is the next end; a repetition of the last one still has the epoch before.
  const bool after_bump = facts_.producer_epoch.value == producer.epoch.value + 1;
  const bool after_overflow = facts_.previous_producer_id == producer.id &&
                              producer.epoch.value == epoch_max - 1 && facts_.producer_epoch.value == 0;
  const bool is_again = after_bump || after_overflow;
  if (facts_.producer_id != producer.id && !after_overflow)
    return std::unexpected(ErrorCode::invalid_producer_id_mapping);
  const bool is_current = producer.epoch == facts_.producer_epoch;
  if (!is_current && !(is_complete(facts_.state) && is_again))
    return std::unexpected(ErrorCode::producer_fenced);
  switch (facts_.state) {
    case State::ongoing:
      return begin_end(commit, now_ms, false, next_id);
    case State::complete_commit:
    case State::complete_abort:
      if (is_again) {
        return std::unexpected(commit == (facts_.state == State::complete_commit)
                                   ? ErrorCode::none
                                   : ErrorCode::invalid_txn_state);
      }
      [[fallthrough]];
    case State::empty:  // an abort of nothing is allowed: the producer may not know what arrived
      return commit ? TransactionDecision(std::unexpected(ErrorCode::invalid_txn_state))
                    : begin_end(false, now_ms, true, next_id);
    case State::prepare_commit:
    case State::prepare_abort:
    case State::dead:
    case State::prepare_epoch_fence:
      break;
  }
  return std::unexpected(ErrorCode::invalid_txn_state);
}

bool Transaction::is_timed_out(std::int64_t now_ms) const {
  if (pending_ || facts_.state != State::ongoing) return false;
  return std::max(facts_.start_ms, counted_from_ms_) + facts_.timeout_ms < now_ms;
}

// The raised epoch counts at once, written or not: the producer does not go on. It is raised by the end
// alone, once, as in Kafka: a producer that says who it thinks it is (KIP-360) finds itself in the epoch
// before.
TransactionFacts Transaction::end_fenced(std::int64_t now_ms) {
  SLUICE_ASSERT(facts_.state == State::ongoing && !pending_);
  TransactionFacts next = prepared(false, transaction_version_2, ProducerId{-1}, now_ms, false);
  if (fence_failed_) {
    next.producer_epoch = facts_.producer_epoch;
    next.last_producer_epoch = facts_.last_producer_epoch;
  }
  facts_.producer_epoch = next.producer_epoch;
  facts_.last_producer_epoch = next.last_producer_epoch;
  fence_failed_ = true;  // until it is written
  return hold(std::move(next));
}

TransactionFacts Transaction::complete(std::int64_t now_ms) {
  SLUICE_ASSERT(is_preparing(facts_.state) && !pending_);
  TransactionFacts next = facts_;
  next.state = facts_.state == State::prepare_commit ? State::complete_commit : State::complete_abort;
  const ProducerIdAndEpoch producer = producer_after_end();
  next.producer_id = producer.id;
  next.producer_epoch = producer.epoch;
  next.next_producer_id = ProducerId{-1};
  next.partitions.clear();
  next.update_ms = now_ms;
  return hold(std::move(next));
}

ProducerIdAndEpoch Transaction::producer_after_end() const {
  if (facts_.client_version >= transaction_version_2 && facts_.next_producer_id.value >= 0)
    return {facts_.next_producer_id, ProducerEpoch{0}};
  return {facts_.producer_id, facts_.producer_epoch};
}

bool Transaction::expire(std::int64_t now_ms, std::int64_t expiration_ms) {
  if (pending_ || facts_.state == State::ongoing || is_preparing(facts_.state)) return false;
  if (facts_.update_ms > now_ms - expiration_ms) return false;
  pending_ = State::dead;
  return true;
}

// ---- written, or not ----

void Transaction::finish(TransactionFacts written) {
  SLUICE_ASSERT(pending_ == written.state && written.state != State::prepare_epoch_fence);
  pending_.reset();
  fence_failed_ = false;
  facts_ = std::move(written);
  std::erase_if(facts_.partitions,
                [this](const auto& partition) { return forgotten_.contains(partition.topic); });
  if (facts_.state != State::ongoing && !is_preparing(facts_.state)) forgotten_.clear();
}

void Transaction::give_up() {
  pending_.reset();
}

bool Transaction::forget_topic(const std::string& topic) {
  const auto before = facts_.partitions.size();
  std::erase_if(facts_.partitions, [&](const auto& partition) { return partition.topic == topic; });
  if (facts_.partitions.size() == before && !pending_) return false;
  forgotten_.insert(topic);
  return facts_.partitions.size() != before;
}

std::optional<TransactionFacts> Transaction::without_forgotten() {
  if (pending_ || facts_.state != State::ongoing) return std::nullopt;
  return hold(facts_);
}

}  // namespace sluice::broker
