#include "broker/group.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "broker/consumer_protocol.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
constexpr std::int64_t new_member_join_timeout_ms = 300'000;  // Kafka's: a join that nobody completes

env::Duration milliseconds(std::int64_t ms) {
  return std::chrono::milliseconds(ms);
}

JoinAnswer refused(ErrorCode error, std::string member_id) {
  JoinAnswer answer;
  answer.error = error;
  answer.member_id = std::move(member_id);
  return answer;
}

bool same_protocols(const std::vector<GroupProtocol>& a, const std::vector<GroupProtocol>& b) {
  return std::ranges::equal(a, b, [](const GroupProtocol& x, const GroupProtocol& y) {
    return x.name == y.name && x.metadata == y.metadata;
  });
}

const GroupProtocol* find_protocol(const std::vector<GroupProtocol>& protocols, std::string_view wanted) {
  const auto found = std::ranges::find(protocols, wanted, &GroupProtocol::name);
  return found == protocols.end() ? nullptr : &*found;
}

}  // namespace

std::string_view name(GroupState state) {
  switch (state) {
    case GroupState::empty:
      return "Empty";
    case GroupState::preparing_rebalance:
      return "PreparingRebalance";
    case GroupState::completing_rebalance:
      return "CompletingRebalance";
    case GroupState::stable:
      return "Stable";
    case GroupState::dead:
      return "Dead";
  }
  return "Unknown";
}

Group::Group(std::string id, GroupHost& host, GroupLimits limits)
    : id_(std::move(id)), host_(host), limits_(limits), state_since_ms_(host.wall_ms()) {}

Group::~Group() {
  host_.cancel(phase_timer_);
  for (auto& [id, member] : members_) host_.cancel(member.timer);
  for (auto& [id, timer] : pending_) host_.cancel(timer);
}

// ---- joining ----

void Group::join(JoinRequest request, JoinReply reply) {
  if (state_ == GroupState::dead)
    return reply(refused(ErrorCode::coordinator_not_available, request.member_id));
  if (!has_room_for(request.member_id)) {
    remove_pending(request.member_id);
    return reply(refused(ErrorCode::group_max_size_reached, ""));
  }
  if (!supports(request)) return reply(refused(ErrorCode::inconsistent_group_protocol, request.member_id));
  if (request.member_id.empty()) {
    join_unknown(std::move(request), std::move(reply));
  } else {
    join_known(std::move(request), std::move(reply));
  }
}

/// Who is in already always has a place; before the members of a generation are known, those count that wait.
bool Group::has_room_for(const std::string& member_id) const {
  const auto known = members_.find(member_id);
  if (state_ == GroupState::empty) return true;
  if (state_ != GroupState::preparing_rebalance)
    return known != members_.end() || std::ssize(members_) < limits_.members_max;
  if (known != members_.end() && known->second.awaiting_join) return true;
  const auto waiting = std::ranges::count_if(
      members_, [](const auto& entry) { return entry.second.awaiting_join != nullptr; });
  return waiting < limits_.members_max;
}

/// A member's id has to fit into a string of the protocol, however long the name it begins with.
std::string Group::new_id(std::string_view name) {
  constexpr std::size_t name_bytes_max = 1024;
  return std::string{name.substr(0, name_bytes_max)} + "-" + host_.unique_text();
}

void Group::join_unknown(JoinRequest request, JoinReply reply) {
  if (request.instance_id) {
    if (const auto known = static_ids_.find(*request.instance_id); known != static_ids_.end()) {
      const std::string old_id = known->second;  // replacing changes the map
      return replace_static(old_id, std::move(request), std::move(reply));
    }
    const std::string id = new_id(*request.instance_id);
    return add_member(id, std::move(request), std::move(reply));
  }
  const std::string id = new_id(request.client_id);
  if (request.member_id_required) {
    if (pending_.size() >= limits_.pending_max) return reply(refused(ErrorCode::group_max_size_reached, ""));
    add_pending(id, request.session_timeout_ms);
    return reply(refused(ErrorCode::member_id_required, id));
  }
  add_member(id, std::move(request), std::move(reply));
}

void Group::join_known(JoinRequest request, JoinReply reply) {
  const std::string id = request.member_id;
  if (pending_.contains(id)) {
    if (request.instance_id) return reply(refused(ErrorCode::unknown_member_id, id));
    remove_pending(id);
    return add_member(id, std::move(request), std::move(reply));
  }
  if (const ErrorCode error = check_member(id, request.instance_id); error != ErrorCode::none)
    return reply(refused(error, id));
  Member& member = members_.at(id);
  const bool same = same_protocols(member.protocols, request.protocols);
  switch (state_) {
    case GroupState::preparing_rebalance:
      return update_member(member, std::move(request), std::move(reply));
    case GroupState::completing_rebalance:
      if (same) return join_current(member, reply);  // its answer was lost: the same generation again
      return update_member(member, std::move(request), std::move(reply));
    case GroupState::stable:
      if (same && leader_ != id) return join_current(member, reply);
      return update_member(member, std::move(request),
                           std::move(reply));  // the leader asks for a new assignment
    case GroupState::empty:
    case GroupState::dead:
      return reply(refused(ErrorCode::unknown_member_id, id));
  }
}

void Group::join_current(Member& member, const JoinReply& reply) {
  JoinAnswer answer;
  answer.error = ErrorCode::none;
  answer.generation = generation_;
  answer.protocol_type = protocol_type_;
  answer.protocol = protocol_;
  answer.leader = leader_.value_or("");
  answer.member_id = member.facts.id;
  if (leader_ == member.facts.id && state_ == GroupState::completing_rebalance) {
    for (const auto& [id, other] : members_) {
      const GroupProtocol* chosen = find_protocol(other.protocols, protocol_.value_or(""));
      answer.members.push_back(
          {id, other.facts.instance_id, chosen == nullptr ? other.facts.subscription : chosen->metadata});
    }
  }
  touch(member);
  reply(std::move(answer));
}

void Group::add_member(const std::string& member_id, JoinRequest request, JoinReply reply) {
  if (members_.empty()) protocol_type_ = request.protocol_type;
  auto [at, added] = members_.try_emplace(member_id);
  SLUICE_ASSERT(added);
  Member& member = at->second;
  member.facts.id = member_id;
  member.facts.instance_id = request.instance_id;
  member.facts.client_id = std::move(request.client_id);
  member.facts.client_host = std::move(request.client_host);
  member.facts.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.facts.session_timeout_ms = request.session_timeout_ms;
  member.protocols = std::move(request.protocols);
  member.awaiting_join = std::move(reply);
  member.is_new = true;
  if (member.facts.instance_id) static_ids_[*member.facts.instance_id] = member_id;
  if (!leader_) leader_ = member_id;
  member_added_ = true;
  watch(member_id, member);
  rebalance();
}

void Group::update_member(Member& member, JoinRequest request, JoinReply reply) {
  member.facts.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.facts.session_timeout_ms = request.session_timeout_ms;
  member.protocols = std::move(request.protocols);
  if (member.awaiting_join) {  // it asked again on another connection: the older request ends
    std::exchange(member.awaiting_join, nullptr)(refused(ErrorCode::rebalance_in_progress, member.facts.id));
  }
  member.awaiting_join = std::move(reply);
  touch(member);
  rebalance();
}

// A static member came back without its member id: it takes over the slot, and its former self is fenced. As
// in Kafka, who describes the group is told the client that the slot was made for.
void Group::replace_static(const std::string& old_id, JoinRequest request, JoinReply reply) {
  const std::string id = new_id(*request.instance_id);
  auto node = members_.extract(old_id);
  SLUICE_ASSERT(!node.empty());
  node.key() = id;
  Member& member = members_.insert(std::move(node)).position->second;
  host_.cancel(std::exchange(member.timer, 0));
  member.facts.id = id;
  static_ids_[*request.instance_id] = id;
  if (leader_ == old_id) leader_ = id;
  if (member.awaiting_join)
    std::exchange(member.awaiting_join, nullptr)(refused(ErrorCode::fenced_instance_id, old_id));
  if (member.awaiting_sync) {
    SyncAnswer fenced;
    fenced.error = ErrorCode::fenced_instance_id;
    std::exchange(member.awaiting_sync, nullptr)(std::move(fenced));
  }
  const bool skip_supported = request.skip_assignment_supported;
  member.facts.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.facts.session_timeout_ms = request.session_timeout_ms;
  member.protocols = std::move(request.protocols);
  watch(id, member);
  if (state_ == GroupState::stable && protocol_ == choose_protocol())
    return keep_static_generation(id, skip_supported, std::move(reply), old_id);
  member.awaiting_join = std::move(reply);
  rebalance();
}

// No rebalance for a static member that came back in time (KIP-345); its leader need not assign again
// (KIP-814).
void Group::keep_static_generation(const std::string& member_id, bool skip_supported, JoinReply reply,
                                   const std::string& old_id) {
  const auto answer = [this, weak = std::weak_ptr(alive_), member_id, skip_supported,
                       reply = std::move(reply), old_id](ErrorCode error) {
    if (weak.expired())  // it became a consumer group meanwhile
      return reply(refused(ErrorCode::rebalance_in_progress, member_id));
    const auto at = members_.find(member_id);
    if (error != ErrorCode::none || at == members_.end())
      return reply(refused(error == ErrorCode::none ? ErrorCode::unknown_member_id : error, member_id));
    if (state_ != GroupState::stable) {  // a rebalance began meanwhile: it takes part
      at->second.awaiting_join = reply;
      return rebalance();
    }
    JoinAnswer joined;
    joined.generation = generation_;
    joined.protocol_type = protocol_type_;
    joined.protocol = protocol_;
    joined.member_id = member_id;
    const bool leads = leader_ == member_id;
    joined.leader = leads && !skip_supported ? old_id : leader_.value_or("");
    joined.skip_assignment = leads && skip_supported;
    if (joined.skip_assignment) {
      for (const auto& [id, other] : members_) {
        const GroupProtocol* chosen = find_protocol(other.protocols, protocol_.value_or(""));
        joined.members.push_back(
            {id, other.facts.instance_id, chosen == nullptr ? other.facts.subscription : chosen->metadata});
      }
    }
    reply(std::move(joined));
  };
  host_.persist(id_, answer);
}

void Group::add_pending(const std::string& member_id, std::int32_t session_timeout_ms) {
  pending_[member_id] = host_.after(milliseconds(session_timeout_ms), [this, member_id] {
    pending_[member_id] = 0;
    remove_pending(member_id);
    maybe_complete_join();
    if (pending_.empty() && members_.empty() && generation_ == 0) host_.unused(id_);
  });
}

void Group::remove_pending(const std::string& member_id) {
  const auto at = pending_.find(member_id);
  if (at == pending_.end()) return;
  host_.cancel(at->second);
  pending_.erase(at);
}

// ---- the join phase ----

void Group::rebalance() {
  if (state_ == GroupState::preparing_rebalance) return maybe_complete_join();
  prepare_rebalance();
}

void Group::prepare_rebalance() {
  if (state_ == GroupState::completing_rebalance) fail_syncs(ErrorCode::rebalance_in_progress);
  const bool first = state_ == GroupState::empty;
  set_state(GroupState::preparing_rebalance);
  if (first && limits_.initial_rebalance_delay_ms > 0) {
    initial_delay_ = true;
    member_added_ = false;
    initial_delay_left_ms_ =
        std::max<std::int64_t>(rebalance_timeout_ms() - limits_.initial_rebalance_delay_ms, 0);
    return arm_phase_timer(limits_.initial_rebalance_delay_ms, [this] { extend_initial_delay(); });
  }
  if (first || all_joined()) return complete_join();  // whoever only has an id yet is not waited for
  arm_phase_timer(rebalance_timeout_ms(), [this] { complete_join(); });
}

void Group::extend_initial_delay() {
  if (member_added_ && initial_delay_left_ms_ > 0) {
    member_added_ = false;
    const std::int64_t delay = std::min(limits_.initial_rebalance_delay_ms, initial_delay_left_ms_);
    initial_delay_left_ms_ -= delay;
    return arm_phase_timer(delay, [this] { extend_initial_delay(); });
  }
  complete_join();
}

void Group::maybe_complete_join() {
  if (state_ == GroupState::preparing_rebalance && !initial_delay_ && all_joined()) complete_join();
}

bool Group::all_joined() const {
  return pending_.empty() && std::ranges::all_of(members_, [](const auto& entry) {
           return entry.second.awaiting_join != nullptr;
         });
}

void Group::complete_join() {
  host_.cancel(std::exchange(phase_timer_, 0));
  initial_delay_ = false;
  for (auto at = members_.begin(); at != members_.end();) {  // who did not rejoin is out, unless it is static
    const auto next = std::next(at);
    if (!at->second.awaiting_join && !at->second.facts.instance_id) remove_member(at);
    at = next;
  }
  if (!members_.empty() && !members_.at(*leader_).awaiting_join) {
    const auto joined = std::ranges::find_if(
        members_, [](const auto& entry) { return entry.second.awaiting_join != nullptr; });
    if (joined == members_.end())  // only static members, none of them here yet
      return arm_phase_timer(rebalance_timeout_ms(), [this] { complete_join(); });
    leader_ = joined->first;
  }
  start_generation();
}

void Group::start_generation() {
  ++generation_;
  if (members_.empty()) {
    protocol_.reset();
    leader_.reset();
    set_state(GroupState::empty);
    host_.persist(id_, [](ErrorCode) {});  // lost: the group comes back with members whose sessions expire
    return;
  }
  protocol_ = choose_protocol();
  set_state(GroupState::completing_rebalance);
  for (auto& [id, member] : members_) {
    if (const GroupProtocol* chosen = find_protocol(member.protocols, *protocol_))
      member.facts.subscription = chosen->metadata;
    member.is_new = false;
    member.sync_pending = member.awaiting_join != nullptr;
    if (!member.awaiting_join) continue;
    const JoinReply reply = std::exchange(member.awaiting_join, nullptr);
    join_current(member, reply);
  }
  arm_phase_timer(rebalance_timeout_ms(), [this, generation = generation_] { expire_unsynced(generation); });
}

// ---- the sync phase ----

void Group::sync(SyncRequest request, SyncReply reply) {
  const auto refuse = [&](ErrorCode error) {
    SyncAnswer answer;
    answer.error = error;
    reply(std::move(answer));
  };
  if (state_ == GroupState::dead) return refuse(ErrorCode::coordinator_not_available);
  if (const ErrorCode error = check_member(request.member_id, request.instance_id); error != ErrorCode::none)
    return refuse(error);
  if (request.generation != generation_) return refuse(ErrorCode::illegal_generation);
  if ((request.protocol_type && *request.protocol_type != protocol_type_) ||
      (request.protocol && request.protocol != protocol_))
    return refuse(ErrorCode::inconsistent_group_protocol);
  Member& member = members_.at(request.member_id);
  if (state_ == GroupState::preparing_rebalance) return refuse(ErrorCode::rebalance_in_progress);
  touch(member);
  if (state_ == GroupState::stable) {
    member.sync_pending = false;
    settle_syncs();
    return reply({ErrorCode::none, protocol_type_, protocol_, member.facts.assignment});
  }
  if (state_ != GroupState::completing_rebalance) return refuse(ErrorCode::unknown_member_id);
  if (member.awaiting_sync) {
    SyncAnswer older;
    older.error = ErrorCode::rebalance_in_progress;
    std::exchange(member.awaiting_sync, nullptr)(std::move(older));
  }
  member.awaiting_sync = std::move(reply);
  member.sync_pending = false;
  if (leader_ != request.member_id) return;
  for (auto& [id, other] : members_) other.facts.assignment.clear();
  for (auto& [id, assignment] : request.assignments) {
    if (const auto at = members_.find(id); at != members_.end())
      at->second.facts.assignment = std::move(assignment);
  }
  host_.persist(id_, [this, weak = std::weak_ptr(alive_), generation = generation_](ErrorCode error) {
    if (weak.expired() || generation != generation_ || state_ != GroupState::completing_rebalance) return;
    if (error == ErrorCode::none) return propagate_assignments();
    fail_syncs(error);
    prepare_rebalance();
  });
}

void Group::propagate_assignments() {
  set_state(GroupState::stable);
  for (auto& [id, member] : members_) {
    if (!member.awaiting_sync) continue;
    touch(member);
    std::exchange(member.awaiting_sync,
                  nullptr)({ErrorCode::none, protocol_type_, protocol_, member.facts.assignment});
  }
  settle_syncs();
}

/// Once all have their assignment, none is waited for any more.
void Group::settle_syncs() {
  const auto waits = [](const auto& entry) { return entry.second.sync_pending; };
  if (std::ranges::none_of(members_, waits)) host_.cancel(std::exchange(phase_timer_, 0));
}

void Group::fail_syncs(ErrorCode error) {
  for (auto& [id, member] : members_) {
    member.sync_pending = false;
    member.facts.assignment.clear();
    if (!member.awaiting_sync) continue;
    touch(member);
    SyncAnswer answer;
    answer.error = error;
    std::exchange(member.awaiting_sync, nullptr)(std::move(answer));
  }
}

// A member that joined and never synced holds the others up no longer, and keeps no partitions that it does
// not know of.
void Group::expire_unsynced(std::int32_t generation) {
  phase_timer_ = 0;
  if (generation != generation_) return;
  bool removed = false;
  for (auto at = members_.begin(); at != members_.end();) {
    const auto next = std::next(at);
    if (at->second.sync_pending) {
      remove_member(at);
      removed = true;
    }
    at = next;
  }
  if (removed) rebalance();
}

// ---- signs of life, leaving ----

ErrorCode Group::heartbeat(const std::string& member_id, const std::optional<std::string>& instance_id,
                           std::int32_t generation) {
  if (state_ == GroupState::dead) return ErrorCode::coordinator_not_available;
  if (const ErrorCode error = check_member(member_id, instance_id); error != ErrorCode::none) return error;
  if (generation != generation_) return ErrorCode::illegal_generation;
  if (state_ == GroupState::empty) return ErrorCode::unknown_member_id;
  touch(members_.at(member_id));
  return state_ == GroupState::preparing_rebalance ? ErrorCode::rebalance_in_progress : ErrorCode::none;
}

ErrorCode Group::leave(const std::string& member_id, const std::optional<std::string>& instance_id) {
  return leave({{member_id, instance_id}}).front();
}

std::vector<ErrorCode> Group::leave(const std::vector<LeavingMember>& leaving) {
  if (state_ == GroupState::dead) return {leaving.size(), ErrorCode::coordinator_not_available};
  std::vector<ErrorCode> errors;
  bool removed = false;
  for (const LeavingMember& member : leaving) errors.push_back(remove_leaving(member, removed));
  if (removed) {
    rebalance();
  } else {
    maybe_complete_join();  // an id that was handed out may have been all that was waited for
  }
  return errors;
}

ErrorCode Group::remove_leaving(const LeavingMember& leaving, bool& removed) {
  std::string id = leaving.member_id;
  if (pending_.contains(id)) {
    remove_pending(id);
    return ErrorCode::none;
  }
  if (leaving.instance_id) {
    const auto known = static_ids_.find(*leaving.instance_id);
    if (known == static_ids_.end()) return ErrorCode::unknown_member_id;
    if (!id.empty() && known->second != id) return ErrorCode::fenced_instance_id;
    id = known->second;
  }
  const auto at = members_.find(id);
  if (at == members_.end()) return ErrorCode::unknown_member_id;
  remove_member(at);
  removed = true;
  return ErrorCode::none;
}

ErrorCode Group::check_commit(const std::string& member_id, const std::optional<std::string>& instance_id,
                              std::int32_t generation) {
  if (state_ == GroupState::dead) return ErrorCode::coordinator_not_available;
  if (generation < 0 && state_ == GroupState::empty)
    return ErrorCode::none;  // a consumer without a membership
  if (generation < 0 && member_id.empty() && !instance_id) return ErrorCode::unknown_member_id;
  if (const ErrorCode error = check_member(member_id, instance_id); error != ErrorCode::none) return error;
  if (generation != generation_) return ErrorCode::illegal_generation;
  if (state_ == GroupState::completing_rebalance) return ErrorCode::rebalance_in_progress;
  touch(members_.at(member_id));
  return ErrorCode::none;
}

ErrorCode Group::check_pending_commit(const std::string& member_id,
                                      const std::optional<std::string>& instance_id,
                                      std::int32_t generation) const {
  if (state_ == GroupState::dead) return ErrorCode::coordinator_not_available;
  if (generation < 0 && (state_ == GroupState::empty || (member_id.empty() && !instance_id)))
    return ErrorCode::none;
  if (const ErrorCode error = check_member(member_id, instance_id); error != ErrorCode::none) return error;
  return generation == generation_ ? ErrorCode::none : ErrorCode::illegal_generation;
}

void Group::remove_member(Members::iterator at) {
  Member& member = at->second;
  host_.cancel(member.timer);
  if (member.awaiting_join)
    std::exchange(member.awaiting_join, nullptr)(refused(ErrorCode::unknown_member_id, at->first));
  if (member.awaiting_sync) {
    SyncAnswer answer;
    answer.error = ErrorCode::unknown_member_id;
    std::exchange(member.awaiting_sync, nullptr)(std::move(answer));
  }
  if (member.facts.instance_id) static_ids_.erase(*member.facts.instance_id);
  const bool led = leader_ == at->first;
  members_.erase(at);
  if (!led) return;
  leader_.reset();
  if (!members_.empty()) leader_ = members_.begin()->first;
}

void Group::touch(Member& member) {
  member.deadline = host_.now() + milliseconds(member.facts.session_timeout_ms);
}

// One timer a member: it is not moved at each heartbeat but looks, when it fires, whether the deadline moved.
void Group::watch(const std::string& member_id, Member& member) {
  touch(member);
  host_.cancel(member.timer);
  member.timer = host_.after(milliseconds(member.facts.session_timeout_ms),
                             [this, member_id] { on_session_timer(member_id); });
}

void Group::on_session_timer(const std::string& member_id) {
  const auto at = members_.find(member_id);
  if (at == members_.end()) return;
  Member& member = at->second;
  member.timer = 0;
  const bool waits = member.awaiting_join || member.awaiting_sync;  // we hold its request: it is alive
  const bool waits_too_long = member.awaiting_join && member.is_new &&
                              host_.now() >= member.deadline + milliseconds(new_member_join_timeout_ms);
  if ((waits && !waits_too_long) || host_.now() < member.deadline) {
    const auto left = waits ? milliseconds(member.facts.session_timeout_ms) : member.deadline - host_.now();
    member.timer = host_.after(left, [this, member_id] { on_session_timer(member_id); });
    return;
  }
  remove_member(at);
  rebalance();
}

// ---- small questions ----

ErrorCode Group::check_member(const std::string& member_id,
                              const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    const auto known = static_ids_.find(*instance_id);
    if (known == static_ids_.end()) return ErrorCode::unknown_member_id;
    if (known->second != member_id) return ErrorCode::fenced_instance_id;
  }
  return members_.contains(member_id) ? ErrorCode::none : ErrorCode::unknown_member_id;
}

bool Group::supports(const JoinRequest& request) const {
  if (request.protocol_type.empty() || request.protocols.empty()) return false;
  if (state_ == GroupState::empty || members_.empty()) return true;
  if (request.protocol_type != protocol_type_) return false;
  return std::ranges::any_of(request.protocols, [&](const GroupProtocol& offered) {
    return std::ranges::all_of(members_, [&](const auto& entry) {
      return find_protocol(entry.second.protocols, offered.name) != nullptr;  // who asks again is one of them
    });
  });
}

// Each member votes for the first of its protocols that all support; most votes win.
std::string Group::choose_protocol() const {
  std::map<std::string, int> votes;
  for (const auto& [id, member] : members_) {
    for (const GroupProtocol& offered : member.protocols) {
      const bool all = std::ranges::all_of(members_, [&](const auto& entry) {
        return find_protocol(entry.second.protocols, offered.name) != nullptr;
      });
      if (!all) continue;
      ++votes[offered.name];
      break;
    }
  }
  const auto most = std::ranges::max_element(votes, {}, [](const auto& entry) { return entry.second; });
  return most == votes.end() ? std::string{} : most->first;
}

std::int32_t Group::rebalance_timeout_ms() const {
  std::int32_t longest = 0;
  for (const auto& [id, member] : members_) longest = std::max(longest, member.facts.rebalance_timeout_ms);
  return longest;
}

void Group::arm_phase_timer(std::int64_t delay_ms, std::function<void()> action) {
  host_.cancel(phase_timer_);
  phase_timer_ = host_.after(milliseconds(delay_ms), std::move(action));
}

void Group::set_state(GroupState state) {
  state_ = state;
  state_since_ms_ = host_.wall_ms();
  if (state == GroupState::empty) host_.cancel(std::exchange(phase_timer_, 0));
}

// ---- over a restart ----

GroupSnapshot Group::snapshot() const {
  GroupSnapshot out;
  out.protocol_type = protocol_type_;
  out.generation = generation_;
  out.protocol = protocol_;
  out.leader = leader_;
  out.state_since_ms = state_since_ms_;
  for (const auto& [id, member] : members_) out.members.push_back(member.facts);
  return out;
}

void Group::restore(GroupSnapshot snapshot) {
  SLUICE_ASSERT(members_.empty());
  protocol_type_ = std::move(snapshot.protocol_type);
  generation_ = snapshot.generation;
  protocol_ = std::move(snapshot.protocol);
  leader_ = std::move(snapshot.leader);
  state_since_ms_ = snapshot.state_since_ms;
  for (auto& facts : snapshot.members) {
    const std::string id = facts.id;
    Member& member = members_[id];
    member.protocols.push_back({protocol_.value_or(""), facts.subscription});
    if (facts.instance_id) static_ids_[*facts.instance_id] = id;
    member.facts = std::move(facts);
    watch(id, member);
  }
  if (!members_.empty() && (!leader_ || !members_.contains(*leader_))) leader_ = members_.begin()->first;
  if (members_.empty()) leader_.reset();
  state_ = members_.empty() ? GroupState::empty : GroupState::stable;
}

void Group::adopt(GroupSnapshot snapshot, std::map<std::string, std::vector<GroupProtocol>> protocols) {
  restore(std::move(snapshot));
  for (auto& [id, member] : members_) member.protocols = std::move(protocols[id]);
  protocol_ = choose_protocol();
  for (auto& [id, member] : members_)
    if (const GroupProtocol* chosen = find_protocol(member.protocols, *protocol_))
      member.facts.subscription = chosen->metadata;
}

std::optional<std::set<std::string>> Group::subscribed_topics() const {
  if (protocol_type_ != consumer_protocol_type) return std::nullopt;
  std::set<std::string> topics;
  if (members_.empty()) return topics;
  if (!protocol_) return std::nullopt;
  for (const auto& [id, member] : members_) {
    const auto subscribed = parse_subscribed_topics(member.facts.subscription);
    if (!subscribed) return std::nullopt;
    topics.insert(subscribed->begin(), subscribed->end());
  }
  return topics;
}

bool Group::is_subscribed_to(const std::string& topic) const {
  const auto topics = subscribed_topics();
  return topics ? topics->contains(topic) : protocol_type_ == consumer_protocol_type;
}

void Group::kill(ErrorCode error) {
  host_.cancel(std::exchange(phase_timer_, 0));
  while (!pending_.empty()) remove_pending(pending_.begin()->first);
  for (auto& [id, member] : members_) {
    if (member.awaiting_join) std::exchange(member.awaiting_join, nullptr)(refused(error, id));
    if (member.awaiting_sync) {
      SyncAnswer answer;
      answer.error = error;
      std::exchange(member.awaiting_sync, nullptr)(std::move(answer));
    }
    host_.cancel(member.timer);
  }
  members_.clear();
  static_ids_.clear();
  leader_.reset();
  state_ = GroupState::dead;
}

}  // namespace sluice::broker
