#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include <fmt/format.h>

#include "env/posix.h"
#include "env/posix_internal.h"
#include "env/posix_resolve.h"

namespace sluice::env {
namespace {

/// Waits until `fd` is ready for `events` or has failed; timed_out with `action` at the deadline.
Result<void> wait_ready(int fd, short events, Instant deadline, std::string_view action) {
  while (true) {
    pollfd entry{fd, events, 0};
    const int timeout_ms = poll_ms_until(deadline, posix_clock().now());
    const int n = ::poll(&entry, 1, timeout_ms);
    if (n > 0) return {};
    if (n < 0 && errno != EINTR) return std::unexpected(errno_error(fmt::format("cannot {}", action), errno));
    if (n == 0 && posix_clock().now() >= deadline)
      return fail(Code::timed_out, fmt::format("could not {} in time", action));
  }
}

class PosixConnection final : public Connection {
 public:
  PosixConnection(Fd fd, std::string peer) : fd_(std::move(fd)), peer_(std::move(peer)) {}

  Result<std::size_t> read_some(MutableBytes out, Instant deadline) override {
    while (true) {
      const ssize_t n = ::recv(fd_.get(), out.data(), out.size(), 0);
      if (n > 0) return static_cast<std::size_t>(n);
      if (n == 0) return fail(Code::unreachable, fmt::format("{} closed the connection", peer_));
      if (errno == EINTR) continue;
      if (errno != EAGAIN)
        return std::unexpected(errno_error(fmt::format("cannot read from {}", peer_), errno));
      SLUICE_TRY(wait_ready(fd_.get(), POLLIN, deadline, fmt::format("read from {}", peer_)));
    }
  }

  Result<void> write_all(BytesView bytes, Instant deadline) override {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(n));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN)
        return std::unexpected(errno_error(fmt::format("cannot write to {}", peer_), errno));
      SLUICE_TRY(wait_ready(fd_.get(), POLLOUT, deadline, fmt::format("write to {}", peer_)));
    }
    return {};
  }

  int native_handle() const override { return fd_.get(); }

 private:
  Fd fd_;
  std::string peer_;
};

Result<Fd> connect_one(const addrinfo& target, std::string_view name, Instant deadline) {
  const std::string action = fmt::format("connect to {}", name);
  Fd fd(::socket(target.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return std::unexpected(errno_error("cannot open a socket", errno));
  if (::connect(fd.get(), target.ai_addr, target.ai_addrlen) != 0) {
    // An interrupted connect goes on in the background, as one in progress does.
    if (errno != EINPROGRESS && errno != EINTR)
      return std::unexpected(errno_error("cannot " + action, errno));
    SLUICE_TRY(wait_ready(fd.get(), POLLOUT, deadline, action));
    int error = 0;
    socklen_t error_bytes = sizeof error;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &error_bytes) != 0) error = errno;
    if (error != 0) return std::unexpected(errno_error("cannot " + action, error));
  }
  set_connection_options(fd.get());
  return fd;
}

class PosixNet final : public Net {
 public:
  Result<std::unique_ptr<Connection>> connect(const Address& address, Instant deadline) override {
    const std::string name = to_string(address);
    const auto targets = SLUICE_TRY(resolve(address, ResolveFor::connecting));
    std::int64_t left = 0;
    for (const addrinfo* t = targets.get(); t != nullptr; t = t->ai_next) ++left;
    Error last;
    for (const addrinfo* t = targets.get(); t != nullptr; t = t->ai_next, --left) {
      // A host that swallows packets on one address must not use up the time of the others.
      const Instant now = posix_clock().now();
      const Instant share = left > 1 && deadline > now ? now + (deadline - now) / left : deadline;
      auto fd = connect_one(*t, name, share);
      if (fd) return std::make_unique<PosixConnection>(*std::move(fd), name);
      last = std::move(fd.error());
    }
    return std::unexpected(std::move(last).hinting(fmt::format("is a broker listening on {}?", name)));
  }
};

}  // namespace

Net& posix_net() {
  static PosixNet net;
  return net;
}

}  // namespace sluice::env
