// The sockets of an event loop: accepted ones and listening ones.
#pragma once

#include <memory>
#include <string>

#include "env/net.h"
#include "env/posix_internal.h"
#include "env/posix_poller.h"
#include "env/posix_timers.h"

namespace sluice::env {

class LoopSocket final : public Socket, private Watched {
 public:
  /// Watches `fd`, an accepted non-blocking socket, for reading.
  static Result<std::unique_ptr<Socket>> make(Poller& poller, Fd fd, std::string peer);
  ~LoopSocket() override;
  LoopSocket(const LoopSocket&) = delete;
  LoopSocket& operator=(const LoopSocket&) = delete;

  void set_handler(SocketHandler* handler);

  Result<std::size_t> read_some(MutableBytes out) override;
  Result<std::size_t> write_some(std::span<const BytesView> parts) override;
  void want(bool readable, bool writable) override;
  const std::string& peer() const override { return peer_; }

 private:
  LoopSocket(Poller& poller, Fd fd, std::string peer);
  void on_events(std::uint32_t events) override;
  void watch();

  Poller& poller_;
  Fd fd_;
  std::string peer_;
  Poller::Key key_ = Poller::no_key;
  SocketHandler* handler_ = nullptr;
  bool wants_readable_ = true;
  bool wants_writable_ = false;
};

/// Opens a listening socket on `address` and hands what it accepts to `accept`.
Result<std::unique_ptr<Listener>> listen_on(Poller& poller, Timers& timers, const Address& address,
                                            EventLoop::Accept accept);

}  // namespace sluice::env
