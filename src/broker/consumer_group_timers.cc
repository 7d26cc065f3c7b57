// What happens to members of a consumer group that do not come in time: they are fenced.
#include "broker/consumer_group.h"

namespace sluice::broker {
namespace {

env::Duration milliseconds(std::int64_t ms) {
  return std::chrono::milliseconds(ms);
}

}  // namespace

std::int32_t ConsumerGroup::session_timeout_ms(const std::string& member_id) const {
  const auto& classic = members_.at(member_id).metadata.classic;
  return classic ? classic->session_timeout_ms : host_.settings(id_).session_timeout_ms;
}

// One timer a member: it is not moved at each heartbeat but looks, when it fires, whether the deadline moved.
void ConsumerGroup::begin_session(const std::string& member_id) {
  Timers& timers = timers_[member_id];
  const env::Duration left = milliseconds(session_timeout_ms(member_id));
  const env::Instant deadline = host_.now() + left;
  const bool earlier = deadline < timers.session_deadline;  // the time-out became shorter
  timers.session_deadline = deadline;
  if (timers.session != 0 && !earlier) return;
  if (timers.session != 0) host_.cancel(timers.session);
  timers.session = host_.after(left, [this, member_id] { on_session_timer(member_id); });
}

void ConsumerGroup::on_session_timer(const std::string& member_id) {
  const auto at = timers_.find(member_id);
  if (at == timers_.end() || !members_.contains(member_id)) return;
  at->second.session = 0;
  const env::Duration left = at->second.session_deadline - host_.now();
  if (left > env::Duration::zero()) {
    at->second.session = host_.after(left, [this, member_id] { on_session_timer(member_id); });
    return;
  }
  fence({member_id}, [](wire::ErrorCode) {});
}

/// Fences the member when `delay_ms` is over; a join timer that runs already goes on, others begin anew.
void ConsumerGroup::arm(env::EventLoop::Timer Timers::* which, const std::string& member_id,
                        std::int64_t delay_ms) {
  env::EventLoop::Timer& timer = timers_[member_id].*which;
  if (timer != 0) {
    if (which == &Timers::join) return;
    host_.cancel(timer);
  }
  const std::int32_t epoch = members_.at(member_id).current.epoch;
  const bool by_epoch = which == &Timers::rebalance;
  timer = host_.after(milliseconds(delay_ms), [this, which, member_id, epoch, by_epoch] {
    const auto at = timers_.find(member_id);
    if (at == timers_.end()) return;
    at->second.*which = 0;
    const auto member = members_.find(member_id);
    if (member == members_.end() || (by_epoch && member->second.current.epoch != epoch)) return;
    fence({member_id}, [](wire::ErrorCode) {});
  });
}

void ConsumerGroup::disarm(env::EventLoop::Timer Timers::* which, const std::string& member_id) {
  const auto at = timers_.find(member_id);
  if (at == timers_.end() || at->second.*which == 0) return;
  host_.cancel(at->second.*which);
  at->second.*which = 0;
}

void ConsumerGroup::cancel_timers(const std::string& member_id) {
  const auto at = timers_.find(member_id);
  if (at == timers_.end()) return;
  for (const auto which : {&Timers::session, &Timers::rebalance, &Timers::join, &Timers::sync})
    disarm(which, member_id);
  timers_.erase(at);
}

void ConsumerGroup::start() {
  holders_.clear();  // records come back in another order than they were made in
  for (auto& [id, member] : members_) {
    const CurrentAssignment current = member.current;
    set_current(id, member, current);
    begin_session(id);
    if (current.state == MemberState::unrevoked_partitions && !member.metadata.classic)
      arm(&Timers::rebalance, id, member.metadata.rebalance_timeout_ms);
  }
}

void ConsumerGroup::retire() {
  while (!timers_.empty()) cancel_timers(timers_.begin()->first);
}

}  // namespace sluice::broker
