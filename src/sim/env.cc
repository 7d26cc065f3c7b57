#include "sim/env.h"

namespace sluice::sim {

env::Env make_env(Clock& clock, FileSystem& fs, Random& random, env::Net* net) {
  return {&clock, &fs, net, &random};
}

}  // namespace sluice::sim
