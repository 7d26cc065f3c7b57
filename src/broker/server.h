// The listening port, its connections, and what all of them together may use.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "broker/authentication.h"
#include "broker/connection.h"
#include "broker/listeners.h"
#include "broker/notices.h"
#include "broker/request.h"
#include "broker/tls.h"
#include "env/net.h"

namespace sluice::broker {

struct ServerLimits {
  std::size_t frame_bytes_max = 0;     ///< socket.request.max.bytes
  std::size_t buffered_bytes_max = 0;  ///< of all requests that are being read (queued.max.request.bytes)
  std::size_t connections_max = 0;
  std::size_t connections_per_host_max = 0;
  env::Duration idle_time_max{};
  env::Duration failed_authentication_delay{};
};

/// The limits that `config` states.
ServerLimits server_limits(const ServerConfig& config);

/// A port that is listened on, and what its connections need. Does not change while there are connections.
struct Port {
  std::shared_ptr<Listener> listener;
  std::shared_ptr<TlsContext> tls;        ///< nullptr: in the clear
  std::shared_ptr<const SaslRules> sasl;  ///< nullptr: nobody is asked who he is
};

/// Loop thread only.
class Server {
 public:
  using Handle = std::function<void(const RequestPtr&)>;

  Server(env::EventLoop& loop, Notices& notices, ServerLimits limits, Handle handle);
  ~Server();

  /// Listens; where `port` advertises no port number, the one that was bound is filled in.
  Result<void> listen(Port port);
  void stop();  ///< closes the ports and every connection

  // For connections.
  env::EventLoop& loop() { return loop_; }
  env::Instant now() { return loop_.now(); }
  Notices& notices() { return notices_; }
  const ServerLimits& limits() const { return limits_; }
  void set_limits(ServerLimits limits) { limits_ = limits; }  ///< for what comes from now on
  void handle(const RequestPtr& request) { handle_(request); }
  bool may_buffer(std::size_t more) const { return in_bytes_ + more <= limits_.buffered_bytes_max; }
  /// One connection at a time may pass the limit until its request is whole: otherwise several that are half
  /// read could wait for each other.
  bool may_overdraw(const Connection* connection);
  void end_overdraft(const Connection* connection);
  bool is_short_of_memory() const { return !starved_.empty(); }
  /// Clients that have not authenticated have a small account of their own beside.
  bool may_buffer_unknown(std::size_t more) const { return unknown_bytes_ + more <= unknown_bytes_max; }
  void account_unknown(std::size_t before, std::size_t after) {
    unknown_bytes_ = unknown_bytes_ - before + after;
  }
  void wait_for_memory(std::weak_ptr<Connection> connection) { starved_.push_back(std::move(connection)); }
  /// Keeps the sums of buffers for reading and of unsent answers.
  void account(std::size_t in_before, std::size_t in_after, std::size_t out_before, std::size_t out_after);
  void forget(const std::shared_ptr<Connection>& connection);

  /// Bytes of answers that clients have not taken yet: what Fetch has to be modest about.
  std::size_t unsent_bytes() const { return out_bytes_; }
  std::size_t connection_count() const { return connections_.size(); }

 private:
  static constexpr std::size_t unknown_bytes_max = 16 * 1024 * 1024;

  void accept(const std::shared_ptr<const Port>& port, std::unique_ptr<env::Socket> socket);
  void sweep();

  env::EventLoop& loop_;
  Notices& notices_;
  ServerLimits limits_;
  Handle handle_;
  std::vector<std::unique_ptr<env::Listener>> listeners_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> graveyard_;  ///< closed in this round
  std::map<std::string, std::size_t> per_host_;
  std::deque<std::weak_ptr<Connection>> starved_;
  std::size_t in_bytes_ = 0;
  std::size_t unknown_bytes_ = 0;  // of in_bytes_
  const Connection* overdrawer_ = nullptr;
  std::size_t out_bytes_ = 0;
  env::EventLoop::Timer sweep_timer_ = 0;
  bool resume_posted_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace sluice::broker
