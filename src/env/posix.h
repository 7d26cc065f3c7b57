// The operating system's implementations of env's interfaces.
#pragma once

#include <memory>

#include "env/clock.h"
#include "env/file_system.h"
#include "env/net.h"
#include "env/random.h"

namespace sluice::env {

/// The process's own, made at first use; safe from every thread.
Clock& posix_clock();
Random& posix_random();
FileSystem& posix_file_system();
Net& posix_net();

/// A loop over epoll. Run by one thread.
std::unique_ptr<EventLoop> make_posix_event_loop();

}  // namespace sluice::env
