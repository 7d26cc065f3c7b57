// Randomness for ids, nonces and back-off; seeded in a simulation.
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace sluice::env {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next_u64() = 0;

  /// A random uuid that is not zero and whose text does not begin with '-' (a trap for command lines).
  Uuid next_uuid();
};

}  // namespace sluice::env
