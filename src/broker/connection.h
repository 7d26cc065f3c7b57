// One client's connection: frames in, answers out in the order of their requests, and bounds on both.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/answer.h"
#include "broker/authentication.h"
#include "broker/session.h"
#include "broker/transport.h"
#include "env/net.h"
#include "record/compression.h"

namespace sluice::broker {

class Server;
struct Port;

/// Loop thread only. A frame's memory grows with the bytes that arrive, never with the length it claims;
/// while answers pile up the connection is not read from.
class Connection final : public env::SocketHandler, public std::enable_shared_from_this<Connection> {
 public:
  /// `port` is where it came in.
  Connection(Server& server, std::shared_ptr<const Port> port, std::unique_ptr<Transport> transport);
  ~Connection() override;

  void start();  ///< once, when a shared_ptr to it exists
  void on_readable() override;
  void on_writable() override;

  /// The answer to request `number`; nullptr: none is expected.
  void answer(std::uint64_t number, std::unique_ptr<Answer> answer);
  /// Request `number` does not hold the next ones up.
  void let_pass(std::uint64_t number);
  /// Ends it once the socket has been offered the answers that are there.
  void finish();
  /// Ends it. An empty reason is not worth a line.
  void close(std::string_view reason);
  /// Takes no more requests, and ends it after `delay`: who guesses passwords shall wait for each answer.
  void close_after(env::Duration delay, std::string reason);

  const std::shared_ptr<const Session>& session() const { return session_; }
  /// nullptr on listeners without SASL.
  Authentication* authentication() { return authentication_ ? &*authentication_ : nullptr; }
  /// The client has shown that it is `user`.
  void identify(const std::string& user);

  const std::string& peer() const { return peer_; }
  std::string peer_host() const;
  /// Called now and then: closes it when it was idle or slow for too long, gives memory back.
  void check_time(env::Instant now);
  /// There is memory again.
  void resume();

 private:
  struct Slot {
    bool done = false;
    bool lets_pass = false;
    std::unique_ptr<Answer> answer;
  };
  struct Outgoing {
    std::unique_ptr<Answer> answer;
    std::vector<BytesView> parts;
    std::size_t part = 0;    // the first that is not sent whole
    std::size_t offset = 0;  // in it
  };

  bool make_room();
  void count_buffer(std::size_t bytes);
  void pump();
  void pump_later();
  bool take_frame();
  void take_token(BytesView token);
  bool is_known() const { return !authentication_ || authentication_->was_done(); }
  std::size_t frame_bytes_max() const;
  bool is_blocked() const;
  void dispatch(MutableBytes frame);
  void flush();
  bool send_some();
  void update_wants();

  Server& server_;
  std::shared_ptr<const Port> port_;
  std::unique_ptr<Transport> transport_;
  std::string peer_;
  std::shared_ptr<const Session> session_;
  std::optional<Authentication> authentication_;
  bool certificate_read_ = false;

  record::RawBuffer in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  std::size_t in_counted_ = 0;       // of in_, what the server's account has
  std::size_t unknown_counted_ = 0;  // the same while nobody knows who the client is
  std::size_t frame_bytes_ = 0;      // of the frame being read, prefix included; 0: not known yet
  env::Instant frame_since_{};       // when its first byte was there
  env::Instant last_activity_{};
  env::Instant opened_{};
  bool starved_ = false;  // waits for memory

  std::deque<Slot> slots_;          // requests without an answer sent, oldest first
  std::uint64_t first_number_ = 0;  // of slots_.front()
  std::size_t holding_ = 0;         // slots that hold later requests up
  std::deque<Outgoing> out_;
  std::size_t out_bytes_ = 0;
  bool pumping_ = false;
  bool pump_posted_ = false;
  bool closing_ = false;  // close_after() runs
  bool closed_ = false;
};

}  // namespace sluice::broker
