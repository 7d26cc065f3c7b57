// The network, as two interfaces: blocking connections with deadlines, for clients, and one event loop, for a
// server.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "env/clock.h"

namespace sluice::env {

struct Address {
  std::string host;
  std::uint16_t port = 0;
  friend auto operator<=>(const Address&, const Address&) = default;
};

/// "host:port", "[::1]:port".
std::string to_string(const Address& address);
/// Parses "host:port", ":port" (127.0.0.1) and "[v6]:port"; `default_port` where there is none.
Result<Address> parse_address(std::string_view text, std::uint16_t default_port);

/// A connection of a client. One thread at a time; every call ends by its deadline (timed_out).
class Connection {
 public:
  virtual ~Connection() = default;
  /// Reads at least one byte; unreachable where the peer has closed.
  virtual Result<std::size_t> read_some(MutableBytes out, Instant deadline) = 0;
  virtual Result<void> write_all(BytesView bytes, Instant deadline) = 0;
  /// For poll(2) beside others; -1 where there is none (a simulation).
  virtual int native_handle() const = 0;
};

class Net {
 public:
  virtual ~Net() = default;
  /// unreachable, with the address, where nobody listens there. Only finding the address of a host name can
  /// outlast the deadline.
  virtual Result<std::unique_ptr<Connection>> connect(const Address& address, Instant deadline) = 0;
};

/// A server's side of one connection, on the loop's thread only. Never blocks.
class Socket {
 public:
  virtual ~Socket() = default;

  /// Reads what is there: 0 where nothing is; unreachable at the end of the stream.
  virtual Result<std::size_t> read_some(MutableBytes out) = 0;
  /// Writes what fits; returns how much.
  virtual Result<std::size_t> write_some(std::span<const BytesView> parts) = 0;
  /// Which readiness calls the handler; level-triggered. Not wanting to read is the back-pressure on a peer.
  virtual void want(bool readable, bool writable) = 0;
  virtual const std::string& peer() const = 0;  ///< "127.0.0.1:54321"
};

/// What the loop calls for a socket. Owned by whoever accepted it; must outlive the socket.
class SocketHandler {
 public:
  virtual ~SocketHandler() = default;
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;
};

/// Holds a listening port until destroyed.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual Address address() const = 0;  ///< with the port that the system chose for port 0
  /// Stops and resumes accepting; the backlog waits.
  virtual void pause(bool paused) = 0;
};

/// One thread's events: sockets, timers, and closures posted from other threads. Sockets and listeners go
/// before their loop. A peer that has gone is told by on_readable or on_writable, whichever is wanted; while
/// neither is, it goes unnoticed.
class EventLoop {
 public:
  using Timer = std::uint64_t;
  /// Called for each accepted connection, before any event of it. Set the handler before returning. To begin
  /// with a socket wants to be readable and not writable.
  using Accept = std::function<void(std::unique_ptr<Socket>)>;

  virtual ~EventLoop() = default;
  virtual Result<std::unique_ptr<Listener>> listen(const Address& address, Accept accept) = 0;
  /// The handler of a socket that this loop accepted. nullptr: no more calls.
  virtual void set_handler(Socket& socket, SocketHandler* handler) = 0;
  /// Runs `action` once on the loop's thread, not before `delay` has passed.
  virtual Timer after(Duration delay, std::function<void()> action) = 0;
  virtual void cancel(Timer timer) = 0;  ///< no effect where it has run
  /// From any thread: runs `action` on the loop's thread, in the order posted.
  virtual void post(std::function<void()> action) = 0;
  /// Runs until stop(); returns after the current event. A stop() that came before run() counts for it.
  virtual void run() = 0;
  virtual void stop() = 0;    ///< from any thread, and from a signal handler
  virtual Instant now() = 0;  ///< of the current round; cheap
};

}  // namespace sluice::env
