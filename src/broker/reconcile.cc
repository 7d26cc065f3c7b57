#include "broker/reconcile.h"

#include <algorithm>
#include <utility>

namespace sluice::broker {
namespace {

bool contains(const HeldPartitions& held, Uuid topic, std::int32_t partition) {
  const auto at = held.find(topic);
  return at != held.end() && at->second.contains(partition);
}

/// Whether the member still holds something of `pending`. Where it did not say, it does.
bool still_owns(const std::optional<TopicPartitions>& owned, const HeldPartitions& pending) {
  if (!owned) return true;
  return std::ranges::any_of(*owned, [&](const auto& topic) {
    return std::ranges::any_of(
        topic.second, [&](std::int32_t partition) { return contains(pending, topic.first, partition); });
  });
}

void move_to(CurrentAssignment& next, std::int32_t epoch, MemberState state) {
  next.previous_epoch = next.epoch;
  next.epoch = epoch;
  next.state = state;
}

/// Topics that the member no longer subscribes to are revoked at once, before a new target is there.
CurrentAssignment drop_unsubscribed(const CurrentAssignment& current, const ReconcileInput& input) {
  CurrentAssignment next = current;
  for (auto at = next.assigned.begin(); at != next.assigned.end();) {
    if (input.subscribed.contains(at->first)) {
      ++at;
      continue;
    }
    next.pending_revocation[at->first].merge(at->second);
    at = next.assigned.erase(at);
  }
  if (next.assigned == current.assigned) return current;
  if (!still_owns(input.owned, next.pending_revocation)) {
    next.pending_revocation = current.pending_revocation;  // it holds them no more already
    move_to(next, current.epoch, current.state);
  } else {
    move_to(next, current.epoch, MemberState::unrevoked_partitions);
  }
  return next;
}

CurrentAssignment towards_target(const CurrentAssignment& current, const ReconcileInput& input,
                                 std::int32_t epoch) {
  CurrentAssignment next;
  next.epoch = current.epoch;
  HeldPartitions to_assign;
  bool waits = false;
  for (const auto& [topic, partitions] : current.assigned) {
    const auto target = input.target.find(topic);
    const bool wanted = target != input.target.end() && input.subscribed.contains(topic);
    for (const auto& [partition, since] : partitions) {
      const bool stays = wanted && target->second.contains(partition);
      (stays ? next.assigned : next.pending_revocation)[topic][partition] = since;
    }
  }
  for (const auto& [topic, partitions] : input.target) {
    if (!input.subscribed.contains(topic)) continue;
    for (const std::int32_t partition : partitions) {
      if (contains(current.assigned, topic, partition)) continue;
      if (input.is_held(topic, partition) && !contains(current.pending_revocation, topic, partition)) {
        waits = true;
      } else {
        to_assign[topic][partition] = input.target_epoch;
      }
    }
  }
  if (!next.pending_revocation.empty() && still_owns(input.owned, next.pending_revocation)) {
    move_to(next, epoch, MemberState::unrevoked_partitions);
    return next;
  }
  next.pending_revocation.clear();
  for (auto& [topic, partitions] : to_assign) next.assigned[topic].merge(partitions);
  move_to(next, input.target_epoch, waits ? MemberState::unreleased_partitions : MemberState::stable);
  return next;
}

}  // namespace

std::optional<CurrentAssignment> reconcile(const CurrentAssignment& current, const ReconcileInput& input) {
  switch (current.state) {
    case MemberState::stable:
      if (current.epoch != input.target_epoch) return towards_target(current, input, current.epoch);
      return input.subscription_changed ? drop_unsubscribed(current, input) : current;
    case MemberState::unrevoked_partitions:
      if (!still_owns(input.owned, current.pending_revocation))
        return towards_target(current, input, current.epoch);
      return input.subscription_changed ? drop_unsubscribed(current, input) : current;
    case MemberState::unreleased_partitions:
      return towards_target(current, input, current.epoch);
    case MemberState::unknown:
      if (!input.owned || !input.owned->empty()) return std::nullopt;
      return towards_target(current, input, input.target_epoch);
  }
  return current;
}

bool is_subset(const TopicPartitions& owned, const HeldPartitions& held) {
  return std::ranges::all_of(owned, [&](const auto& topic) {
    return std::ranges::all_of(
        topic.second, [&](std::int32_t partition) { return contains(held, topic.first, partition); });
  });
}

}  // namespace sluice::broker
