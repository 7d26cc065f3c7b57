#include "broker/handlers/produce_transaction.h"

#include <fmt/format.h>

#include "broker/handlers/transaction_errors.h"
#include "broker/kafka_error.h"
#include "record/batch.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
constexpr std::int16_t abortable_version_min = 11;

// What older clients do not know is told them as something that they send again.
ErrorCode told(ErrorCode error, std::int16_t version) {
  const bool is_passing = error == ErrorCode::coordinator_not_available ||
                          error == ErrorCode::coordinator_load_in_progress ||
                          error == ErrorCode::not_coordinator ||
                          (error == ErrorCode::concurrent_transactions && version < implicit_version_min);
  return is_passing ? ErrorCode::not_enough_replicas
                    : as_producers_know_it(error, version >= abortable_version_min);
}

}  // namespace

void TransactionPart::look_at(const PartitionPtr& partition, BytesView records) {
  const auto batch = record::BatchView::parse(records);
  if (!batch || !batch->is_transactional()) return;
  const ProducerIdAndEpoch its{batch->producer_id(), batch->producer_epoch()};
  is_there = true;
  if (partition == nullptr) return;  // nothing is stored of that
  has_several_producers |= producer.id.value >= 0 && its != producer;
  producer = its;
  if (!partition->is_online()) return;
  const auto open = partition->log()->open_transaction(its.id);
  if (!open || open->producer_epoch != its.epoch) unknown.insert(partition->id());
}

TransactionVerdict TransactionVerdict::verify(Core& core, const std::string& transactional_id,
                                              const TransactionPart& part, std::int16_t version) {
  TransactionVerdict verdict;
  if (!core.config.boolean("transaction.partition.verification.enable")) return verdict;
  for (const log::TopicPartition& partition : part.unknown) {
    const ErrorCode error = core.transactions->verify(transactional_id, part.producer, partition);
    if (error != ErrorCode::none) verdict.refused_[partition] = told(error, version);
  }
  return verdict;
}

TransactionVerdict TransactionVerdict::of_all(const TransactionPart& part, ErrorCode error,
                                              std::int16_t version) {
  TransactionVerdict verdict;
  if (error == ErrorCode::none) return verdict;
  for (const log::TopicPartition& partition : part.unknown)
    verdict.refused_[partition] = told(error, version);
  return verdict;
}

Result<void> TransactionVerdict::check(const log::TopicPartition& partition) const {
  const auto found = refused_.find(partition);
  if (found == refused_.end()) return {};
  return refuse(found->second,
                fmt::format("{} was not taken into the transaction", log::dir_name(partition)));
}

}  // namespace sluice::broker
