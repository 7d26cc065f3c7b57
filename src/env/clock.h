// Time, as an interface: the operating system's, or a simulation's.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice::env {

using Duration = std::chrono::nanoseconds;
/// A point of the clock that never goes back. Only differences mean something.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic time, for time-outs and durations.
  virtual Instant now() = 0;
  /// Milliseconds since 1970-01-01 UTC, for record timestamps. May jump; nothing about safety depends on it.
  virtual std::int64_t wall_ms() = 0;
  /// Blocks the calling thread. Never used to wait for a condition that can be waited for otherwise.
  virtual void sleep_for(Duration duration) = 0;
};

}  // namespace sluice::env
