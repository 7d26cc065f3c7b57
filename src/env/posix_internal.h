// What the POSIX implementations share: errno as Error, and file descriptors that close themselves.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "env/clock.h"

namespace sluice::env {

/// "ACTION: text of errno", with the code that callers decide by.
Error errno_error(std::string action, int errno_value);
/// The text of errno, without the locale and safe from every thread.
std::string errno_text(int errno_value);

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// The time until `deadline` for poll(2) and epoll_wait(2): milliseconds rounded up, 0 where it has passed.
int poll_ms_until(Instant deadline, Instant now);

/// For tests on loopback and for latency everywhere: no Nagle, keepalive on.
void set_connection_options(int fd);
/// "127.0.0.1:54321" of a sockaddr.
std::string socket_address_text(const void* address, std::size_t bytes);

}  // namespace sluice::env
