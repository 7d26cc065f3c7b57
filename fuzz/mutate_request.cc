#include "fuzz/mutator.h"
#include "wire/frame.h"
#include "wire/message_testing.h"

namespace {

using namespace sluice;
using wire::testing::Kind;

constexpr std::size_t head_bytes = 3;

/// A whole message of the kind and version that the first bytes say, or a frame with it.
Bytes valid(std::uint8_t mode, const Kind& kind, std::int16_t version, fuzz::Random& random) {
  wire::testing::Filler filler(random.next(), version);
  const auto message = kind.make();
  message->fill(filler);
  wire::Writer writer;
  const wire::Api* api = nullptr;
  for (const wire::Api& candidate : wire::apis()) {
    if (kind.name == std::string(candidate.name) + "Request") api = &candidate;
  }
  const bool framed = mode % 2 == 0 && api != nullptr;
  if (framed) {
    writer.begin_frame();
    wire::write_request_header(writer, *api, version, static_cast<std::int32_t>(random.next()), "client");
  }
  message->encode(writer, version);
  if (framed) writer.end_frame();
  return writer.to_bytes();
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  static const std::vector<Kind> kinds = wire::testing::kinds();
  if (size_max <= head_bytes) return LLVMFuzzerMutate(data, size, size_max);
  if (size < head_bytes || random.one_in(8)) {
    const std::uint64_t index = random.below(kinds.size());
    const Kind& kind = kinds[index];
    const auto steps = random.below(static_cast<std::uint64_t>(kind.version_max - kind.version_min + 1));
    data[0] = static_cast<std::uint8_t>(random.next());
    data[1] = static_cast<std::uint8_t>(index);
    data[2] = static_cast<std::uint8_t>(steps);
    const auto version = static_cast<std::int16_t>(kind.version_min + static_cast<int>(steps));
    size = fuzz::put(valid(data[0], kind, version, random), data, head_bytes, size_max);
    if (random.one_in(4)) return size;
  }
  if (random.one_in(16)) data[random.below(head_bytes)] = static_cast<std::uint8_t>(random.next());
  return fuzz::bend(data, head_bytes, size, size_max);
}
