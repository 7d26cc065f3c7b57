#include "wire/frame.h"

#include <fmt/format.h>

namespace sluice::wire {
namespace {

// A request header has at least key, version and correlation id; an answer's at least the correlation id.
constexpr std::int32_t frame_bytes_min = 4;

}  // namespace

Result<std::size_t> frame_bytes(const std::byte* prefix, std::size_t frame_bytes_max) {
  const auto size = load_be<std::int32_t>(prefix);
  if (size < frame_bytes_min) {
    return fail(Code::corrupt,
                fmt::format("the frame was not read: its size of {} bytes is below the {} of any header",
                            size, frame_bytes_min));
  }
  if (static_cast<std::size_t>(size) > frame_bytes_max) {
    return fail(Code::limit_exceeded,
                fmt::format("the frame was not read: it has {} bytes, more than the {} allowed", size,
                            frame_bytes_max));
  }
  return static_cast<std::size_t>(size);
}

Result<RequestHeader> read_request_header(Reader& reader) {
  Reader ahead = reader;
  const std::int16_t key = ahead.int16();
  const std::int16_t version = ahead.int16();
  const Api* api = find_api(key);
  if (!ahead.ok()) return fail(Code::corrupt, "the request was not read: it ends within its header");
  if (api == nullptr || version < 0) {
    return fail(Code::unsupported,
                fmt::format("the request was not read: API key {} in version {} is unknown", key, version));
  }
  RequestHeader header;
  header.decode(reader, request_header_version(*api, version));
  if (!reader.ok()) {
    return fail(Code::corrupt,
                fmt::format("the request was not read: the header of a {} v{} is cut short or lies",
                            api->name, version));
  }
  return header;
}

Result<std::int32_t> read_response_header(Reader& reader, const Api& api, std::int16_t version) {
  ResponseHeader header;
  header.decode(reader, response_header_version(api, version));
  if (!reader.ok()) {
    return fail(
        Code::corrupt,
        fmt::format("the answer to {} v{} was not read: its header is cut short or lies", api.name, version));
  }
  return header.correlation_id;
}

void write_request_header(Writer& writer, const Api& api, std::int16_t version, std::int32_t correlation_id,
                          const std::optional<std::string>& client_id) {
  RequestHeader header;
  header.request_api_key = api.key;
  header.request_api_version = version;
  header.correlation_id = correlation_id;
  header.client_id = client_id;
  header.encode(writer, request_header_version(api, version));
}

void write_response_header(Writer& writer, const Api& api, std::int16_t version,
                           std::int32_t correlation_id) {
  ResponseHeader header;
  header.correlation_id = correlation_id;
  header.encode(writer, response_header_version(api, version));
}

}  // namespace sluice::wire
