// Whether a client's idea of the leader's epoch is ours (KIP-320).
#pragma once

#include <cstdint>

#include "broker/partition.h"
#include "wire/errors.h"

namespace sluice::broker {

/// none for an epoch of -1 (the client does not care); FENCED_LEADER_EPOCH for an older one,
/// UNKNOWN_LEADER_EPOCH for one that has not been yet.
inline wire::ErrorCode check_leader_epoch(const Partition& partition, std::int32_t epoch) {
  if (epoch < 0 || epoch == partition.leader_epoch().value) return wire::ErrorCode::none;
  return epoch < partition.leader_epoch().value ? wire::ErrorCode::fenced_leader_epoch
                                                : wire::ErrorCode::unknown_leader_epoch;
}

}  // namespace sluice::broker
