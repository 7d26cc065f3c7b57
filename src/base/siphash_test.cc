#include "base/siphash.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::base {
namespace {

constexpr HashKey published{0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

Bytes counting(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

// The authors' test vectors, read as two little-endian words.
TEST(SipHash, IsWhatItsAuthorsPublished) {
  EXPECT_EQ(siphash128(published, counting(0)), (Hash128{0xe6a825ba047f81a3u, 0x930255c71472f66du}));
  EXPECT_EQ(siphash128(published, counting(1)), (Hash128{0x44af996bd8c187dau, 0x45fc229b11597634u}));
}

TEST(SipHash, DependsOnEveryByteTheLengthAndTheKey) {
  for (std::size_t size = 0; size < 40; ++size) {
    const Bytes bytes = counting(size);
    const Hash128 hash = siphash128(published, bytes);
    EXPECT_NE(hash, siphash128({published.k0 + 1, published.k1}, bytes));
    EXPECT_NE(hash, siphash128({published.k0, published.k1 + 1}, bytes));
    EXPECT_NE(hash, siphash128(published, counting(size + 1)));
    for (std::size_t i = 0; i < size; ++i) {
      Bytes other = bytes;
      other[i] ^= std::byte{0x80};
      EXPECT_NE(hash, siphash128(published, other));
    }
  }
}

}  // namespace
}  // namespace sluice::base
