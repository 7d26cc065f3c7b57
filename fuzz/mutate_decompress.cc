#include "fuzz/mutator.h"
#include "record/compression.h"

namespace {

using namespace sluice;

constexpr std::size_t head_bytes = 2;

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  if (size_max <= head_bytes) return LLVMFuzzerMutate(data, size, size_max);
  if (size <= head_bytes || random.one_in(8)) {
    const auto codec = static_cast<record::Codec>(1 + random.below(4));
    Bytes content = random.bytes(random.one_in(8) ? 20000 : 300);
    if (random.one_in(3)) content.resize(content.size() * 10);  // a tail of zeros: long matches
    Bytes stream;
    record::Compressor compressor;
    if (!compressor.compress(codec, record::level_default, content, stream)) return size;
    data[0] = static_cast<std::uint8_t>(static_cast<unsigned>(codec) | (random.one_in(4) ? 0u : 8u));
    data[1] = static_cast<std::uint8_t>(random.next());
    size = fuzz::put(stream, data, head_bytes, size_max);
    if (random.one_in(4)) return size;
  }
  if (random.one_in(16)) data[random.below(head_bytes)] = static_cast<std::uint8_t>(random.next());
  return fuzz::bend(data, head_bytes, size, size_max);
}
