// One connection to one broker: versions agreed at the start, requests numbered, answers in order.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "env/env.h"
#include "record/compression.h"
#include "wire/frame.h"
#include "wire/generated/api_versions_response.h"

namespace sluice::client {

struct ConnectionOptions {
  std::string client_id = "sluice";
  env::Duration connect_timeout = std::chrono::seconds(10);  ///< TCP and ApiVersions together
  env::Duration request_timeout = std::chrono::seconds(30);  ///< of one request
  /// An answer that claims more is refused before any memory is taken for it.
  std::size_t response_bytes_max = std::size_t{256} << 20;
};

/// The bytes of one answer after its size prefix. Shared: views into it hold as long as any copy of `buffer`.
struct Frame {
  std::shared_ptr<const record::RawBuffer> buffer;
  BytesView body;
};

/// An answer together with the frame that its byte fields point into.
template <class Response>
struct Answer {
  Frame frame;
  Response message;
};

/// A request that was sent and whose answer is awaited.
struct Ticket {
  std::int16_t api_key = 0;
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
};

/// Borrows the Env. One thread at a time. After an error of any call except timed_out of receive() the
/// connection is unusable and is thrown away.
class Connection {
 public:
  /// Connects and agrees on versions: asks ApiVersions in the highest version spoken here, and where the
  /// broker refuses that, in one that it names (KIP-511). errors   unreachable, timed_out; unsupported: not a
  /// broker that speaks Kafka's protocol
  static Result<std::unique_ptr<Connection>> open(const env::Env& env, const env::Address& address,
                                                  const ConnectionOptions& options = {});

  const env::Address& address() const { return address_; }
  /// "host:port", for messages.
  const std::string& peer() const { return peer_; }

  /// The highest version of the API that both sides speak, at most `version_max`.
  /// errors   unsupported, with both ranges
  Result<std::int16_t> version(std::int16_t api_key, std::int16_t version_max = 32767) const;

  /// Sends a request and waits for its answer. No other answer may be awaited.
  /// errors   unreachable, timed_out, unsupported, corrupt (an answer that cannot be read)
  template <class Request>
  Result<Answer<typename Request::Response>> call(const Request& request, std::int16_t version_max = 32767) {
    return call_within(request, options_.request_timeout, version_max);
  }
  template <class Request>
  Result<Answer<typename Request::Response>> call_within(const Request& request, env::Duration timeout,
                                                         std::int16_t version_max = 32767) {
    const env::Instant deadline = env_.clock->now() + timeout;
    const Ticket ticket = SLUICE_TRY(send(request, deadline, version_max));
    std::optional<Frame> frame = SLUICE_TRY(receive(deadline));
    if (!frame) return std::unexpected(no_answer(ticket, timeout));
    return decode<typename Request::Response>(ticket, std::move(*frame));
  }

  /// Sends a request without waiting; its answer comes after those of all requests sent before.
  template <class Request>
  Result<Ticket> send(const Request& request, env::Instant deadline, std::int16_t version_max = 32767) {
    const std::int16_t v = SLUICE_TRY(version(Request::api_key, version_max));
    const Ticket ticket{Request::api_key, v, next_correlation_id_};
    writer_.clear();
    wire::write_request(writer_, v, ticket.correlation_id, options_.client_id, request);
    SLUICE_TRY(send_frame(ticket, deadline));
    return ticket;
  }
  /// Requests sent whose answers have not been received.
  std::size_t awaited() const { return awaited_.size(); }

  /// The next answer, whose correlation id was found right; nothing where it has not come whole by `deadline`
  /// (what has come is kept, the next call goes on).
  Result<std::optional<Frame>> receive(env::Instant deadline);

  /// Reads the message of an answer to `ticket`.
  /// errors   corrupt: what is missing or too much
  template <class Response>
  static Result<Answer<Response>> decode(const Ticket& ticket, Frame frame) {
    Answer<Response> answer;
    answer.frame = std::move(frame);
    wire::Reader reader(answer.frame.body);
    static_cast<void>(
        SLUICE_TRY(wire::read_response_header(reader, *wire::find_api(ticket.api_key), ticket.version)));
    answer.message.decode(reader, ticket.version);
    if (!reader.finished()) return std::unexpected(unreadable(ticket, reader.ok() ? reader.remaining() : 0));
    return answer;
  }

  /// For poll(2); -1 in a simulation.
  int native_handle() const { return connection_->native_handle(); }

 private:
  Connection(const env::Env& env, env::Address address, const ConnectionOptions& options,
             std::unique_ptr<env::Connection> connection);

  Result<void> agree_on_versions(env::Instant deadline);
  Result<wire::ApiVersionsResponse> ask_versions(std::int16_t version, env::Instant deadline);
  Result<void> send_frame(const Ticket& ticket, env::Instant deadline);
  Result<bool> fill(std::size_t bytes, env::Instant deadline);
  std::shared_ptr<record::RawBuffer> free_buffer(std::size_t bytes);
  Error no_answer(const Ticket& ticket, env::Duration timeout) const;
  static Error unreadable(const Ticket& ticket, std::size_t left_bytes);

  env::Env env_;
  env::Address address_;
  std::string peer_;
  ConnectionOptions options_;
  std::unique_ptr<env::Connection> connection_;
  std::vector<wire::ApiVersionsResponse::ApiVersion> ranges_;  // what the broker speaks

  wire::Writer writer_;
  std::int32_t next_correlation_id_ = 1;
  std::deque<Ticket> awaited_;

  // The answer being received: first its prefix, then its body.
  std::byte prefix_[wire::frame_prefix_bytes] = {};
  std::size_t prefix_have_ = 0;
  std::shared_ptr<record::RawBuffer> incoming_;
  std::size_t body_bytes_ = 0;
  std::size_t body_have_ = 0;
  std::vector<std::shared_ptr<record::RawBuffer>> pool_;  // reused once nobody else holds them
};

}  // namespace sluice::client
