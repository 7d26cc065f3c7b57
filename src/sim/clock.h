// A clock that moves only when told to.
#pragma once

#include <atomic>

#include "env/clock.h"

namespace sluice::sim {

/// Safe from every thread. Starts at a fixed wall time, so that runs repeat.
class Clock final : public env::Clock {
 public:
  static constexpr std::int64_t start_wall_ms = 1'700'000'000'000;

  env::Instant now() override;
  std::int64_t wall_ms() override;
  /// Advances by `duration` at once.
  void sleep_for(env::Duration duration) override;

  void advance(env::Duration duration);
  /// Moves the wall clock alone, as an administrator or NTP does.
  void jump_wall_ms(std::int64_t by_ms);

 private:
  std::atomic<std::int64_t> elapsed_ns_{0};
  std::atomic<std::int64_t> wall_jump_ms_{0};
};

}  // namespace sluice::sim
