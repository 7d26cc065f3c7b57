#include "base/crc32c.h"

#include <array>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace sluice::base {
namespace {

constexpr std::uint32_t polynomial = 0x82F63B78u;  // Castagnoli, reflected

constexpr auto make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = c & 1u ? c >> 1 ^ polynomial : c >> 1;
    table[i] = c;
  }
  return table;
}
constexpr auto table = make_table();

std::uint32_t by_table(const std::byte* p, std::size_t n, std::uint32_t c) {
  for (; n != 0; --n, ++p) c = table[(c ^ static_cast<std::uint8_t>(*p)) & 0xffu] ^ c >> 8;
  return c;
}

#if defined(__x86_64__)
// Three independent streams keep the crc32 instruction busy (latency 3, throughput 1); their ends are joined
// by multiplying with x^(8*block) in GF(2), which is linear: one table look-up a byte of the crc.
constexpr std::size_t block = 1024;

/// The crc that `c` becomes after `zeros` zero bytes, by the plain definition. Only used to make tables.
constexpr std::uint32_t after_zeros(std::uint32_t c, std::size_t zeros) {
  for (std::size_t i = 0; i < zeros; ++i) c = table[c & 0xffu] ^ c >> 8;
  return c;
}

using Shift = std::array<std::array<std::uint32_t, 256>, 4>;
Shift make_shift(std::size_t zeros) {
  Shift shift{};
  std::array<std::uint32_t, 32> bit{};
  for (unsigned i = 0; i < 32; ++i) bit[i] = after_zeros(1u << i, zeros);
  for (unsigned byte = 0; byte < 4; ++byte)
    for (unsigned v = 0; v < 256; ++v)
      for (unsigned i = 0; i < 8; ++i)
        if ((v >> i & 1u) != 0) shift[byte][v] ^= bit[8 * byte + i];
  return shift;
}
std::uint32_t shifted(const Shift& s, std::uint32_t c) {
  return s[0][c & 0xffu] ^ s[1][c >> 8 & 0xffu] ^ s[2][c >> 16 & 0xffu] ^ s[3][c >> 24];
}

[[gnu::target("sse4.2")]] std::uint32_t by_instruction(const std::byte* p, std::size_t n,
                                                       std::uint32_t start) {
  static const Shift over_block = make_shift(block);
  std::uint64_t c = start;
  while (n >= 3 * block) {
    std::uint64_t c1 = 0;
    std::uint64_t c2 = 0;
    for (std::size_t i = 0; i < block; i += 8) {
      c = _mm_crc32_u64(c, load_le<std::uint64_t>(p + i));
      c1 = _mm_crc32_u64(c1, load_le<std::uint64_t>(p + block + i));
      c2 = _mm_crc32_u64(c2, load_le<std::uint64_t>(p + 2 * block + i));
    }
    c = shifted(over_block, static_cast<std::uint32_t>(c)) ^ c1;
    c = shifted(over_block, static_cast<std::uint32_t>(c)) ^ c2;
    p += 3 * block;
    n -= 3 * block;
  }
  for (; n >= 8; n -= 8, p += 8) c = _mm_crc32_u64(c, load_le<std::uint64_t>(p));
  auto c32 = static_cast<std::uint32_t>(c);
  for (; n != 0; --n, ++p) c32 = _mm_crc32_u8(c32, static_cast<std::uint8_t>(*p));
  return c32;
}
#endif

}  // namespace

std::uint32_t crc32c(BytesView bytes, std::uint32_t crc) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~by_instruction(bytes.data(), bytes.size(), ~crc);
#endif
  return ~by_table(bytes.data(), bytes.size(), ~crc);
}

}  // namespace sluice::base
