#include "client/connection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "wire/errors.h"
#include "wire/generated/api_versions_request.h"

namespace sluice::client {
namespace {

using wire::ApiVersionsRequest;
using wire::ApiVersionsResponse;

/// Buffers that stay with the connection for the next answers; more than these are given back.
constexpr std::size_t pooled_buffers_max = 3;

}  // namespace

Connection::Connection(const env::Env& env, env::Address address, const ConnectionOptions& options,
                       std::unique_ptr<env::Connection> connection)
    : env_(env),
      address_(std::move(address)),
      peer_(to_string(address_)),
      options_(options),
      connection_(std::move(connection)) {}

Result<std::unique_ptr<Connection>> Connection::open(const env::Env& env, const env::Address& address,
                                                     const ConnectionOptions& options) {
  const env::Instant deadline = env.clock->now() + options.connect_timeout;
  auto socket = SLUICE_TRY(env.net->connect(address, deadline));
  std::unique_ptr<Connection> connection(new Connection(env, address, options, std::move(socket)));
  if (auto agreed = connection->agree_on_versions(deadline); !agreed) {
    return std::unexpected(
        std::move(agreed.error()).in(fmt::format("no versions were agreed on with {}", connection->peer_)));
  }
  return connection;
}

Result<void> Connection::agree_on_versions(env::Instant deadline) {
  // Until the broker has told its own, only this one API is taken for granted.
  const auto preset = [this](std::int16_t version) {
    ApiVersionsResponse::ApiVersion range;
    range.api_key = ApiVersionsRequest::api_key;
    range.min_version = range.max_version = version;
    ranges_ = {range};
  };
  preset(ApiVersionsRequest::version_max);
  ApiVersionsResponse answer = SLUICE_TRY(ask_versions(ApiVersionsRequest::version_max, deadline));
  if (answer.error_code == number(wire::ErrorCode::unsupported_version)) {
    std::int16_t again = 0;
    for (const auto& range : answer.api_keys) {
      if (range.api_key == ApiVersionsRequest::api_key) {
        again =
            std::clamp(range.max_version, ApiVersionsRequest::version_min, ApiVersionsRequest::version_max);
      }
    }
    preset(again);
    answer = SLUICE_TRY(ask_versions(again, deadline));
  }
  if (answer.error_code != 0)
    return std::unexpected(wire::to_error(answer.error_code, "the broker refused ApiVersions"));
  ranges_ = std::move(answer.api_keys);
  return {};
}

Result<ApiVersionsResponse> Connection::ask_versions(std::int16_t version, env::Instant deadline) {
  ApiVersionsRequest request;
  request.client_software_name = "sluice";
  request.client_software_version = SLUICE_VERSION;
  Ticket ticket = SLUICE_TRY(send(request, deadline, version));
  std::optional<Frame> frame = SLUICE_TRY(receive(deadline));
  if (!frame) return std::unexpected(no_answer(ticket, options_.connect_timeout));
  // A broker that does not speak the version answers in version 0, whose only sign is the error code.
  wire::Reader reader(frame->body);
  reader.int32();  // the correlation id
  if (reader.int16() == number(wire::ErrorCode::unsupported_version)) ticket.version = 0;
  return SLUICE_TRY(decode<ApiVersionsResponse>(ticket, std::move(*frame))).message;
}

Result<std::int16_t> Connection::version(std::int16_t api_key, std::int16_t version_max) const {
  const wire::Api* api = wire::find_api(api_key);
  SLUICE_ASSERT(api != nullptr);
  const auto range = std::ranges::find(ranges_, api_key, &ApiVersionsResponse::ApiVersion::api_key);
  if (range == ranges_.end()) {
    return fail(Code::unsupported, fmt::format("nothing was asked: {} does not speak {}", peer_, api->name));
  }
  const std::int16_t ours_max = std::min(api->version_max, version_max);
  const std::int16_t version = std::min(ours_max, range->max_version);
  if (version < std::max(api->version_min, range->min_version)) {
    return fail(Code::unsupported,
                fmt::format("nothing was asked: {} speaks {} in versions {} to {}, we in {} to {}", peer_,
                            api->name, range->min_version, range->max_version, api->version_min, ours_max));
  }
  return version;
}

Result<void> Connection::send_frame(const Ticket& ticket, env::Instant deadline) {
  if (!writer_.ok()) {
    return fail(Code::invalid_argument,
                fmt::format("{} v{} was not sent to {}: a value does not fit into the protocol",
                            wire::find_api(ticket.api_key)->name, ticket.version, peer_));
  }
  next_correlation_id_ = next_correlation_id_ == 0x7fffffff ? 1 : next_correlation_id_ + 1;
  SLUICE_TRY(connection_->write_all(writer_.to_bytes(), deadline));
  awaited_.push_back(ticket);
  return {};
}

std::shared_ptr<record::RawBuffer> Connection::free_buffer(std::size_t bytes) {
  for (auto& buffer : pool_) {
    if (buffer.use_count() == 1) {
      buffer->reserve(bytes);
      return buffer;
    }
  }
  auto made = std::make_shared<record::RawBuffer>();
  made->reserve(bytes);
  if (pool_.size() < pooled_buffers_max) pool_.push_back(made);
  return made;
}

Result<std::optional<Frame>> Connection::receive(env::Instant deadline) {
  const auto missing = [](Error error) -> Result<std::optional<Frame>> {
    if (error.code == Code::timed_out) return std::nullopt;
    return std::unexpected(std::move(error));
  };
  SLUICE_ASSERT(!awaited_.empty());
  while (prefix_have_ < sizeof prefix_) {
    auto n = connection_->read_some(MutableBytes(prefix_).subspan(prefix_have_), deadline);
    if (!n) return missing(std::move(n.error()));
    prefix_have_ += *n;
  }
  if (!incoming_) {
    body_bytes_ = SLUICE_TRY(wire::frame_bytes(prefix_, options_.response_bytes_max));
    incoming_ = free_buffer(body_bytes_);
    body_have_ = 0;
  }
  while (body_have_ < body_bytes_) {
    const MutableBytes rest(incoming_->data() + body_have_, body_bytes_ - body_have_);
    auto n = connection_->read_some(rest, deadline);
    if (!n) return missing(std::move(n.error()));
    body_have_ += *n;
  }
  Frame frame{std::move(incoming_), {}};
  incoming_.reset();
  prefix_have_ = 0;
  frame.body = BytesView(frame.buffer->data(), body_bytes_);

  const Ticket expected = awaited_.front();
  awaited_.pop_front();
  const auto id = load_be<std::int32_t>(frame.body.data());
  if (id != expected.correlation_id) {
    return fail(
        Code::corrupt,
        fmt::format("the answer of {} was not read: it is to request {}, not to {} ({} v{})", peer_, id,
                    expected.correlation_id, wire::find_api(expected.api_key)->name, expected.version));
  }
  return frame;
}

Error Connection::no_answer(const Ticket& ticket, env::Duration timeout) const {
  Error error;
  error.code = Code::timed_out;
  error.message = fmt::format("{} v{} was not answered by {} within {} ms",
                              wire::find_api(ticket.api_key)->name, ticket.version, peer_,
                              std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count());
  return error;
}

Error Connection::unreadable(const Ticket& ticket, std::size_t left_bytes) {
  Error error;
  error.code = Code::corrupt;
  error.message = fmt::format("the answer to {} v{} was not read: {}", wire::find_api(ticket.api_key)->name,
                              ticket.version,
                              left_bytes > 0 ? fmt::format("{} bytes are too many", left_bytes)
                                             : std::string("it is cut short or its lengths lie"));
  return error;
}

}  // namespace sluice::client
