// One consumer group (KIP-848): the coordinator assigns, members only say by heartbeat what they want and
// what they hold.
//
// The group has an epoch, which grows whenever who is in it, what they subscribe to, or those topics change.
// The target assignment is computed for an epoch; each member goes towards it by itself (reconcile.h) and has
// reached it when its own epoch is the target's. A partition belongs to at most one member at any time.
// Members that still speak the classic protocol (JoinGroup, SyncGroup) are served as well: an online upgrade.
//
//        Empty --heartbeat with epoch 0--> Assigning --target computed--> Reconciling --all reached it-->
//        Stable
//          ^                                  ^                                                            |
//          +-------- the last one left -------+------------ epoch grows: member, subscription, topic ------+
//
// State changes only by records (consumer_member.h), the same ones that are kept in __consumer_offsets; an
// answer is given when those it rests on are durable. It knows no sockets and no files.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/assignors.h"
#include "broker/consumer_member.h"
#include "broker/group.h"

namespace sluice::broker {

/// What group.consumer.* say.
struct ConsumerGroupSettings {
  std::vector<Assignor> assignors{Assignor::uniform, Assignor::range};  ///< the first is the default
  std::int64_t members_max = 0;
  std::int32_t session_timeout_ms = 45'000;
  std::int32_t heartbeat_interval_ms = 5'000;
  std::int32_t assignment_interval_ms = 1'000;  ///< between two target assignments
  std::int32_t regex_refresh_interval_ms = 600'000;
  bool upgrade_allowed = true;    ///< of a classic group with members
  bool downgrade_allowed = true;  ///< to a classic group with members
  std::int64_t classic_members_max = 0;
};

struct TopicFacts {
  Uuid id;
  std::string name;
  std::int32_t partition_count = 0;
};

struct HeartbeatRequest {
  std::string member_id;
  std::int32_t epoch = 0;
  std::string client_id;
  std::string client_host;
  // What is not there has not changed since the last heartbeat.
  std::optional<std::string> instance_id;
  std::optional<std::string> rack_id;
  std::int32_t rebalance_timeout_ms = -1;
  std::optional<std::set<std::string>> topics;
  std::optional<std::string> regex;
  std::optional<std::string> assignor;
  std::optional<TopicPartitions> owned;
  /// Of topics that a pattern matches; empty: all may be. Called while the request is worked on.
  std::function<bool(const std::string& topic)> may_describe;
};
struct HeartbeatAnswer {
  wire::ErrorCode error{};
  std::string message;  ///< of an error
  std::string member_id;
  std::int32_t epoch = 0;
  std::int32_t heartbeat_interval_ms = 0;
  std::optional<TopicPartitions> assignment;  ///< what the member may use; nullopt: as before
};
using HeartbeatReply = std::function<void(HeartbeatAnswer)>;

/// Who commits or fetches positions.
struct Committer {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::int32_t generation = -1;  ///< or member epoch
  bool transactional = false;
  std::int16_t version = 0;  ///< of OffsetCommit
};
using CommittedPartitions = std::vector<std::pair<Uuid, std::int32_t>>;

class ConsumerGroup;

/// What a consumer group needs from outside; all calls are on the loop's thread.
class ConsumerGroupHost {
 public:
  virtual ~ConsumerGroupHost() = default;
  virtual env::Instant now() = 0;
  virtual std::int64_t wall_ms() = 0;
  virtual env::EventLoop::Timer after(env::Duration delay, std::function<void()> action) = 0;
  virtual void cancel(env::EventLoop::Timer timer) = 0;
  /// A member id that nobody ever had.
  virtual std::string new_member_id() = 0;
  virtual ConsumerGroupSettings settings(const std::string& group_id) = 0;

  virtual std::optional<TopicFacts> topic(std::string_view name) = 0;
  virtual std::optional<TopicFacts> topic(Uuid id) = 0;
  virtual std::vector<std::string> topic_names() = 0;
  /// Grows with each topic made, deleted or enlarged.
  virtual std::int64_t topics_version() = 0;
  /// topics_version() when the newest topic was made.
  virtual std::int64_t topic_made_version() = 0;

  /// Makes `records`, and everything written before them, durable; then calls `done` with none, or with what
  /// a client shall be told. Where they could not even be written, the group has been replaced by one that
  /// knows nothing of them: the caller touches nothing of its group afterwards.
  virtual void write(const std::string& group_id, std::vector<ConsumerGroupRecord> records,
                     std::function<void(wire::ErrorCode)> done) = 0;
  /// The last member of KIP-848 is about to leave or to be replaced, and only members of the classic protocol
  /// stay: replaces the group by a classic one without `leaving`, and calls `done` when that is durable. The
  /// caller touches nothing of its group afterwards.
  virtual void downgrade(ConsumerGroup& group, const std::set<std::string>& leaving, bool rebalance,
                         std::function<void(wire::ErrorCode)> done) = 0;
};

class ConsumerGroup {
 public:
  /// `host` is borrowed and outlives the group.
  ConsumerGroup(std::string id, ConsumerGroupHost& host);
  ~ConsumerGroup();
  ConsumerGroup(const ConsumerGroup&) = delete;
  ConsumerGroup& operator=(const ConsumerGroup&) = delete;

  struct Member {
    MemberMetadata metadata;
    CurrentAssignment current;
  };

  // ---- KIP-848 ----

  /// What heartbeat() would refuse the request with, without doing anything.
  std::optional<HeartbeatAnswer> refusal(const HeartbeatRequest& request) const;
  /// `request` is well-formed (handlers/68). Answered when what it changed is durable.
  void heartbeat(HeartbeatRequest request, HeartbeatReply reply);

  // ---- members of the classic protocol ----

  void join(JoinRequest request, JoinReply reply);
  void sync(const SyncRequest& request, SyncReply reply);
  wire::ErrorCode classic_heartbeat(const std::string& member_id,
                                    const std::optional<std::string>& instance_id, std::int32_t generation);
  /// One error for each; all that may leave do so together.
  void leave(const std::vector<LeavingMember>& leaving,
             std::function<void(std::vector<wire::ErrorCode>)> reply);

  // ---- positions ----

  /// Whether positions of these partitions may be committed; STALE_MEMBER_EPOCH and ILLEGAL_GENERATION also
  /// where one of them was not the member's yet in the epoch it names (KIP-1251).
  wire::ErrorCode check_commit(const Committer& committer, const CommittedPartitions& partitions) const;
  wire::ErrorCode check_fetch(const std::optional<std::string>& member_id, std::int32_t epoch) const;
  bool is_subscribed_to(const std::string& topic) const;

  // ---- over a restart, and from and to classic groups ----

  /// Takes in a record that is on disk already.
  void apply(const ConsumerGroupRecord& record);
  /// Takes in records that are written with the next answer.
  void prime(std::vector<ConsumerGroupRecord> records);
  /// After the last record: sessions begin anew.
  void start();
  /// Ends every timer: nothing happens by itself any more.
  void retire();

  const std::string& id() const { return id_; }
  bool empty() const { return members_.empty(); }
  /// "Empty", "Assigning", "Reconciling", "Stable".
  std::string_view state_name() const;
  std::int32_t epoch() const { return epoch_.epoch; }
  std::int32_t target_epoch() const { return target_epoch_.epoch; }
  const std::map<std::string, Member>& members() const { return members_; }
  const TopicPartitions& target_of(const std::string& member_id) const;
  Assignor preferred_assignor() const;

 private:
  struct Timers {
    env::EventLoop::Timer session = 0;
    env::Instant session_deadline;
    env::EventLoop::Timer rebalance = 0;  ///< to give partitions up
    env::EventLoop::Timer join = 0;       ///< classic: to join again
    env::EventLoop::Timer sync = 0;       ///< classic: to ask for the assignment
  };
  using Members = std::map<std::string, Member>;
  struct SubscriptionChange {
    bool any = false;
    bool counts =
        false;  ///< for the group's epoch: a pattern that is new counts when it is known to mean topics
  };

  // consumer_group.cc
  std::optional<HeartbeatAnswer> refuse_pattern(const HeartbeatRequest& request) const;
  std::optional<HeartbeatAnswer> refuse_dynamic(const HeartbeatRequest& request) const;
  std::optional<HeartbeatAnswer> refuse_static(const HeartbeatRequest& request) const;
  std::optional<HeartbeatAnswer> refuse_epoch(const Member& member, const HeartbeatRequest& request) const;
  void leave_by_heartbeat(const HeartbeatRequest& request, HeartbeatReply reply);
  void replace_static_member(const std::string& old_id, const std::string& new_id);
  SubscriptionChange update_metadata(const std::string& member_id, MemberMetadata updated);
  void forget_regex_unless_used(const std::string& regex);
  bool refresh_regexes(const std::function<bool(const std::string&)>& may_describe);
  void refresh_topics(bool changed);
  void refresh_target();
  bool reconcile_member(const std::string& member_id, bool subscription_changed,
                        const std::optional<TopicPartitions>& owned);
  void fence(const std::set<std::string>& member_ids, std::function<void(wire::ErrorCode)> done);
  bool downgrades_without(const std::set<std::string>& member_ids) const;
  void emit(ConsumerGroupRecord record);
  void flush(std::function<void(wire::ErrorCode)> done);

  // consumer_group_state.cc: what records do, and questions
  void take(const GroupEpochRecord& record);
  void take(const PartitionMetadataRecord& record);
  void take(const MemberMetadataRecord& record);
  void take(const TargetEpochRecord& record);
  void take(const TargetMemberRecord& record);
  void take(const CurrentAssignmentRecord& record);
  void take(const RegexRecord& record);
  void set_current(const std::string& member_id, Member& member, CurrentAssignment current);
  const std::string* static_member(const std::optional<std::string>& instance_id) const;
  std::set<std::string> topics_of(const MemberMetadata& metadata) const;
  std::set<Uuid> topic_ids_of(const MemberMetadata& metadata) const;
  std::uint64_t metadata_hash() const;
  std::size_t subscriber_count(const std::string& regex) const;
  std::size_t classic_count() const;
  bool is_held(Uuid topic, std::int32_t partition) const;

  // consumer_group_classic.cc
  bool supports_classic(const JoinRequest& request) const;
  wire::ErrorCode check_classic(const std::string& member_id, const std::optional<std::string>& instance_id,
                                std::int32_t generation) const;
  wire::ErrorCode admit_classic(JoinRequest& request, bool was_unknown);
  bool waits_for_others(const std::string& member_id) const;
  void answer_join(const std::string& member_id, JoinReply reply);

  // consumer_group_timers.cc
  void begin_session(const std::string& member_id);
  std::int32_t session_timeout_ms(const std::string& member_id) const;
  void on_session_timer(const std::string& member_id);
  void arm(env::EventLoop::Timer Timers::* which, const std::string& member_id, std::int64_t delay_ms);
  void disarm(env::EventLoop::Timer Timers::* which, const std::string& member_id);
  void cancel_timers(const std::string& member_id);

  std::string id_;
  ConsumerGroupHost& host_;
  GroupEpochRecord::Value epoch_{1, 0};
  TargetEpochRecord::Value target_epoch_{1, 0};
  Members members_;
  std::map<std::string, std::string> static_ids_;  ///< instance id -> member id
  std::map<std::string, TopicPartitions> targets_;
  std::map<std::string, ResolvedRegex> regexes_;
  std::map<Uuid, std::map<std::int32_t, std::string>> holders_;  ///< of partitions, given up or not
  bool partition_metadata_there_ = false;                        ///< a record of Kafka 4.0 is to be removed
  std::int64_t topics_version_ = -1;                             ///< that epoch_.metadata_hash is of
  std::map<std::string, Timers> timers_;
  std::vector<ConsumerGroupRecord> unwritten_;  ///< of the request at hand
};

}  // namespace sluice::broker
