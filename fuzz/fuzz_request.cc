// Frames, headers, and every message of `wire` in every version.
//
// Input: mode u8 (even: the rest is a frame with its prefix; odd: one message) | kind u8 | version u8 | bytes
#include <string>

#include "fuzz/input.h"
#include "wire/frame.h"
#include "wire/message_testing.h"

namespace sluice::wire {
namespace {

using testing::Kind;

constexpr std::size_t frame_bytes_max = 1 << 20;

const std::vector<Kind>& all_kinds() {
  static const std::vector<Kind> kinds = testing::kinds();
  return kinds;
}

/// What is decoded must come back from its own encoding.
void check_message(const Kind& kind, std::int16_t version, Reader& reader) {
  const auto message = kind.make();
  message->decode(reader, version);
  if (!reader.ok()) return;
  Writer writer;
  message->encode(writer, version);
  SLUICE_ASSERT(writer.ok());
  const Bytes bytes = writer.to_bytes();
  Reader again(bytes);
  const auto copy = kind.make();
  copy->decode(again, version);
  SLUICE_ASSERT(again.finished());
  SLUICE_ASSERT(copy->show(version) == message->show(version));
}

void check_frame(BytesView frame) {
  if (frame.size() < frame_prefix_bytes) return;
  const auto size = frame_bytes(frame.data(), frame_bytes_max);
  if (!size) return;
  SLUICE_ASSERT(*size <= frame_bytes_max);
  Reader reader(frame.subspan(frame_prefix_bytes));
  const auto header = read_request_header(reader);
  if (!header) return;
  const Api* api = find_api(header->request_api_key);
  SLUICE_ASSERT(api != nullptr);
  if (!api->speaks(header->request_api_version)) return;
  for (const Kind& kind : all_kinds()) {
    if (kind.name == std::string(api->name) + "Request")
      check_message(kind, header->request_api_version, reader);
  }
}

}  // namespace
}  // namespace sluice::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::wire;
  sluice::fuzz::Input input(data, size);
  const bool is_frame = input.u8() % 2 == 0;
  const Kind& kind = all_kinds()[input.u8() % all_kinds().size()];
  const auto versions = static_cast<unsigned>(kind.version_max - kind.version_min + 1);
  const auto version = static_cast<std::int16_t>(kind.version_min + static_cast<int>(input.u8() % versions));
  const auto body = input.rest();
  if (is_frame) {
    check_frame(body);
  } else {
    Reader reader(body);
    check_message(kind, version, reader);
  }
  return 0;
}
