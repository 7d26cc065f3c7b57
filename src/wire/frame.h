// Frames: a size, a header, a message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/generated/request_header.h"
#include "wire/generated/response_header.h"
#include "wire/reader.h"
#include "wire/versions.h"
#include "wire/writer.h"

namespace sluice::wire {

constexpr std::size_t frame_prefix_bytes = 4;

/// The size of the frame that follows its prefix (the first frame_prefix_bytes of `prefix`). corrupt where it
/// is smaller than a header, limit_exceeded where it is larger than `frame_bytes_max`: nothing may be
/// allocated for it then.
Result<std::size_t> frame_bytes(const std::byte* prefix, std::size_t frame_bytes_max);

/// Reads a request's header, in the version that its key and version ask for. unsupported where the key is
/// unknown (the place of the client id and all that follows is then unknown too), corrupt where it is cut
/// short. A version that is not spoken is no error here: the header is read as a later one would be.
Result<RequestHeader> read_request_header(Reader& reader);

/// Reads the header of an answer to a request of `api` and `version`; returns its correlation id.
Result<std::int32_t> read_response_header(Reader& reader, const Api& api, std::int16_t version);

/// The header part of write_request and write_response; for answers that are written in other ways.
void write_request_header(Writer& writer, const Api& api, std::int16_t version, std::int32_t correlation_id,
                          const std::optional<std::string>& client_id);
void write_response_header(Writer& writer, const Api& api, std::int16_t version, std::int32_t correlation_id);

/// A whole request with its size prefix into an empty writer. Ask writer.ok() before sending.
template <class Request>
void write_request(Writer& writer, std::int16_t version, std::int32_t correlation_id,
                   const std::optional<std::string>& client_id, const Request& request) {
  writer.begin_frame();
  write_request_header(writer, *find_api(Request::api_key), version, correlation_id, client_id);
  request.encode(writer, version);
  writer.end_frame();
}

/// A whole answer with its size prefix into an empty writer. Ask writer.ok() before sending.
template <class Response>
void write_response(Writer& writer, std::int16_t version, std::int32_t correlation_id,
                    const Response& response) {
  writer.begin_frame();
  write_response_header(writer, *find_api(Response::api_key), version, correlation_id);
  response.encode(writer, version);
  writer.end_frame();
}

}  // namespace sluice::wire
