#include "broker/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "broker/kafka_error.h"
#include "record/batch.h"
#include "record/compression.h"
#include "record/records.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
constexpr std::size_t load_bytes = 1024 * 1024;  // read at a time
// Of our own batches, before another is begun: what belongs together is one batch, which is there whole or
// not.
constexpr std::size_t batch_bytes_max = 16 * 1024 * 1024;  // or what a segment holds

}  // namespace

Groups::Groups(const env::Env& env, env::EventLoop& loop, const ServerConfig& config, Notices& notices,
               Topics& topics, Syncer& syncer)
    : env_(env),
      loop_(loop),
      config_(config),
      notices_(notices),
      topics_(topics),
      syncer_(syncer),
      limits_{config.number("group.max.size"), config.number("group.initial.rebalance.delay.ms")} {}

Groups::~Groups() = default;

// ---- reading back ----

Result<void> Groups::load() {
  Topic* topic = topics_.find(offsets_topic);
  if (topic == nullptr) return {};
  for (const PartitionPtr& partition : topic->partitions) {
    if (partition->log() == nullptr) continue;  // told already; its groups have no coordinator
    if (auto loaded = load_partition(*partition->log()); !loaded) {
      notices_.say(fmt::format("{}: groups are not known beyond the damage: {}",
                               log::dir_name(partition->id()), to_string(loaded.error())));
    }
  }
  drop_stale();
  for (auto& [id, snapshot] : std::exchange(loading_, {})) {
    Entry& entry = get(id);
    entry.persisted = snapshot;
    entry.classic->restore(std::move(snapshot));
  }
  for (auto& [id, entry] : entries_) {
    if (entry.records.empty()) continue;
    entry.consumer = restore_consumer(id, entry);
    entry.classic.reset();
  }
  return {};
}

Result<void> Groups::load_partition(log::PartitionLog& log) {
  record::Decompressor decompressor;
  record::RawBuffer buffer;
  std::size_t wanted = load_bytes;
  Offset at = log.log_start_offset();
  while (at < log.high_watermark()) {
    buffer.reserve(wanted);
    const log::ReadSlice slice =
        SLUICE_TRY(log.read(at, log.high_watermark(), {buffer.data(), buffer.capacity()}));
    if (slice.bytes == 0) {
      if (slice.bytes_needed <= buffer.capacity()) break;
      wanted = slice.bytes_needed;
      continue;
    }
    BytesView rest{buffer.data(), slice.bytes};
    while (true) {
      const auto batch = SLUICE_TRY(record::next_batch(rest));
      if (!batch) break;
      if (batch->is_control()) {
        SLUICE_TRY(load_marker(log.id().partition, *batch));
        continue;
      }
      const BytesView records = SLUICE_TRY(decompressor.records(*batch));
      SLUICE_TRY(
          record::for_each_record(records, batch->records_count(), [&](const record::RecordView& record) {
            if (!record.key) return;
            const Result<void> applied =
                batch->is_transactional()
                    ? load_pending(log.id().partition, batch->producer_id(), *record.key, record.value)
                    : apply(*record.key, record.value);
            if (applied) return;
            notices_.say_limited(
                fmt::format("{}: a record at offset {} is passed over: {}", log::dir_name(log.id()),
                            batch->base_offset().value + record.offset_delta, to_string(applied.error())));
          }));
    }
    at = slice.next;
  }
  return {};
}

Result<void> Groups::apply(BytesView key, const std::optional<BytesView>& value) {
  if (SLUICE_TRY(apply_consumer(key, value))) return {};
  const auto change = SLUICE_TRY(parse_group_record(key, value));
  if (const auto* offset = std::get_if<OffsetChange>(&change)) {
    Entry& entry = get(offset->group);
    if (offset->committed) {
      entry.offsets[offset->partition] = *offset->committed;
      pending_offsets_.supersede(offset->group, offset->partition);
    } else {
      entry.offsets.erase(offset->partition);
      pending_offsets_.drop(offset->group, offset->partition);
    }
  } else if (const auto* group = std::get_if<GroupChange>(&change)) {
    if (group->snapshot) {
      loading_[group->group] = *group->snapshot;
    } else {
      loading_.erase(group->group);
      if (const auto at = entries_.find(group->group);
          at != entries_.end() && at->second.offsets.empty() && at->second.records.empty())
        entries_.erase(at);
    }
  }
  return {};
}

/// Whether the topic is still the one that the position was committed in.
bool Groups::is_current(const log::TopicPartition& partition, const CommittedOffset& committed) const {
  const Topic* topic = topics_.find(partition.topic);
  return topic != nullptr && (committed.topic_id.is_zero() || committed.topic_id == topic->id);
}

void Groups::drop_stale() {
  for (auto& [id, entry] : entries_) {
    std::erase_if(entry.offsets, [this](const auto& at) { return !is_current(at.first, at.second); });
  }
}

Result<void> Groups::make_ready() {
  if (topics_.find(offsets_topic) != nullptr) return {};
  const auto count = static_cast<std::int32_t>(config_.number("offsets.topic.num.partitions"));
  SLUICE_TRY(topics_.create(offsets_topic, count,
                            {{"cleanup.policy", "compact"},
                             {"compression.type", "producer"},
                             {"segment.bytes", config_.value("offsets.topic.segment.bytes").value_or("")}}));
  return {};
}

// ---- groups ----

Groups::Entry* Groups::find(const std::string& group_id) {
  const auto found = entries_.find(group_id);
  return found == entries_.end() ? nullptr : &found->second;
}

Groups::Entry& Groups::get(const std::string& group_id) {
  Entry& entry = entries_[group_id];
  if (entry.classic == nullptr && entry.consumer == nullptr)
    entry.classic = std::make_unique<Group>(group_id, *this, limits_);
  return entry;
}

std::string Groups::unique_text() {
  const Uuid id = env_.random->next_uuid();
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", id.high >> 32, (id.high >> 16) & 0xFFFF,
                     id.high & 0xFFFF, id.low >> 48, id.low & 0xFFFF'FFFF'FFFF);
}

void Groups::persist(const std::string& group_id, std::function<void(ErrorCode)> done) {
  Entry* entry = find(group_id);
  SLUICE_ASSERT(entry != nullptr && entry->classic != nullptr);
  GroupSnapshot snapshot = entry->classic->snapshot();
  std::vector<GroupRecord> records{group_record(group_id, snapshot)};
  append(group_id, std::move(records),
         [this, group_id, snapshot = std::move(snapshot), done = std::move(done)](ErrorCode error) {
           Entry* written = find(group_id);
           if (error == ErrorCode::none && written != nullptr && written->classic != nullptr)
             written->persisted = snapshot;
           done(error);
         });
}

void Groups::commit(const std::string& group_id, Changes changes, std::function<void(ErrorCode)> done) {
  std::vector<GroupRecord> records;
  records.reserve(changes.size());
  for (const auto& [partition, committed] : changes)
    records.push_back(offset_record(group_id, partition, committed));
  append(group_id, std::move(records),
         [this, group_id, changes = std::move(changes), done = std::move(done)](ErrorCode error) {
           if (error != ErrorCode::none) return done(error);
           for (const auto& [partition, committed] : changes) {
             committed ? pending_offsets_.supersede(group_id, partition)
                       : pending_offsets_.drop(group_id, partition);
             if (committed && is_current(partition, *committed)) {
               get(group_id).offsets[partition] = *committed;  // made again where it was removed meanwhile
             } else if (Entry* entry = find(group_id); entry != nullptr && !committed) {
               entry->offsets.erase(partition);
             }
           }
           done(error);
         });
}

/// Adds what takes away the positions of a group that are on their way to the disk.
void Groups::take_away_pending(const std::string& group_id, std::vector<GroupRecord>& records) {
  const PartitionPtr partition = partition_of(group_id);
  const auto found = pending_.find(partition.get());
  if (partition == nullptr || found == pending_.end()) return;
  for (const Pending& pending : found->second) {
    for (const GroupRecord& record : pending.records) {
      std::optional<BytesView> value;
      if (record.value) value = *record.value;
      const auto change = parse_group_record(record.key, value);
      const auto* offset = change ? std::get_if<OffsetChange>(&*change) : nullptr;
      if (offset != nullptr && offset->committed && offset->group == group_id)
        records.push_back(offset_record(group_id, offset->partition, std::nullopt));
    }
  }
}

void Groups::remove(const std::string& group_id, std::function<void(ErrorCode)> done) {
  Entry* entry = find(group_id);
  if (entry == nullptr) return done(ErrorCode::group_id_not_found);
  if (!entry->empty()) return done(ErrorCode::non_empty_group);
  std::vector<GroupRecord> records;
  for (const auto& [partition, committed] : entry->offsets)
    records.push_back(offset_record(group_id, partition, std::nullopt));
  take_away_pending(group_id, records);  // else a restart would bring them back
  for (const auto& partition : pending_offsets_.partitions_of(group_id))
    records.push_back(offset_record(group_id, partition, std::nullopt));
  if (entry->consumer != nullptr) {
    for (GroupRecord& record : consumer_tombstones(*entry)) records.push_back(std::move(record));
    bury(*entry, ErrorCode::none);  // who joins while this is on its way finds a new group
    entry->consumer = std::make_unique<ConsumerGroup>(group_id, *this);
  } else {
    records.push_back(group_record(group_id, std::nullopt));
  }
  const bool written =
      append(group_id, std::move(records), [this, group_id, done = std::move(done)](ErrorCode error) {
        if (error == ErrorCode::none) removed(group_id);
        done(error);
      });
  if (!written) reload(group_id);
}

/// A group's removal is durable.
void Groups::removed(const std::string& group_id) {
  for (const auto& partition : pending_offsets_.partitions_of(group_id))
    pending_offsets_.drop(group_id, partition);
  const auto at = entries_.find(group_id);
  if (at == entries_.end()) return;
  if (at->second.empty() && at->second.records.empty()) {
    entries_.erase(at);
  } else {
    at->second.offsets.clear();  // somebody joined meanwhile
    at->second.persisted.reset();
  }
}

void Groups::topic_deleted(const std::string& topic) {
  for (const auto& [id, partition] : pending_offsets_.in_topic(topic)) {
    pending_offsets_.drop(id, partition);
    append(id, {offset_record(id, partition, std::nullopt)}, [](ErrorCode) {});
  }
  for (auto& [id, entry] : entries_) {
    std::vector<GroupRecord> gone;
    std::erase_if(entry.offsets, [&](const auto& at) {
      if (at.first.topic != topic) return false;
      gone.push_back(offset_record(id, at.first, std::nullopt));
      return true;
    });
    // Should they be lost: the id in the position tells that its topic is gone.
    if (!gone.empty()) append(id, std::move(gone), [](ErrorCode) {});
  }
}

/// As in Kafka: positions of topics that members subscribe to stay; those of a classic group count from when
/// it lost its last member, others from their commit; one that was committed with a time of its own ends
/// then.
bool Groups::is_expired(const Entry& entry, const log::TopicPartition& partition,
                        const CommittedOffset& committed, std::int64_t now_ms) const {
  const std::int64_t retention_ms = config_.number("offsets.retention.minutes") * 60'000;
  std::int64_t since_ms = committed.commit_ms;
  if (entry.classic != nullptr && !entry.classic->protocol_type().empty()) {
    if (entry.classic->state() == GroupState::empty) {
      since_ms = std::max(since_ms, entry.classic->state_since_ms());
    } else if (entry.classic->state() != GroupState::stable || !entry.classic->subscribed_topics()) {
      return false;
    }
  }
  const bool is_old =
      committed.expire_ms ? now_ms >= *committed.expire_ms : now_ms - since_ms >= retention_ms;
  return is_old && !entry.is_subscribed_to(partition.topic);
}

/// The groups that have records on their way to the disk.
std::set<std::string> Groups::in_flight() const {
  std::set<std::string> groups;
  for (const auto& [partition, pending] : pending_)
    for (const Pending& one : pending) groups.insert(one.group);
  return groups;
}

void Groups::expire() {
  const std::int64_t now_ms = wall_ms();
  const std::set<std::string> busy = in_flight();
  std::vector<std::string> finished;
  std::vector<std::pair<std::string, Changes>> expired;
  for (const auto& [id, entry] : entries_) {
    if (busy.contains(id)) continue;  // a commit may be among them, which nothing may take away unseen
    Changes old;
    for (const auto& [partition, committed] : entry.offsets)
      if (!pending_offsets_.is_pending(id, partition) && is_expired(entry, partition, committed, now_ms))
        old.emplace_back(partition, std::nullopt);
    const bool pending =
        pending_offsets_.has_pending(id) || (entry.classic != nullptr && entry.classic->pending_count() > 0);
    if (entry.empty() && !pending && old.size() == entry.offsets.size()) {
      finished.push_back(id);
    } else if (!old.empty()) {
      expired.emplace_back(id, std::move(old));
    }
  }
  for (auto& [id, old] : expired) commit(id, std::move(old), [](ErrorCode) {});
  for (const std::string& id : finished) remove(id, [](ErrorCode) {});
}

// ---- the log behind them ----

PartitionPtr Groups::partition_of(const std::string& group_id) const {
  const Topic* topic = topics_.find(offsets_topic);
  if (topic == nullptr) return nullptr;
  return topic->partition(group_partition(group_id, static_cast<std::int32_t>(topic->partitions.size())));
}

Result<Offset> Groups::write(Partition& partition, const std::vector<GroupRecord>& records) {
  const std::int64_t now_ms = wall_ms();
  const auto limit =
      std::min<std::uint64_t>(batch_bytes_max, partition.log()->options().segment_bytes_max / 2);
  Offset end = partition.log()->log_end_offset();
  builder_ = record::BatchBuilder{};  // nothing of what could not be written before
  const auto flush = [&]() -> Result<void> {
    if (builder_.empty()) return {};
    const MutableBytes batch = SLUICE_TRY(builder_.finish());
    end = SLUICE_TRY(partition.append(batch, now_ms)).range.end;
    return {};
  };
  for (const GroupRecord& record : records) {
    std::optional<BytesView> value;
    if (record.value) value = *record.value;
    builder_.add(now_ms, BytesView(record.key), value);
    if (builder_.bytes() > limit) SLUICE_TRY(flush());
  }
  SLUICE_TRY(flush());
  return end;
}

bool Groups::append(const std::string& group_id, std::vector<GroupRecord> records,
                    std::function<void(ErrorCode)> done) {
  const auto refuse = [&](ErrorCode error) {
    done(error);
    return false;
  };
  if (const auto ready = make_ready(); !ready) return refuse(ErrorCode::coordinator_not_available);
  const PartitionPtr partition = partition_of(group_id);
  if (partition == nullptr || partition->log() == nullptr) return refuse(ErrorCode::not_coordinator);
  const auto end = write(*partition, records);
  syncer_.add(partition);
  if (!end) {
    notices_.say_limited(
        fmt::format("group '{}': its state was not written: {}", group_id, to_string(end.error())));
    return refuse(ErrorCode::coordinator_not_available);
  }
  keep(group_id, records);
  await(group_id, *partition, *end, std::move(records), std::move(done));
  return true;
}

/// Keeps the records in mind until they are durable below `end`.
void Groups::await(const std::string& group_id, Partition& partition, Offset end,
                   std::vector<GroupRecord> records, std::function<void(ErrorCode)> done) {
  pending_[&partition].push_back({end, group_id, std::move(records)});
  // By its address alone: the partition keeps this until it is durable, and would keep itself.
  partition.when_durable(end, [this, weak = std::weak_ptr(alive_), key = &partition, end,
                               done = std::move(done)](ErrorCode error) {
    if (weak.expired()) return;
    std::deque<Pending>& pending = pending_[key];
    while (!pending.empty() && pending.front().end <= end) pending.pop_front();
    done(error == ErrorCode::none ? error : ErrorCode::coordinator_not_available);
  });
}

}  // namespace sluice::broker
