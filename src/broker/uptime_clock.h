// Time that passes only while the broker runs: what ages are counted in.
//
// A wall clock may jump by years, forward and back, while a broker runs or while it is stopped; nothing may
// be deleted because of it. So the age of segments and of producers is the time that a broker saw pass: it
// begins with the wall clock in a new data directory, goes on with the monotonic clock, and stands still
// while no broker runs.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "env/env.h"

namespace sluice::broker {

constexpr std::string_view uptime_clock_name = "sluice-uptime";

/// now_ms() may be called on every thread, the rest on one.
class UptimeClock {
 public:
  /// Goes on where the last save() stopped; from the wall clock where there is none. Borrows `env`.
  /// errors  io_failed; corrupt: the file is not what save() writes
  static Result<UptimeClock> open(const env::Env& env, const std::string& data_dir);

  std::int64_t now_ms() const;
  /// Makes the time durable. After a crash, what passed since is forgotten: things look younger, never older.
  Result<void> save() const;

 private:
  UptimeClock(const env::Env& env, std::string path, std::int64_t begin_ms)
      : env_(env), path_(std::move(path)), begin_ms_(begin_ms), began_(env.clock->now()) {}

  env::Env env_;
  std::string path_;
  std::int64_t begin_ms_;
  env::Instant began_;
};

}  // namespace sluice::broker
