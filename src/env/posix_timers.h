// The timers of one event loop.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "env/clock.h"

namespace sluice::env {

/// Actions by time, then by the order in which they were added. One thread.
class Timers {
 public:
  std::uint64_t add(Instant when, std::function<void()> action);
  void cancel(std::uint64_t id);
  /// When the next action is due; nothing where there is none.
  std::optional<Instant> next();
  /// Runs the first action that is due at `now`; false where none is. An action that it adds may run in the
  /// same round only if it is due at `now` too.
  bool run_one(Instant now);

 private:
  struct Due {
    Instant when;
    std::uint64_t id = 0;
    bool operator>(const Due& other) const { return when != other.when ? when > other.when : id > other.id; }
  };
  void drop_cancelled();

  std::uint64_t next_id_ = 1;
  std::vector<Due> heap_;  ///< smallest first; holds cancelled ones until they surface
  std::unordered_map<std::uint64_t, std::function<void()>> actions_;
};

}  // namespace sluice::env
