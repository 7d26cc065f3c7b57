// Groups: positions inside transactions. They lie in __consumer_offsets as batches of the transaction's
// producer, as Apache Kafka writes them, and are decided by the marker that its coordinator puts behind them.
#include <fmt/format.h>

#include <algorithm>

#include "broker/groups.h"
#include "broker/kafka_error.h"
#include "record/batch.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
// Of our own batches, before another is begun: what belongs together is one batch, which is there whole or
// not.
constexpr std::size_t batch_bytes_max = 16 * 1024 * 1024;  // or what a segment holds

}  // namespace

std::optional<log::TopicPartition> Groups::place_of(const std::string& group_id) const {
  const PartitionPtr partition = partition_of(group_id);
  return partition == nullptr ? std::nullopt : std::optional(partition->id());
}

Result<Offset> Groups::write_pending(Partition& partition, ProducerId producer, ProducerEpoch epoch,
                                     const std::vector<GroupRecord>& records) {
  const std::int64_t now_ms = wall_ms();
  const auto limit =
      std::min<std::uint64_t>(batch_bytes_max, partition.log()->options().segment_bytes_max / 2);
  Offset end = partition.log()->log_end_offset();
  record::BatchBuilder builder;
  builder.set_producer(producer, epoch, 0);  // sequences are not counted here
  builder.set_transactional(true);
  const auto flush = [&]() -> Result<void> {
    if (builder.empty()) return {};
    const MutableBytes batch = SLUICE_TRY(builder.finish());
    end = SLUICE_TRY(partition.append(batch, now_ms, log::Origin::coordinator)).range.end;
    return {};
  };
  for (const GroupRecord& record : records) {
    std::optional<BytesView> value;
    if (record.value) value = *record.value;
    builder.add(now_ms, BytesView(record.key), value);
    if (builder.bytes() > limit) SLUICE_TRY(flush());
  }
  SLUICE_TRY(flush());
  return end;
}

void Groups::commit_pending(const std::string& group_id, ProducerId producer, ProducerEpoch epoch,
                            Changes changes, std::function<void(ErrorCode)> done) {
  if (const auto ready = make_ready(); !ready) return done(ErrorCode::coordinator_not_available);
  const PartitionPtr partition = partition_of(group_id);
  if (partition == nullptr || partition->log() == nullptr) return done(ErrorCode::not_coordinator);
  std::vector<GroupRecord> records;
  records.reserve(changes.size());
  for (const auto& [at, committed] : changes) records.push_back(offset_record(group_id, at, committed));
  const auto end = write_pending(*partition, producer, epoch, records);
  syncer_.add(partition);
  if (!end) {
    notices_.say_limited(fmt::format("group '{}': its positions in a transaction were not written: {}",
                                     group_id, to_string(end.error())));
    const bool is_refused = end.error().code == Code::kafka;
    return done(is_refused ? code_of(end.error()) : ErrorCode::coordinator_not_available);
  }
  await(group_id, *partition, *end, std::move(records),
        [this, group_id, producer, index = partition->id().partition, changes = std::move(changes),
         done = std::move(done)](ErrorCode error) {
          if (error == ErrorCode::none) {
            for (const auto& [at, committed] : changes)
              pending_offsets_.stage({index, producer}, group_id, at, *committed);
          }
          done(error);
        });
}

void Groups::transaction_ended(PartitionId partition, ProducerId producer, bool commit) {
  for (auto& decided : pending_offsets_.end({partition, producer}, commit)) {
    if (is_current(decided.partition, decided.committed))
      get(decided.group).offsets[decided.partition] = std::move(decided.committed);
  }
}

// ---- reading back ----

Result<void> Groups::load_pending(PartitionId partition, ProducerId producer, BytesView key,
                                  const std::optional<BytesView>& value) {
  const auto change = SLUICE_TRY(parse_group_record(key, value));
  const auto* offset = std::get_if<OffsetChange>(&change);
  if (offset == nullptr) return fail(Code::corrupt, "it is in a transaction, but no position");
  get(offset->group);
  if (offset->committed) {
    pending_offsets_.stage({partition, producer}, offset->group, offset->partition, *offset->committed);
  } else {
    pending_offsets_.drop(offset->group, offset->partition);
  }
  return {};
}

Result<void> Groups::load_marker(PartitionId partition, const record::BatchView& batch) {
  const auto marker = SLUICE_TRY(record::parse_control(batch));
  if (marker) {
    transaction_ended(partition, batch.producer_id(), marker->kind == record::ControlMarker::Kind::commit);
  }
  return {};
}

}  // namespace sluice::broker
