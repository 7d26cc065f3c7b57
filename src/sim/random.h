// Randomness that repeats: the same seed, the same numbers.
#pragma once

#include <mutex>

#include "env/random.h"

namespace sluice::sim {

/// Safe from every thread; from several, the order of the calls decides who gets which number.
class Random final : public env::Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next_u64() override;
  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  bool coin() { return (next_u64() >> 63) != 0; }

 private:
  std::mutex mutex_;
  std::uint64_t state_;
};

}  // namespace sluice::sim
