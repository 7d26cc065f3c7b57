// One classic consumer group: who is in it, which generation it has, and how it gets from one to the next.
//
// The state machine is Kafka's (KIP-62 background heartbeats, KIP-394 member ids first, KIP-345 static
// members, KIP-814 skipped assignment). It knows no sockets and no files: time, ids and durability come from
// a GroupHost.
//
//        Empty --join--> PreparingRebalance --all rejoined or time is up--> CompletingRebalance
//          ^                  ^   |  nobody left                                  |  the leader's assignment
//          |                  |   +----------> Empty                              |  is durable
//          |                  +---- a member comes, changes, leaves ---- Stable <-+
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "env/clock.h"
#include "env/net.h"
#include "wire/errors.h"

namespace sluice::broker {

enum class GroupState : std::uint8_t { empty, preparing_rebalance, completing_rebalance, stable, dead };
/// Kafka's spelling: "PreparingRebalance".
std::string_view name(GroupState state);

struct GroupProtocol {
  std::string name;
  Bytes metadata;
  friend bool operator==(const GroupProtocol&, const GroupProtocol&) = default;
};

struct JoinRequest {
  std::string member_id;  ///< empty: the first time
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  std::int32_t rebalance_timeout_ms = 0;
  std::int32_t session_timeout_ms = 0;
  std::string protocol_type;
  std::vector<GroupProtocol> protocols;    ///< the member's preference, best first
  bool member_id_required = false;         ///< version 4 and later: an unknown member is told its id first
  bool skip_assignment_supported = false;  ///< version 9 and later
};

struct JoinAnswer {
  wire::ErrorCode error{};
  std::int32_t generation = -1;
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  std::string leader;
  std::string member_id;
  bool skip_assignment = false;
  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    Bytes metadata;
  };
  std::vector<Member> members;  ///< of the leader's answer only
};
using JoinReply = std::function<void(JoinAnswer)>;

struct SyncRequest {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::int32_t generation = -1;
  std::optional<std::string> protocol_type;  ///< null where the version does not carry it
  std::optional<std::string> protocol;
  std::vector<std::pair<std::string, Bytes>> assignments;  ///< the leader's: member id -> assignment
};
struct SyncAnswer {
  wire::ErrorCode error{};
  std::optional<std::string> protocol_type;
  std::optional<std::string> protocol;
  Bytes assignment;
};
using SyncReply = std::function<void(SyncAnswer)>;

struct LeavingMember {
  std::string member_id;
  std::optional<std::string> instance_id;
};

/// What a group needs from outside; all calls are on the loop's thread.
class GroupHost {
 public:
  virtual ~GroupHost() = default;
  virtual env::Instant now() = 0;
  virtual std::int64_t wall_ms() = 0;
  virtual env::EventLoop::Timer after(env::Duration delay, std::function<void()> action) = 0;
  virtual void cancel(env::EventLoop::Timer timer) = 0;
  /// Text that no other member id ever had.
  virtual std::string unique_text() = 0;
  /// Makes the group's snapshot durable, then calls `done` with none or with what a client shall be told.
  virtual void persist(const std::string& group_id, std::function<void(wire::ErrorCode)> done) = 0;
  /// Of a group that nobody ever joined, the last id that was handed out is given up: it may be forgotten.
  virtual void unused(const std::string& group_id) = 0;
};

struct GroupLimits {
  std::int64_t members_max = 0;
  std::int64_t initial_rebalance_delay_ms = 0;
  std::size_t pending_max = 10'000;  ///< ids handed out to who has not joined with them yet
};

/// What is kept of a group over a restart.
struct GroupSnapshot {
  std::string protocol_type;
  std::int32_t generation = 0;
  std::optional<std::string> protocol;
  std::optional<std::string> leader;
  std::int64_t state_since_ms = 0;
  struct Member {
    std::string id;
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::int32_t rebalance_timeout_ms = 0;
    std::int32_t session_timeout_ms = 0;
    Bytes subscription;  ///< metadata of the chosen protocol
    Bytes assignment;
  };
  std::vector<Member> members;
};

class Group {
 public:
  /// `host` is borrowed and outlives the group.
  Group(std::string id, GroupHost& host, GroupLimits limits);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /// Answers at once or when the join phase ends.
  void join(JoinRequest request, JoinReply reply);
  /// Answers at once or when the leader's assignment is durable.
  void sync(SyncRequest request, SyncReply reply);
  wire::ErrorCode heartbeat(const std::string& member_id, const std::optional<std::string>& instance_id,
                            std::int32_t generation);
  /// Where an instance id is given, the member id may be empty. All go before the rest rebalances.
  std::vector<wire::ErrorCode> leave(const std::vector<LeavingMember>& leaving);
  wire::ErrorCode leave(const std::string& member_id, const std::optional<std::string>& instance_id);
  /// Whether this member of this generation may commit offsets; also counts as a sign of life.
  wire::ErrorCode check_commit(const std::string& member_id, const std::optional<std::string>& instance_id,
                               std::int32_t generation);

  /// The same for positions in a transaction (KIP-447): its producer may leave all of it out, and a rebalance
  /// does not keep it from committing what it has read.
  wire::ErrorCode check_pending_commit(const std::string& member_id,
                                       const std::optional<std::string>& instance_id,
                                       std::int32_t generation) const;

  /// For a group of which only offsets are known, or that was read back after a restart. A restored member
  /// has one session time-out from now to show itself.
  void restore(GroupSnapshot snapshot);
  GroupSnapshot snapshot() const;
  /// A consumer group goes on as this one: as restore(), with all the protocols that each member offers, and
  /// the assignment as what it held there. The protocol is voted for; the snapshot's is not looked at.
  void adopt(GroupSnapshot snapshot, std::map<std::string, std::vector<GroupProtocol>> protocols);
  /// What a member that is there offers.
  const std::vector<GroupProtocol>& protocols_of(const std::string& member_id) const {
    return members_.at(member_id).protocols;
  }
  /// Members have to join again.
  void rebalance();
  /// No member comes in any more; who waits is told `error`.
  void kill(wire::ErrorCode error = wire::ErrorCode::coordinator_not_available);
  /// What the members of protocol type "consumer" subscribe to; nullopt where that cannot be known.
  std::optional<std::set<std::string>> subscribed_topics() const;
  bool is_subscribed_to(const std::string& topic) const;

  const std::string& id() const { return id_; }
  GroupState state() const { return state_; }
  std::int64_t state_since_ms() const { return state_since_ms_; }
  const std::string& protocol_type() const { return protocol_type_; }
  std::int32_t generation() const { return generation_; }
  std::size_t member_count() const { return members_.size(); }
  std::size_t pending_count() const { return pending_.size(); }

 private:
  struct Member {
    GroupSnapshot::Member facts;
    std::vector<GroupProtocol> protocols;
    JoinReply awaiting_join;
    SyncReply awaiting_sync;
    bool is_new = false;
    bool sync_pending = false;  ///< joined this generation, has not synced yet
    env::Instant deadline;      ///< of the session
    env::EventLoop::Timer timer = 0;
  };
  using Members = std::map<std::string, Member>;

  std::string new_id(std::string_view name);
  void join_unknown(JoinRequest request, JoinReply reply);
  void join_known(JoinRequest request, JoinReply reply);
  void join_current(Member& member, const JoinReply& reply);
  void add_member(const std::string& member_id, JoinRequest request, JoinReply reply);
  void update_member(Member& member, JoinRequest request, JoinReply reply);
  void replace_static(const std::string& old_id, JoinRequest request, JoinReply reply);
  void keep_static_generation(const std::string& member_id, bool skip_supported, JoinReply reply,
                              const std::string& old_id);
  void add_pending(const std::string& member_id, std::int32_t session_timeout_ms);
  void remove_pending(const std::string& member_id);
  void remove_member(Members::iterator at);
  wire::ErrorCode remove_leaving(const LeavingMember& leaving, bool& removed);
  bool has_room_for(const std::string& member_id) const;

  void prepare_rebalance();
  void extend_initial_delay();
  void maybe_complete_join();
  void complete_join();
  void start_generation();
  void propagate_assignments();
  void fail_syncs(wire::ErrorCode error);
  void settle_syncs();
  void expire_unsynced(std::int32_t generation);
  bool all_joined() const;

  wire::ErrorCode check_member(const std::string& member_id,
                               const std::optional<std::string>& instance_id) const;
  bool supports(const JoinRequest& request) const;
  std::string choose_protocol() const;
  void set_state(GroupState state);
  void touch(Member& member);
  void watch(const std::string& member_id, Member& member);
  void on_session_timer(const std::string& member_id);
  std::int32_t rebalance_timeout_ms() const;
  void arm_phase_timer(std::int64_t delay_ms, std::function<void()> action);

  std::string id_;
  GroupHost& host_;
  GroupLimits limits_;
  GroupState state_ = GroupState::empty;
  std::int64_t state_since_ms_ = 0;
  std::string protocol_type_;
  std::optional<std::string> protocol_;
  std::optional<std::string> leader_;
  std::int32_t generation_ = 0;
  Members members_;
  std::map<std::string, std::string> static_ids_;         ///< instance id -> member id
  std::map<std::string, env::EventLoop::Timer> pending_;  ///< ids handed out, not yet joined
  env::EventLoop::Timer phase_timer_ = 0;                 ///< of the join phase or the sync phase
  bool initial_delay_ = false;                            ///< the first join phase waits for more members
  bool member_added_ = false;                             ///< since the initial delay was last looked at
  std::int64_t initial_delay_left_ms_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  ///< callbacks hold it weakly
};

}  // namespace sluice::broker
