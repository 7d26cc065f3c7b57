#include "sim/random.h"

#include "base/assert.h"

namespace sluice::sim {

std::uint64_t Random::next_u64() {
  const std::lock_guard held(mutex_);
  // SplitMix64 (Steele, Lea, Flood 2014): one word of state, any seed is good.
  state_ += 0x9E3779B97F4A7C15u;
  std::uint64_t z = state_;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

std::uint64_t Random::below(std::uint64_t bound) {
  SLUICE_ASSERT(bound > 0);
  return next_u64() % bound;
}

}  // namespace sluice::sim
