#include "broker/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::broker {
namespace {

constexpr auto sweep_interval = std::chrono::seconds(1);

}  // namespace

ServerLimits server_limits(const ServerConfig& config) {
  ServerLimits limits;
  limits.frame_bytes_max = static_cast<std::size_t>(config.number("socket.request.max.bytes"));
  const std::int64_t queued = config.number("queued.max.request.bytes");
  const auto enough = 2 * limits.frame_bytes_max;  // below it one large request could wait for itself
  limits.buffered_bytes_max = queued < 0 ? enough : std::max(enough, static_cast<std::size_t>(queued));
  limits.connections_max = static_cast<std::size_t>(config.number("max.connections"));
  limits.connections_per_host_max = static_cast<std::size_t>(config.number("max.connections.per.ip"));
  limits.idle_time_max = std::chrono::milliseconds(config.number("connections.max.idle.ms"));
  limits.failed_authentication_delay =
      std::chrono::milliseconds(config.number("connection.failed.authentication.delay.ms"));
  return limits;
}

Server::Server(env::EventLoop& loop, Notices& notices, ServerLimits limits, Handle handle)
    : loop_(loop), notices_(notices), limits_(limits), handle_(std::move(handle)) {}

Server::~Server() {
  stop();
}

Result<void> Server::listen(Port port) {
  const auto shared = std::make_shared<const Port>(std::move(port));
  Listener& listener = *shared->listener;
  listeners_.push_back(
      SLUICE_TRY(loop_.listen(listener.bind, [this, shared](std::unique_ptr<env::Socket> socket) {
        accept(shared, std::move(socket));
      })));
  listener.bind.port = listeners_.back()->address().port;
  if (listener.advertised.port == 0) listener.advertised.port = listener.bind.port;
  if (sweep_timer_ == 0) sweep_timer_ = loop_.after(sweep_interval, [this] { sweep(); });
  return {};
}

void Server::stop() {
  listeners_.clear();
  loop_.cancel(std::exchange(sweep_timer_, 0));
  while (!connections_.empty()) (*connections_.begin())->finish();
}

void Server::accept(const std::shared_ptr<const Port>& port, std::unique_ptr<env::Socket> socket) {
  auto transport = port->tls != nullptr ? port->tls->accept(loop_, std::move(socket))
                                        : make_plain_transport(loop_, std::move(socket));
  auto connection = std::make_shared<Connection>(*this, port, std::move(transport));
  std::size_t& of_host = per_host_[connection->peer_host()];
  if (connections_.size() >= limits_.connections_max || of_host >= limits_.connections_per_host_max) {
    if (of_host == 0) per_host_.erase(connection->peer_host());
    notices_.say_limited(fmt::format("connection of {} refused: {} are open already", connection->peer(),
                                     connections_.size()));
    return;
  }
  ++of_host;
  connections_.insert(connection);
  connection->start();
}

void Server::forget(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) == 0) return;
  const auto of_host = per_host_.find(connection->peer_host());
  if (of_host != per_host_.end() && --of_host->second == 0) per_host_.erase(of_host);
  // The caller may be inside one of the connection's members: its last reference goes in the next round.
  graveyard_.push_back(connection);
  if (graveyard_.size() > 1) return;
  loop_.post([this, weak = std::weak_ptr(alive_)] {
    if (!weak.expired()) graveyard_.clear();
  });
}

bool Server::may_overdraw(const Connection* connection) {
  if (overdrawer_ == nullptr) overdrawer_ = connection;
  return overdrawer_ == connection;
}

void Server::end_overdraft(const Connection* connection) {
  if (overdrawer_ == connection) overdrawer_ = nullptr;
}

void Server::account(std::size_t in_before, std::size_t in_after, std::size_t out_before,
                     std::size_t out_after) {
  in_bytes_ = in_bytes_ - in_before + in_after;
  out_bytes_ = out_bytes_ - out_before + out_after;
  if (in_after >= in_before || starved_.empty() || resume_posted_) return;
  resume_posted_ = true;
  loop_.post([this, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    resume_posted_ = false;
    for (const auto& starved : std::exchange(starved_, {}))
      if (const auto connection = starved.lock()) connection->resume();
  });
}

void Server::sweep() {
  const env::Instant now = loop_.now();
  const auto connections = connections_;  // closing changes the set
  for (const auto& connection : connections) connection->check_time(now);
  for (const auto& starved : std::exchange(starved_, {}))
    if (const auto connection = starved.lock()) connection->resume();
  sweep_timer_ = loop_.after(sweep_interval, [this] { sweep(); });
}

}  // namespace sluice::broker
