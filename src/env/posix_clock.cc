#include <sys/random.h>

#include <array>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <random>
#include <thread>

#include "env/env.h"
#include "env/posix.h"

namespace sluice::env {
namespace {

class PosixClock final : public Clock {
 public:
  Instant now() override { return std::chrono::steady_clock::now(); }
  std::int64_t wall_ms() override {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  }
  void sleep_for(Duration duration) override { std::this_thread::sleep_for(duration); }
};

std::uint64_t system_seed() {
  std::uint64_t seed = 0;
  while (::getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    if (errno != EINTR) std::abort();  // no entropy: two workers could take the same nonce
  }
  return seed;
}

class PosixRandom final : public Random {
 public:
  std::uint64_t next_u64() override {
    const std::lock_guard held(mutex_);
    return engine_();
  }

 private:
  // 19937 bits of state, all from the system: ids of different processes do not meet.
  static std::mt19937_64 seeded() {
    std::array<std::uint64_t, 8> words{};
    for (auto& word : words) word = system_seed();
    std::seed_seq sequence(words.begin(), words.end());
    return std::mt19937_64(sequence);
  }

  std::mutex mutex_;
  std::mt19937_64 engine_ = seeded();
};

}  // namespace

Clock& posix_clock() {
  static PosixClock clock;
  return clock;
}

Random& posix_random() {
  static PosixRandom random;
  return random;
}

Env posix_env() {
  return {&posix_clock(), &posix_file_system(), &posix_net(), &posix_random()};
}

}  // namespace sluice::env
