// One member's next step from what it holds to what it shall have (KIP-848).
//
// What it shall not have any more is revoked first, and stays the member's until it said in a heartbeat that
// it holds it no more; what it shall have is given to it only when nobody else holds it.
#pragma once

#include <functional>
#include <optional>
#include <set>

#include "broker/consumer_member.h"

namespace sluice::broker {

struct ReconcileInput {
  std::int32_t target_epoch = 0;
  const TopicPartitions& target;
  const std::set<Uuid>& subscribed;             ///< topics it subscribes to now; the target may be older
  bool subscription_changed = false;            ///< in this very heartbeat
  const std::optional<TopicPartitions>& owned;  ///< what the member says it holds; nullopt: as before
  /// Whether some member, this one included, holds the partition or has not given it up yet.
  std::function<bool(Uuid topic, std::int32_t partition)> is_held;
};

/// The next assignment; equal to `current` where the member has to wait. nullopt: the state is unknown and
/// the member holds partitions - it must be fenced.
std::optional<CurrentAssignment> reconcile(const CurrentAssignment& current, const ReconcileInput& input);

/// Whether all of `owned` is in `held`.
bool is_subset(const TopicPartitions& owned, const HeldPartitions& held);

}  // namespace sluice::broker
