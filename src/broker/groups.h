// The groups this broker coordinates, and their durable state: records of __consumer_offsets.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/config.h"
#include "broker/consumer_group.h"
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
class Groups final : public GroupHost, public ConsumerGroupHost {
 public:
  struct Entry {
    // Exactly one of the two:
    std::unique_ptr<Group> classic;
    std::unique_ptr<ConsumerGroup> consumer;
    GroupOffsets offsets;
    std::optional<GroupSnapshot> persisted;  ///< of a finished rebalance: what a restart would find
    /// Of a consumer group, what the log says: keys and values, without what was taken away since.
    std::map<Bytes, Bytes> records;
    std::vector<GroupRecord> before_next;  ///< to be written with the consumer group's next records

    bool empty() const;  ///< no member
    std::string_view type() const { return classic != nullptr ? "classic" : "consumer"; }
    std::string_view state_name() const;
    std::string_view protocol_type() const;
    bool is_subscribed_to(const std::string& topic) const;
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
  /// The group, made as an empty classic one where it is missing.
  Entry& get(const std::string& group_id);
  const std::map<std::string, Entry>& all() const { return entries_; }

  /// JoinGroup, to a group of either kind; an empty consumer group becomes a classic one.
  void join(const std::string& group_id, JoinRequest request, JoinReply reply);
  /// ConsumerGroupHeartbeat; a classic group becomes a consumer group where it may (group.consumer.migration.
  /// policy). GROUP_ID_NOT_FOUND where not.
  void heartbeat(const std::string& group_id, HeartbeatRequest request, HeartbeatReply reply);
  /// Whether `committer` may commit positions of these partitions in this group, which need not be there:
  /// UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION, STALE_MEMBER_EPOCH, REBALANCE_IN_PROGRESS,
  /// GROUP_ID_NOT_FOUND, UNSUPPORTED_VERSION.
  wire::ErrorCode check_commit(const std::string& group_id, const Committer& committer,
                               const CommittedPartitions& partitions);

  /// Where a group's own settings are looked up ("consumer.session.timeout.ms"); without it the server's
  /// hold.
  void set_group_number(std::function<std::int64_t(std::string_view group, std::string_view name)> number) {
    group_number_ = std::move(number);
  }

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

  // GroupHost and ConsumerGroupHost
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
  void unused(const std::string& group_id) override;
  std::string new_member_id() override { return to_string(env_.random->next_uuid()); }
  ConsumerGroupSettings settings(const std::string& group_id) override;
  std::optional<TopicFacts> topic(std::string_view name) override;
  std::optional<TopicFacts> topic(Uuid id) override;
  std::vector<std::string> topic_names() override;
  std::int64_t topics_version() override { return topics_.version(); }
  std::int64_t topic_made_version() override { return topics_.made_version(); }
  void write(const std::string& group_id, std::vector<ConsumerGroupRecord> records,
             std::function<void(wire::ErrorCode)> done) override;
  void downgrade(ConsumerGroup& group, const std::set<std::string>& leaving, bool rebalance,
                 std::function<void(wire::ErrorCode)> done) override;

 private:
  struct Pending {
    Offset end;  ///< of its batch: not durable below it yet
    std::string group;
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
  void removed(const std::string& group_id);
  void take_away_pending(const std::string& group_id, std::vector<GroupRecord>& records);
  /// False where nothing was written (`done` has heard it).
  bool append(const std::string& group_id, std::vector<GroupRecord> records,
              std::function<void(wire::ErrorCode)> done);
  Result<Offset> write(Partition& partition, const std::vector<GroupRecord>& records);
  void await(const std::string& group_id, Partition& partition, Offset end, std::vector<GroupRecord> records,
             std::function<void(wire::ErrorCode)> done);
  std::set<std::string> in_flight() const;
  bool is_expired(const Entry& entry, const log::TopicPartition& partition, const CommittedOffset& committed,
                  std::int64_t now_ms) const;

  // groups_consumer.cc
  void keep(const std::string& group_id, const std::vector<GroupRecord>& records);
  Result<bool> apply_consumer(BytesView key, const std::optional<BytesView>& value);
  std::unique_ptr<ConsumerGroup> restore_consumer(const std::string& group_id, const Entry& entry);
  /// What was written last becomes the state again.
  void reload(const std::string& group_id);
  void bury(Entry& entry, wire::ErrorCode error);
  static std::vector<GroupRecord> consumer_tombstones(const Entry& entry);
  Result<std::vector<ConsumerGroupRecord>> upgrade_records(const Group& group);

  env::Env env_;
  env::EventLoop& loop_;
  const ServerConfig& config_;
  Notices& notices_;
  Topics& topics_;
  Syncer& syncer_;
  GroupLimits limits_;
  std::function<std::int64_t(std::string_view, std::string_view)> group_number_;
  std::map<std::string, Entry> entries_;
  PendingOffsets pending_offsets_;
  std::map<std::string, GroupSnapshot> loading_;  ///< while load() runs
  // Groups that were replaced while one of their own functions ran.
  std::vector<std::unique_ptr<Group>> buried_classic_;
  std::vector<std::unique_ptr<ConsumerGroup>> buried_consumer_;
  std::map<const Partition*, std::deque<Pending>> pending_;
  record::BatchBuilder builder_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace sluice::broker
