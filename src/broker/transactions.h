// The transaction coordinator: every transactional id, its durable state, and the ends of transactions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/config.h"
#include "broker/groups.h"
#include "broker/notices.h"
#include "broker/producer_ids.h"
#include "broker/syncer.h"
#include "broker/topics.h"
#include "broker/transaction.h"
#include "broker/transaction_log.h"
#include "broker/transaction_markers.h"
#include "env/env.h"

namespace sluice::broker {

/// Loop thread only. A change counts, is answered and is seen by others once it is durable. An end is
/// answered when it is complete: the producer's next request then finds a settled transaction, and everybody
/// sees what it decided. What cannot be completed now is answered as soon as its decision is durable; its
/// markers follow by themselves, over restarts too.
class Transactions {
 public:
  using Done = std::function<void(wire::ErrorCode)>;
  using ProducerReply = std::function<void(wire::ErrorCode, ProducerIdAndEpoch)>;

  /// All borrowed.
  Transactions(const env::Env& env, env::EventLoop& loop, const ServerConfig& config, Notices& notices,
               Topics& topics, Syncer& syncer, Groups& groups, ProducerIds& producer_ids);

  /// Reads every transaction back from __transaction_state, if that is there; those whose end was decided get
  /// their markers as soon as the loop runs. Groups must have been loaded.
  void load();
  /// Makes __transaction_state where it is missing: transactions can be coordinated once this succeeded.
  Result<void> make_ready() { return log_.make_ready(); }

  /// InitProducerId of a transactional id (see Transaction::init). Errors also: INVALID_REQUEST (no id, or
  /// one that no record can hold), INVALID_TRANSACTION_TIMEOUT, COORDINATOR_NOT_AVAILABLE.
  void init(const std::string& id, std::int32_t timeout_ms, std::optional<ProducerIdAndEpoch> expected,
            ProducerReply reply);
  /// Takes partitions into the transaction (see Transaction::add); they must exist.
  void add(const std::string& id, ProducerIdAndEpoch producer, const PartitionSet& partitions,
           std::int16_t client_version, Done done);
  /// The same for a client that does not ask for it by itself (KIP-890): where the last transaction is still
  /// being ended, it waits a moment for that.
  void add_patiently(const std::string& id, ProducerIdAndEpoch producer, const PartitionSet& partitions,
                     Done done);
  wire::ErrorCode verify(const std::string& id, ProducerIdAndEpoch producer,
                         const log::TopicPartition& partition) const;
  /// EndTxn; on success the producer that may go on.
  void end(const std::string& id, ProducerIdAndEpoch producer, bool commit, std::int16_t client_version,
           ProducerReply reply);

  const std::map<std::string, Transaction, std::less<>>& all() const { return transactions_; }
  TransactionMarkers& markers() { return markers_; }
  /// Its partitions are no part of any transaction any more.
  void topic_deleted(const std::string& topic);
  /// Aborts what is open for too long and removes what was not used for long, at the intervals of Kafka's
  /// properties. Called now and then.
  void housekeep();

 private:
  struct Ending;
  struct Waiting {
    ProducerIdAndEpoch producer;
    PartitionSet partitions;
    Done done;  ///< nullptr: it was tried again
  };

  Transaction* find(const std::string& id);
  Transaction::NextProducerId next_producer_id();
  std::int64_t now_ms() { return env_.clock->wall_ms(); }
  void write(const std::string& id, TransactionFacts facts, Done done);
  void abort_fenced(Transaction& transaction, Done done);
  void complete(const std::string& id, std::function<void()> settled = nullptr);
  void write_markers(const std::shared_ptr<Ending>& ending);
  void marker_written(const std::shared_ptr<Ending>& ending, const log::TopicPartition& at,
                      wire::ErrorCode error);
  void write_complete(const std::shared_ptr<Ending>& ending);
  void after(env::Duration delay, std::function<void()> action);
  void stop_waiting(const std::string& id, const std::shared_ptr<Waiting>& waiting);
  void tell_settled(const std::string& id);
  void abort_timed_out();
  void remove_expired();

  env::Env env_;
  env::EventLoop& loop_;
  const ServerConfig& config_;
  Notices& notices_;
  ProducerIds& producer_ids_;
  TransactionLog log_;
  TransactionMarkers markers_;
  std::map<std::string, Transaction, std::less<>> transactions_;
  std::map<std::string, std::vector<std::shared_ptr<Waiting>>> awaiting_end_;  ///< see add_patiently
  env::Instant timeouts_due_{};
  env::Instant expiry_due_{};
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace sluice::broker
