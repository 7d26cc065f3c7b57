// Everything outside the process that a component may touch, handed to it in one piece.
#pragma once

#include "env/clock.h"
#include "env/file_system.h"
#include "env/net.h"
#include "env/random.h"

namespace sluice::env {

/// Borrowed; outlives whoever holds it.
struct Env {
  Clock* clock = nullptr;
  FileSystem* fs = nullptr;
  Net* net = nullptr;
  Random* random = nullptr;
};

/// The operating system's.
Env posix_env();

}  // namespace sluice::env
