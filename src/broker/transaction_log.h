// Where transactions are kept: records of __transaction_state, read back whole at the start.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/config.h"
#include "broker/notices.h"
#include "broker/syncer.h"
#include "broker/topics.h"
#include "broker/transaction_records.h"
#include "env/clock.h"
#include "record/builder.h"

namespace sluice::broker {

/// Loop thread only; all arguments are borrowed.
class TransactionLog {
 public:
  TransactionLog(env::Clock& clock, const ServerConfig& config, Notices& notices, Topics& topics,
                 Syncer& syncer)
      : clock_(clock), config_(config), notices_(notices), topics_(topics), syncer_(syncer) {}

  /// Calls `change` for every record, in the order of each partition. What cannot be read is told to the
  /// operator; transactions behind it are not known.
  void load(const std::function<void(TransactionChange)>& change);
  /// Makes the topic where it is missing.
  Result<void> make_ready();
  /// Appends the newest facts of a transaction, or nullopt: it is removed. `done` is called when that is
  /// durable, or with coordinator_not_available where it is not.
  void write(const std::string& id, const std::optional<TransactionFacts>& facts,
             std::function<void(wire::ErrorCode)> done);
  /// The epoch that markers carry: it grows with each start. -1: there is no log to write to.
  std::int32_t coordinator_epoch(const std::string& id);

 private:
  Result<void> load_partition(log::PartitionLog& log, const std::function<void(TransactionChange)>& change);
  PartitionPtr partition_of(const std::string& id);

  env::Clock& clock_;
  const ServerConfig& config_;
  Notices& notices_;
  Topics& topics_;
  Syncer& syncer_;
  record::BatchBuilder builder_;
};

}  // namespace sluice::broker
