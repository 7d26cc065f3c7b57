#include "env/posix_loop_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "env/posix.h"
#include "env/posix_resolve.h"

namespace sluice::env {
namespace {

constexpr int backlog_max = 1024;
constexpr int accepts_max = 64;  // a round, so that a flood of connects leaves time for those connected
constexpr std::size_t iovecs_max = 64;  // a call; more parts wait for the next one
// No descriptors left: the backlog would wake the loop without end, so it is left alone for a while.
constexpr Duration starved_pause = std::chrono::milliseconds(100);

}  // namespace

LoopSocket::LoopSocket(Poller& poller, Fd fd, std::string peer)
    : poller_(poller), fd_(std::move(fd)), peer_(std::move(peer)) {}

Result<std::unique_ptr<Socket>> LoopSocket::make(Poller& poller, Fd fd, std::string peer) {
  std::unique_ptr<LoopSocket> socket(new LoopSocket(poller, std::move(fd), std::move(peer)));
  socket->key_ = SLUICE_TRY(poller.add(socket->fd_.get(), 0, *socket));
  return socket;
}

LoopSocket::~LoopSocket() {
  if (key_ != Poller::no_key) poller_.remove(key_);
}

void LoopSocket::set_handler(SocketHandler* handler) {
  handler_ = handler;
  watch();
}

void LoopSocket::want(bool readable, bool writable) {
  wants_readable_ = readable;
  wants_writable_ = writable;
  watch();
}

void LoopSocket::watch() {
  std::uint32_t events = 0;
  if (handler_ != nullptr && wants_readable_) events |= EPOLLIN;
  if (handler_ != nullptr && wants_writable_) events |= EPOLLOUT;
  poller_.change(key_, events);
}

void LoopSocket::on_events(std::uint32_t events) {
  // An error or a hang-up is told by the read or write that meets it.
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  const Poller::Key key = key_;
  Poller& poller = poller_;
  if (wants_readable_ && handler_ != nullptr && (broken || (events & EPOLLIN) != 0)) {
    handler_->on_readable();
    if (!poller.has(key)) return;  // the handler destroyed this socket
  }
  if (wants_writable_ && handler_ != nullptr && (broken || (events & EPOLLOUT) != 0)) handler_->on_writable();
}

Result<std::size_t> LoopSocket::read_some(MutableBytes out) {
  while (true) {
    const ssize_t n = ::recv(fd_.get(), out.data(), out.size(), 0);
    if (n > 0) return static_cast<std::size_t>(n);
    if (n == 0) return fail(Code::unreachable, fmt::format("{} closed the connection", peer_));
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return std::unexpected(errno_error(fmt::format("cannot read from {}", peer_), errno));
  }
}

Result<std::size_t> LoopSocket::write_some(std::span<const BytesView> parts) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): only what is set is read
  std::array<iovec, iovecs_max> vectors;
  const std::size_t count = std::min(parts.size(), vectors.size());
  for (std::size_t i = 0; i < count; ++i)
    vectors[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  while (true) {
    const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN) return 0;
    if (errno != EINTR) return std::unexpected(errno_error(fmt::format("cannot write to {}", peer_), errno));
  }
}

namespace {

class LoopListener final : public Listener, private Watched {
 public:
  LoopListener(Poller& poller, Timers& timers, Fd fd, EventLoop::Accept accept)
      : poller_(poller), timers_(timers), fd_(std::move(fd)), accept_(std::move(accept)) {}
  ~LoopListener() override {
    timers_.cancel(starved_timer_);
    if (key_ != Poller::no_key) poller_.remove(key_);
  }
  LoopListener(const LoopListener&) = delete;
  LoopListener& operator=(const LoopListener&) = delete;

  Result<void> open(const Address& address) {
    sockaddr_storage bound{};
    socklen_t bound_bytes = sizeof bound;
    if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &bound_bytes) != 0)
      return std::unexpected(errno_error("cannot read the port of " + to_string(address), errno));
    const in_port_t port = bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                                       : reinterpret_cast<sockaddr_in&>(bound).sin_port;
    address_ = {address.host, ntohs(port)};
    key_ = SLUICE_TRY(poller_.add(fd_.get(), EPOLLIN, *this));
    return {};
  }

  Address address() const override { return address_; }

  void pause(bool paused) override {
    paused_ = paused;
    watch();
  }

 private:
  void watch() { poller_.change(key_, paused_ || starved_ ? 0u : static_cast<std::uint32_t>(EPOLLIN)); }

  void on_events(std::uint32_t) override {
    const Poller::Key key = key_;
    Poller& poller = poller_;
    for (int i = 0; i < accepts_max; ++i) {
      if (!accept_one()) return;
      if (!poller.has(key) || paused_) return;  // the callback destroyed or paused this listener
    }
  }

  /// False where nothing more can be accepted now.
  bool accept_one() {
    sockaddr_storage peer{};
    socklen_t peer_bytes = sizeof peer;
    Fd fd(
        ::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &peer_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.is_open()) {
      const bool starved = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      if (starved) starve();
      // Every other error is of the one connection, which is gone, except that there is none (EAGAIN).
      return !starved && errno != EAGAIN;
    }
    set_connection_options(fd.get());
    auto socket = LoopSocket::make(poller_, std::move(fd), socket_address_text(&peer, peer_bytes));
    if (socket) accept_(*std::move(socket));
    return true;
  }

  void starve() {
    starved_ = true;
    watch();
    starved_timer_ = timers_.add(posix_clock().now() + starved_pause, [this] {
      starved_ = false;
      watch();
    });
  }

  Poller& poller_;
  Timers& timers_;
  Fd fd_;
  EventLoop::Accept accept_;
  Address address_;
  Poller::Key key_ = Poller::no_key;
  std::uint64_t starved_timer_ = 0;
  bool paused_ = false;
  bool starved_ = false;
};

}  // namespace

Result<std::unique_ptr<Listener>> listen_on(Poller& poller, Timers& timers, const Address& address,
                                            EventLoop::Accept accept) {
  const auto targets = SLUICE_TRY(resolve(address, ResolveFor::listening));
  const std::string action = "cannot listen on " + to_string(address);
  Fd fd(::socket(targets->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return std::unexpected(errno_error(action, errno));
  const int on = 1;
  // A restarted broker takes its port back at once.
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  if (::bind(fd.get(), targets->ai_addr, targets->ai_addrlen) != 0 || ::listen(fd.get(), backlog_max) != 0)
    return std::unexpected(errno_error(action, errno)
                               .hinting("another process may have the port; choose another one, or port 0"));
  auto listener = std::make_unique<LoopListener>(poller, timers, std::move(fd), std::move(accept));
  SLUICE_TRY(listener->open(address));
  return listener;
}

}  // namespace sluice::env
