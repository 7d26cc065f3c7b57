#include "env/posix_internal.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <limits>
#include <system_error>

#include "env/net.h"

namespace sluice::env {
namespace {

Code code_of(int errno_value) {
  switch (errno_value) {
    case ENOENT:
      return Code::not_found;
    case EEXIST:
      return Code::already_exists;
    case ENOSPC:
    case EDQUOT:
      return Code::no_space;
    case EMFILE:
    case ENFILE:
      return Code::exhausted;
    case ENOTEMPTY:
      return Code::conflict;
    case EINVAL:
    case ENAMETOOLONG:
    case EADDRNOTAVAIL:
      return Code::invalid_argument;
    case EADDRINUSE:
      return Code::conflict;
    case ETIMEDOUT:
      return Code::timed_out;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return Code::unreachable;
    default:
      return Code::io_failed;
  }
}

}  // namespace

std::string errno_text(int errno_value) {
  return std::generic_category().message(errno_value);
}

Error errno_error(std::string action, int errno_value) {
  return Error{code_of(errno_value), std::move(action) + ": " + errno_text(errno_value), {}, 0};
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);  // nothing hangs on its result: what had to be durable was synced
}

int poll_ms_until(Instant deadline, Instant now) {
  if (deadline <= now) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

void set_connection_options(int fd) {
  const int on = 1;
  // Both only make things better; a socket that refuses them still works.
  static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
}

std::string socket_address_text(const void* address, std::size_t bytes) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  const int failed =
      ::getnameinfo(static_cast<const sockaddr*>(address), static_cast<socklen_t>(bytes), host.data(),
                    host.size(), port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
  if (failed != 0) return "unknown peer";
  std::uint16_t number = 0;
  std::from_chars(port.data(), port.data() + std::char_traits<char>::length(port.data()), number);
  return to_string(Address{host.data(), number});
}

}  // namespace sluice::env
