// One request from its arrival to its answer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "broker/answer.h"
#include "broker/session.h"
#include "env/clock.h"
#include "wire/frame.h"
#include "wire/reader.h"

namespace sluice::broker {

class Authentication;
class Connection;

/// Answered exactly once, at once or later; on the loop's thread. Its frame's bytes are there only while the
/// handler runs: what is needed later must be copied.
class Request {
 public:
  Request(std::weak_ptr<Connection> connection, std::uint64_t number, wire::RequestHeader header,
          wire::Reader body, MutableBytes frame, std::string peer, std::shared_ptr<const Session> session);

  std::int16_t api_key() const { return header_.request_api_key; }
  std::int16_t version() const { return header_.request_api_version; }
  const std::string& client_id() const { return client_id_; }
  const std::string& peer() const { return peer_; }  ///< "127.0.0.1:54321"
  std::string peer_host() const;                     ///< "127.0.0.1"
  /// Who asks, and through which listener.
  const Session& session() const { return *session_; }
  /// nullptr where the connection is gone, or its listener has no SASL.
  Authentication* authentication() const;
  /// For the handlers of SASL: the connection belongs to `user` from now on.
  void identify(const std::string& user) const;

  /// Reads the message. False where it is malformed: the connection is then closed, and the handler returns.
  template <class Message>
  bool decode(Message& message) {
    message.decode(body_, version());
    if (body_.ok()) return true;
    close("its message cannot be decoded");
    return false;
  }

  /// The writable bytes behind `view`, which points into the frame: for patching batches in place.
  MutableBytes writable(BytesView view) const;

  template <class Response>
  void answer(const Response& response, std::vector<std::shared_ptr<const void>> owners = {}) {
    answer_as(response, version(), std::move(owners));
  }
  /// For ApiVersions, which answers an unknown version with version 0.
  template <class Response>
  void answer_as(const Response& response, std::int16_t version,
                 std::vector<std::shared_ptr<const void>> owners = {}) {
    auto answer = std::make_unique<Answer>();
    wire::write_response(answer->frame, version, header_.correlation_id, response);
    answer->owners = std::move(owners);
    finish(std::move(answer));
  }
  /// Produce with acks=0: the client expects nothing.
  void answer_nothing() { finish(nullptr); }
  /// Ends the connection, as Kafka does where it has no answer. `reason` ends a sentence about the peer.
  void close(std::string_view reason);
  /// The same after a while, in which no more requests are taken and the answer may leave.
  void close_after(env::Duration delay, std::string reason);
  /// Whether anybody is still there to read an answer.
  bool is_orphaned() const { return connection_.expired(); }

  /// Later requests of the connection may be worked on before this one is answered (answers stay in order).
  void let_others_pass();

 private:
  void finish(std::unique_ptr<Answer> answer);

  std::weak_ptr<Connection> connection_;
  std::uint64_t number_;
  wire::RequestHeader header_;
  std::string client_id_;
  wire::Reader body_;
  MutableBytes frame_;
  std::string peer_;
  std::shared_ptr<const Session> session_;
};

using RequestPtr = std::shared_ptr<Request>;

}  // namespace sluice::broker
