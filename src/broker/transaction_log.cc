#include "broker/transaction_log.h"

#include <fmt/format.h>

#include <utility>

#include "broker/group_records.h"
#include "broker/record_reader.h"

namespace sluice::broker {

using wire::ErrorCode;

void TransactionLog::load(const std::function<void(TransactionChange)>& change) {
  const Topic* topic = topics_.find(transactions_topic);
  if (topic == nullptr) return;
  for (const PartitionPtr& partition : topic->partitions) {
    if (partition->log() == nullptr) continue;  // told already; its transactions have no coordinator
    if (auto loaded = load_partition(*partition->log(), change); !loaded) {
      notices_.say(fmt::format("{}: transactions are not known beyond the damage: {}",
                               log::dir_name(partition->id()), to_string(loaded.error())));
    }
  }
}

Result<void> TransactionLog::load_partition(log::PartitionLog& log,
                                            const std::function<void(TransactionChange)>& change) {
  return for_each_stored_record(log, [&](const StoredRecord& stored) {
    if (stored.batch.is_control() || !stored.record.key) return;
    auto parsed = parse_transaction_record(*stored.record.key, stored.record.value);
    if (parsed) {
      if (*parsed) change(std::move(**parsed));
      return;
    }
    notices_.say_limited(fmt::format("{}: a record at offset {} is passed over: {}", log::dir_name(log.id()),
                                     stored.batch.base_offset().value + stored.record.offset_delta,
                                     to_string(parsed.error())));
  });
}

Result<void> TransactionLog::make_ready() {
  if (topics_.find(transactions_topic) != nullptr) return {};
  const auto count = static_cast<std::int32_t>(config_.number("transaction.state.log.num.partitions"));
  const Values values{
      {"cleanup.policy", "compact"},
      {"segment.bytes", std::to_string(config_.number("transaction.state.log.segment.bytes"))}};
  SLUICE_TRY(topics_.create(transactions_topic, count, values));
  return {};
}

PartitionPtr TransactionLog::partition_of(const std::string& id) {
  const Topic* topic = topics_.find(transactions_topic);
  if (topic == nullptr) return nullptr;
  return topic->partition(group_partition(id, static_cast<std::int32_t>(topic->partitions.size())));
}

std::int32_t TransactionLog::coordinator_epoch(const std::string& id) {
  const PartitionPtr partition = partition_of(id);
  return partition == nullptr || !partition->is_online() ? -1 : partition->leader_epoch().value;
}

void TransactionLog::write(const std::string& id, const std::optional<TransactionFacts>& facts,
                           std::function<void(ErrorCode)> done) {
  const PartitionPtr partition = partition_of(id);
  if (partition == nullptr || !partition->is_online()) return done(ErrorCode::coordinator_not_available);
  const Bytes key = transaction_key(id);
  std::optional<Bytes> value;
  if (facts) value = transaction_value(*facts);
  const std::int64_t now_ms = clock_.wall_ms();
  builder_ = record::BatchBuilder{};  // nothing of what could not be written before
  builder_.add(now_ms, BytesView(key), value ? std::optional<BytesView>(*value) : std::nullopt);
  const auto append = [&]() -> Result<Offset> {
    const MutableBytes batch = SLUICE_TRY(builder_.finish());
    return SLUICE_TRY(partition->append(batch, now_ms)).range.end;
  };
  const auto end = append();
  syncer_.add(partition);
  if (!end) {
    notices_.say_limited(
        fmt::format("transactional id '{}': its state was not written: {}", id, to_string(end.error())));
    return done(ErrorCode::coordinator_not_available);
  }
  partition->when_durable(*end, [done = std::move(done)](ErrorCode error) {
    done(error == ErrorCode::none ? error : ErrorCode::coordinator_not_available);
  });
}

}  // namespace sluice::broker
