// The transactional part of a Produce: which partitions its coordinator has to be asked about, and what it
// said.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "broker/core.h"
#include "broker/partition.h"
#include "broker/transaction.h"
#include "wire/errors.h"

namespace sluice::broker {

constexpr std::int16_t implicit_version_min =
    12;  ///< Produce takes the partition into the transaction (KIP-890)

/// What a Produce holds of a transaction.
struct TransactionPart {
  bool is_there = false;
  ProducerIdAndEpoch producer;
  bool has_several_producers = false;
  PartitionSet unknown;  ///< in which the transaction has no records yet

  /// One partition's batch; nullptr: the partition does not exist.
  void look_at(const PartitionPtr& partition, BytesView records);
};

/// What the coordinator says about the partitions of one Produce.
class TransactionVerdict {
 public:
  /// Nothing was asked: every partition may be written to.
  TransactionVerdict() = default;
  /// Asks about each partition, for versions that took them in before.
  static TransactionVerdict verify(Core& core, const std::string& transactional_id,
                                   const TransactionPart& part, std::int16_t version);
  /// The same answer for all.
  static TransactionVerdict of_all(const TransactionPart& part, wire::ErrorCode error, std::int16_t version);

  /// errors   what the producer shall be told
  Result<void> check(const log::TopicPartition& partition) const;

 private:
  std::map<log::TopicPartition, wire::ErrorCode> refused_;
};

}  // namespace sluice::broker
