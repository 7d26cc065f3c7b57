// Streams of the codecs, as they lie in a record batch.
//
// Input: codec u8 (low 3 bits; bit 3: put the lz4 frame header's checksum right) | limits u8 | stream
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "fuzz/input.h"
#include "record/compression.h"

namespace sluice::record {
namespace {

/// An lz4 frame's descriptor ends with the second byte of the XXH32 of what is before it.
void put_lz4_header_right(MutableBytes stream) {
  constexpr std::size_t magic_bytes = 4;
  if (stream.size() < magic_bytes + 3) return;
  const auto flags = static_cast<std::uint8_t>(stream[magic_bytes]);
  const std::size_t descriptor = 2u + ((flags & 8u) != 0 ? 8u : 0u) + ((flags & 1u) != 0 ? 4u : 0u);
  if (stream.size() <= magic_bytes + descriptor) return;
  const XXH32_hash_t hash = XXH32(stream.data() + magic_bytes, descriptor, 0);
  stream[magic_bytes + descriptor] = static_cast<std::byte>(hash >> 8);
}

Result<Bytes> inflate(Decompressor& decompressor, Codec codec, BytesView stream) {
  const auto out = decompressor.decompress(codec, stream);
  if (!out) return std::unexpected(out.error());
  if (codec != Codec::none) {
    unsigned sum = 0;  // the padding is readable
    for (std::size_t i = 0; i < padding_bytes; ++i)
      sum += static_cast<unsigned>(out->data()[out->size() + i]);
    SLUICE_ASSERT(sum < 256 * padding_bytes);
  }
  return to_owned(*out);
}

}  // namespace
}  // namespace sluice::record

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::record;
  fuzz::Input input(data, size);
  const std::uint8_t choice = input.u8();
  const auto codec = static_cast<Codec>(choice & 7u);
  const std::size_t limit = std::size_t{1} << (6 + input.u8() % 15);  // 64 bytes to 1 MiB
  Bytes stream = to_owned(input.rest());
  if ((choice & 8u) != 0 && codec == Codec::lz4) put_lz4_header_right(stream);

  const DecompressLimits limits{.bytes_max = limit, .ratio_max = 100, .bytes_floor = limit / 2};
  Decompressor fresh(limits);
  const auto first = inflate(fresh, codec, stream);
  if (first && codec != Codec::none) SLUICE_ASSERT(first->size() <= limit);
  // A context that has seen this stream, good or bad, treats it the same again.
  const auto second = inflate(fresh, codec, stream);
  SLUICE_ASSERT(first.has_value() == second.has_value());
  if (first) SLUICE_ASSERT(*first == *second);
  return 0;
}
