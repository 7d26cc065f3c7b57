#include "fuzz/mutator.h"

#include <algorithm>
#include <limits>

namespace sluice::fuzz {

std::uint64_t Random::next() {
  state_ += 0x9E3779B97F4A7C15u;
  std::uint64_t z = state_;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

std::int64_t Random::integer() {
  constexpr std::int64_t notable[] = {0,
                                      1,
                                      -1,
                                      127,
                                      128,
                                      32767,
                                      65535,
                                      std::numeric_limits<std::int32_t>::max(),
                                      std::numeric_limits<std::int32_t>::min(),
                                      std::numeric_limits<std::uint32_t>::max(),
                                      std::numeric_limits<std::int64_t>::max(),
                                      std::numeric_limits<std::int64_t>::max() - 1,
                                      std::numeric_limits<std::int64_t>::min()};
  if (one_in(4)) return notable[below(std::size(notable))];
  return static_cast<std::int64_t>(next() >> below(64));
}

base::Bytes Random::bytes(std::size_t size_max) {
  base::Bytes out(below(size_max + 1));
  const std::uint64_t kinds = one_in(2) ? 4 : 256;  // few different bytes compress well
  for (auto& byte : out) byte = static_cast<std::byte>(below(kinds));
  return out;
}

std::size_t bend(std::uint8_t* data, std::size_t from, std::size_t size, std::size_t size_max) {
  if (from >= size_max) return size;
  from = std::min(from, size);
  return from + LLVMFuzzerMutate(data + from, size - from, size_max - from);
}

std::size_t put(base::BytesView content, std::uint8_t* data, std::size_t at, std::size_t size_max) {
  if (at >= size_max) return size_max;
  const auto part = content.first(std::min(content.size(), size_max - at));
  std::ranges::transform(part, data + at, [](std::byte byte) { return static_cast<std::uint8_t>(byte); });
  return at + part.size();
}

}  // namespace sluice::fuzz
