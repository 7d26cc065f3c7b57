// The simulated parts put together as one env::Env.
#pragma once

#include "env/env.h"
#include "sim/clock.h"
#include "sim/file_system.h"
#include "sim/random.h"

namespace sluice::sim {

/// Everything one simulated machine has, from one seed. `net` is whatever the test connects to; none by
/// default.
struct World {
  explicit World(std::uint64_t seed, env::Net* simulated_net = nullptr)
      : random(seed), fs(seed), net(simulated_net) {}

  Clock clock;
  Random random;
  FileSystem fs;
  env::Net* net;

  env::Env env() { return {&clock, &fs, net, &random}; }
};

/// Parts that are shared between machines or processes; borrowed.
env::Env make_env(Clock& clock, FileSystem& fs, Random& random, env::Net* net = nullptr);

}  // namespace sluice::sim
