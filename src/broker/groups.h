// The groups this broker coordinates, and their durable state: records of __consumer_offsets.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/config.h"
#include "broker/group.h"
#include "broker/group_records.h"
#include "broker/notices.h"
#include "broker/pending_offsets.h"
#include "broker/syncer.h"
#include "broker/topics.h"
#include "env/env.h"
#include "record/builder.h"

namespace sluice::broker {

using GroupOffsets = std::map<log::TopicPartition, CommittedOffset>;

/// Loop thread only. A change counts, and is seen by others, once it is durable.
class Groups final : public GroupHost {
 public:
  struct Entry {
    std::unique_ptr<Group> group;
    GroupOffsets offsets;
    std::optional<GroupSnapshot> persisted;  ///< of a finished rebalance: what a restart would find
  };

  /// All borrowed.
  Groups(const env::Env& env, env::EventLoop& loop, const ServerConfig& config, Notices& notices,
         Topics& topics, Syncer& syncer);
  ~Groups() override;

  /// Reads every group back from __consumer_offsets, if that is there. Positions in topics that are gone, or
  /// were made again since, are left out.
  Result<void> load();
  /// Makes __consumer_offsets where it is missing: groups can be coordinated once this succeeded.
  Result<void> make_ready();

  Entry* find(const std::string& group_id);
  /// The group, made as an empty one where it is missing.
  Entry& get(const std::string& group_id);
  const std::map<std::string, Entry>& all() const { return entries_; }

  using Changes = std::vector<std::pair<log::TopicPartition, std::optional<CommittedOffset>>>;
  /// Stores (or, nullopt, takes away) positions; `done` is called when that is durable, or with
  /// coordinator_not_available where it could not be made so.
  void commit(const std::string& group_id, Changes changes, std::function<void(wire::ErrorCode)> done);
  /// Stores positions as a part of a producer's transaction (group_transactions.cc): durable, but pending
  /// until transaction_ended. Errors also: invalid_producer_epoch.
  void commit_pending(const std::string& group_id, ProducerId producer, ProducerEpoch epoch, Changes changes,
                      std::function<void(wire::ErrorCode)> done);
  /// A marker of `producer` is durable in this partition of __consumer_offsets.
  void transaction_ended(PartitionId partition, ProducerId producer, bool commit);
  const PendingOffsets& pending_offsets() const { return pending_offsets_; }
  /// Where a group's records lie; nullopt while there is no __consumer_offsets.
  std::optional<log::TopicPartition> place_of(const std::string& group_id) const;
  /// Forgets an empty group and its positions; non_empty_group, group_id_not_found.
  void remove(const std::string& group_id, std::function<void(wire::ErrorCode)> done);
  /// Positions in a deleted topic go with it, at once; those that are only on their way are not taken over.
  void topic_deleted(const std::string& topic);
  /// Takes away what offsets.retention.minutes says is too old, and groups of which nothing is left.
  void expire();

  // GroupHost
  env::Instant now() override { return loop_.now(); }
  std::int64_t wall_ms() override { return env_.clock->wall_ms(); }
  env::EventLoop::Timer after(env::Duration delay, std::function<void()> action) override {
    return loop_.after(delay, std::move(action));
  }
  void cancel(env::EventLoop::Timer timer) override {
    if (timer != 0) loop_.cancel(timer);
  }
  std::string unique_text() override;
  void persist(const std::string& group_id, std::function<void(wire::ErrorCode)> done) override;

 private:
  struct Pending {
    Offset end;  ///< of its batch: not durable below it yet
    std::vector<GroupRecord> records;
  };

  Result<void> load_partition(log::PartitionLog& log);
  Result<void> apply(BytesView key, const std::optional<BytesView>& value);
  // group_transactions.cc
  Result<void> load_pending(PartitionId partition, ProducerId producer, BytesView key,
                            const std::optional<BytesView>& value);
  Result<void> load_marker(PartitionId partition, const record::BatchView& batch);
  Result<Offset> write_pending(Partition& partition, ProducerId producer, ProducerEpoch epoch,
                               const std::vector<GroupRecord>& records);

  PartitionPtr partition_of(const std::string& group_id) const;
  bool is_current(const log::TopicPartition& partition, const CommittedOffset& committed) const;
  void drop_stale();
  void take_away_pending(const std::string& group_id, std::vector<GroupRecord>& records);
  void append(const std::string& group_id, std::vector<GroupRecord> records,
              std::function<void(wire::ErrorCode)> done);
  Result<Offset> write(Partition& partition, const std::vector<GroupRecord>& records);

  env::Env env_;
  env::EventLoop& loop_;
  const ServerConfig& config_;
  Notices& notices_;
  Topics& topics_;
  Syncer& syncer_;
  GroupLimits limits_;
  std::map<std::string, Entry> entries_;
  PendingOffsets pending_offsets_;
  std::map<std::string, GroupSnapshot> loading_;  ///< while load() runs
  std::map<const Partition*, std::deque<Pending>> pending_;
  record::BatchBuilder builder_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace sluice::broker
