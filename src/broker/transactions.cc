#include "broker/transactions.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "base/assert.h"
#include "broker/kafka_error.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

constexpr std::size_t id_bytes_max = std::numeric_limits<std::int16_t>::max();  // what a record's key holds
constexpr auto retry_distance = std::chrono::seconds(1);

bool is_prepared(const Transaction& transaction) {
  const TransactionState state = transaction.facts().state;
  return state == TransactionState::prepare_commit || state == TransactionState::prepare_abort;
}

}  // namespace

Transactions::Transactions(const env::Env& env, env::EventLoop& loop, const ServerConfig& config,
                           Notices& notices, Topics& topics, Syncer& syncer, Groups& groups,
                           ProducerIds& producer_ids)
    : env_(env),
      loop_(loop),
      config_(config),
      notices_(notices),
      producer_ids_(producer_ids),
      log_(*env_.clock, config, notices, topics, syncer),
      markers_(*env_.clock, topics, syncer, groups) {}

Transaction* Transactions::find(const std::string& id) {
  const auto found = transactions_.find(id);
  return found == transactions_.end() ? nullptr : &found->second;
}

Transaction::NextProducerId Transactions::next_producer_id() {
  return [this] {
    auto id = producer_ids_.next();
    if (!id) notices_.say_limited(fmt::format("no producer id was given: {}", to_string(id.error())));
    return id;
  };
}

void Transactions::after(env::Duration delay, std::function<void()> action) {
  loop_.after(delay, [weak = std::weak_ptr(alive_), action = std::move(action)] {
    if (!weak.expired()) action();
  });
}

void Transactions::load() {
  log_.load([this](TransactionChange change) {
    transactions_.erase(change.transactional_id);
    if (change.facts)
      transactions_.try_emplace(change.transactional_id, change.transactional_id, std::move(*change.facts));
  });
  std::vector<std::string> prepared;
  for (auto& [id, transaction] : transactions_) {
    transaction.count_from(now_ms());
    if (is_prepared(transaction)) prepared.push_back(id);
  }
  loop_.post([this, weak = std::weak_ptr(alive_), prepared = std::move(prepared)] {
    if (weak.expired()) return;
    for (const std::string& id : prepared) complete(id);
  });
}

/// Makes `facts`, for which the transaction is held, durable.
void Transactions::write(const std::string& id, TransactionFacts facts, Done done) {
  log_.write(id, facts,
             [this, weak = std::weak_ptr(alive_), id, facts, done = std::move(done)](ErrorCode error) {
               if (weak.expired()) return;
               Transaction* transaction = find(id);
               SLUICE_ASSERT(transaction != nullptr);  // what is held is not removed
               if (error == ErrorCode::none) {
                 transaction->finish(facts);
               } else {
                 transaction->give_up();
               }
               done(error);
             });
}

// ---- InitProducerId ----

void Transactions::init(const std::string& id, std::int32_t timeout_ms,
                        std::optional<ProducerIdAndEpoch> expected, ProducerReply reply) {
  if (id.empty() || id.size() > id_bytes_max) return reply(ErrorCode::invalid_request, {});
  if (timeout_ms <= 0 || timeout_ms > config_.number("transaction.max.timeout.ms"))
    return reply(ErrorCode::invalid_transaction_timeout, {});
  if (const auto ready = make_ready(); !ready) {
    notices_.say_limited(fmt::format("no transaction can be coordinated: {}", to_string(ready.error())));
    return reply(ErrorCode::coordinator_not_available, {});
  }
  if (log_.coordinator_epoch(id) < 0) return reply(ErrorCode::coordinator_not_available, {});
  Transaction* transaction = find(id);
  if (transaction == nullptr) {
    const auto producer = next_producer_id()();
    if (!producer) return reply(ErrorCode::coordinator_not_available, {});
    TransactionFacts facts;
    facts.producer_id = *producer;
    facts.timeout_ms = timeout_ms;
    facts.update_ms = now_ms();
    transaction = &transactions_.try_emplace(id, id, std::move(facts)).first->second;
  }
  auto next = transaction->init(timeout_ms, expected, now_ms(), next_producer_id());
  if (!next) return reply(next.error(), {});
  if (next->state == TransactionState::prepare_epoch_fence) {
    // The producer asks again until the transaction of its former self has ended.
    return abort_fenced(*transaction, [reply = std::move(reply)](ErrorCode error) {
      reply(error == ErrorCode::none ? ErrorCode::concurrent_transactions : error, {});
    });
  }
  const ProducerIdAndEpoch producer{next->producer_id, next->producer_epoch};
  write(id, std::move(*next), [producer, reply = std::move(reply)](ErrorCode error) {
    reply(error, error == ErrorCode::none ? producer : ProducerIdAndEpoch{});
  });
}

void Transactions::abort_fenced(Transaction& transaction, Done done) {
  write(transaction.id(), transaction.end_fenced(now_ms()),
        [this, id = transaction.id(), done = std::move(done)](ErrorCode error) {
          done(error);
          if (error == ErrorCode::none) complete(id);
        });
}

// ---- partitions ----

void Transactions::add(const std::string& id, ProducerIdAndEpoch producer, const PartitionSet& partitions,
                       std::int16_t client_version, Done done) {
  if (id.empty()) return done(ErrorCode::invalid_request);
  Transaction* transaction = find(id);
  if (transaction == nullptr) return done(ErrorCode::invalid_producer_id_mapping);
  auto next = transaction->add(producer, partitions, client_version, now_ms());
  if (!next) return done(next.error());
  write(id, std::move(*next), std::move(done));
}

void Transactions::add_patiently(const std::string& id, ProducerIdAndEpoch producer,
                                 const PartitionSet& partitions, Done done) {
  add(id, producer, partitions, transaction_version_2,
      [this, id, producer, partitions, done = std::move(done)](ErrorCode error) {
        if (error != ErrorCode::concurrent_transactions) return done(error);
        auto waiting = std::make_shared<Waiting>(producer, partitions, done);
        awaiting_end_[id].push_back(waiting);
        after(std::chrono::milliseconds(config_.number("add.partitions.to.txn.retry.backoff.max.ms")),
              [this, id, waiting] { stop_waiting(id, waiting); });
      });
}

/// The last attempt: either because the end is complete, or because the time is over.
void Transactions::stop_waiting(const std::string& id, const std::shared_ptr<Waiting>& waiting) {
  const auto of_id = awaiting_end_.find(id);
  if (of_id != awaiting_end_.end()) {
    std::erase(of_id->second, waiting);
    if (of_id->second.empty()) awaiting_end_.erase(of_id);
  }
  if (waiting->done)
    add(id, waiting->producer, waiting->partitions, transaction_version_2,
        std::exchange(waiting->done, nullptr));
}

void Transactions::tell_settled(const std::string& id) {
  auto node = awaiting_end_.extract(id);
  if (node.empty()) return;
  for (const auto& waiting : node.mapped()) stop_waiting(id, waiting);
}

ErrorCode Transactions::verify(const std::string& id, ProducerIdAndEpoch producer,
                               const log::TopicPartition& partition) const {
  if (id.empty()) return ErrorCode::invalid_request;
  const auto found = transactions_.find(id);
  if (found == transactions_.end()) return ErrorCode::invalid_producer_id_mapping;
  return found->second.verify(producer, partition);
}

void Transactions::topic_deleted(const std::string& topic) {
  for (auto& [id, transaction] : transactions_) {
    if (!transaction.forget_topic(topic)) continue;
    // Written so that a restart does not send old markers to a topic that is made again under the name. Lost
    // with a power cut right here, such a marker ends nothing: no producer of it is known there.
    if (auto next = transaction.without_forgotten()) write(id, std::move(*next), [](ErrorCode) {});
  }
}

// ---- the end ----

void Transactions::end(const std::string& id, ProducerIdAndEpoch producer, bool commit,
                       std::int16_t client_version, ProducerReply reply) {
  if (id.empty()) return reply(ErrorCode::invalid_request, {});
  Transaction* transaction = find(id);
  if (transaction == nullptr) return reply(ErrorCode::invalid_producer_id_mapping, {});
  auto next = transaction->end(producer, commit, client_version, now_ms(), next_producer_id());
  if (!next) {
    if (next.error() != ErrorCode::none) return reply(next.error(), {});
    return reply(ErrorCode::none, {transaction->facts().producer_id, transaction->facts().producer_epoch});
  }
  write(id, std::move(*next), [this, id, reply = std::move(reply)](ErrorCode error) {
    if (error != ErrorCode::none) return reply(error, {});
    complete(id, [reply, producer = find(id)->producer_after_end()] { reply(ErrorCode::none, producer); });
  });
}

/// The markers that a transaction still needs; several are written at a time.
struct Transactions::Ending {
  std::string id;
  TransactionMarker marker;
  PartitionSet left;
  std::size_t waiting = 0;
  std::function<void()> settled;  ///< nullptr: it was told

  void tell() {
    if (const auto told = std::exchange(settled, nullptr)) told();
  }
};

/// `settled` is called when the end is complete, or when that has to be tried again later.
void Transactions::complete(const std::string& id, std::function<void()> settled) {
  const Transaction* transaction = find(id);
  SLUICE_ASSERT(transaction != nullptr && is_prepared(*transaction));
  const TransactionFacts& facts = transaction->facts();
  auto ending = std::make_shared<Ending>();
  ending->id = id;
  ending->marker = {{facts.producer_id, facts.producer_epoch},
                    facts.state == TransactionState::prepare_commit,
                    log_.coordinator_epoch(id),
                    facts.client_version};
  ending->left = facts.partitions;
  ending->settled = std::move(settled);
  write_markers(ending);
}

void Transactions::write_markers(const std::shared_ptr<Ending>& ending) {
  const PartitionSet now = ending->left;
  ending->waiting = now.size() + 1;  // one more, so that nothing is over before all are begun
  for (const log::TopicPartition& at : now) {
    markers_.write(at, ending->marker, [this, weak = std::weak_ptr(alive_), ending, at](ErrorCode error) {
      if (!weak.expired()) marker_written(ending, at, error);
    });
  }
  marker_written(ending, {}, ErrorCode::none);
}

void Transactions::marker_written(const std::shared_ptr<Ending>& ending, const log::TopicPartition& at,
                                  ErrorCode error) {
  switch (error) {
    case ErrorCode::none:
    case ErrorCode::unknown_topic_or_partition:  // deleted: there is nothing to decide about
      ending->left.erase(at);
      if (Transaction* transaction = find(ending->id)) transaction->drop(at);
      break;
    case ErrorCode::invalid_producer_epoch:
    case ErrorCode::transaction_coordinator_fenced:  // decided there by a later marker
      notices_.say_limited(fmt::format("{}: the marker of transactional id '{}' was refused: {}",
                                       log::dir_name(at), ending->id, wire::error_info(error).name));
      ending->left.erase(at);
      break;
    default:  // a full disk, a failed sync: tried again
      break;
  }
  if (--ending->waiting > 0) return;
  if (ending->left.empty()) return write_complete(ending);
  notices_.say_limited(
      fmt::format("transactional id '{}': {} of its partitions have no marker yet; trying again", ending->id,
                  ending->left.size()));
  after(retry_distance, [this, ending] { write_markers(ending); });
  ending->tell();
}

void Transactions::write_complete(const std::shared_ptr<Ending>& ending) {
  Transaction* transaction = find(ending->id);
  SLUICE_ASSERT(transaction != nullptr);
  write(ending->id, transaction->complete(now_ms()), [this, ending](ErrorCode error) {
    if (error == ErrorCode::none) {
      tell_settled(ending->id);
    } else {
      after(retry_distance, [this, ending] { write_complete(ending); });
    }
    ending->tell();
  });
}

// ---- in the background ----

void Transactions::housekeep() {
  const env::Instant now = loop_.now();
  const auto interval = [&](std::string_view property) {
    return std::chrono::milliseconds(config_.number(property));
  };
  if (now >= timeouts_due_) {
    abort_timed_out();
    timeouts_due_ = now + interval("transaction.abort.timed.out.transaction.cleanup.interval.ms");
  }
  if (now >= expiry_due_) {
    remove_expired();
    expiry_due_ = now + interval("transaction.remove.expired.transaction.cleanup.interval.ms");
  }
}

void Transactions::abort_timed_out() {
  for (auto& [id, transaction] : transactions_) {
    if (!transaction.is_timed_out(now_ms())) continue;
    notices_.say_limited(fmt::format("transactional id '{}': aborted, open for more than {} ms", id,
                                     transaction.facts().timeout_ms));
    abort_fenced(transaction, [](ErrorCode) {});
  }
}

void Transactions::remove_expired() {
  const std::int64_t expiration_ms = config_.number("transactional.id.expiration.ms");
  std::vector<std::string> old;
  for (auto& [id, transaction] : transactions_)
    if (transaction.expire(now_ms(), expiration_ms)) old.push_back(id);
  for (const std::string& id : old) {
    log_.write(id, std::nullopt, [this, weak = std::weak_ptr(alive_), id](ErrorCode error) {
      if (weak.expired()) return;
      if (error == ErrorCode::none) {
        transactions_.erase(id);
      } else {
        find(id)->give_up();
      }
    });
  }
}

}  // namespace sluice::broker
