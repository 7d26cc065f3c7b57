#include "sim/clock.h"

#include "base/assert.h"

namespace sluice::sim {

env::Instant Clock::now() {
  // Not zero, so that "one minute ago" exists.
  return env::Instant{std::chrono::hours(1)} + std::chrono::nanoseconds(elapsed_ns_.load());
}

std::int64_t Clock::wall_ms() {
  return start_wall_ms + elapsed_ns_.load() / 1'000'000 + wall_jump_ms_.load();
}

void Clock::sleep_for(env::Duration duration) {
  if (duration > env::Duration::zero()) advance(duration);
}

void Clock::advance(env::Duration duration) {
  SLUICE_ASSERT(duration >= env::Duration::zero());
  elapsed_ns_ += duration.count();
}

void Clock::jump_wall_ms(std::int64_t by_ms) {
  wall_jump_ms_ += by_ms;
}

}  // namespace sluice::sim
