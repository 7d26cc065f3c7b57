#include "base/crc32c.h"

#include <gtest/gtest.h>

namespace sluice::base {
namespace {

/// The definition, a bit at a time.
std::uint32_t plain_crc32c(BytesView bytes) {
  std::uint32_t crc = ~0u;
  for (std::byte byte : bytes) {
    crc ^= static_cast<std::uint8_t>(byte);
    for (int i = 0; i < 8; ++i) crc = (crc & 1u) != 0 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
  }
  return ~crc;
}

Bytes pattern(std::size_t size) {
  Bytes out(size);
  std::uint32_t x = 1;
  for (auto& byte : out) {
    x = x * 1664525u + 1013904223u;
    byte = static_cast<std::byte>(x >> 24);
  }
  return out;
}

TEST(Crc32c, GivesTheValuesOfRfc3720) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c(Bytes(32, std::byte{0})), 0x8A9136AAu);
  EXPECT_EQ(crc32c(Bytes(32, std::byte{0xff})), 0x62A8AB43u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, AgreesWithTheDefinitionAtEveryLengthAndAlignment) {
  const Bytes bytes = pattern(10000);
  for (std::size_t length :
       {0u, 1u, 7u, 8u, 9u, 63u, 64u, 1023u, 1024u, 3071u, 3072u, 3073u, 6143u, 6144u, 9990u}) {
    for (std::size_t from = 0; from < 9; ++from) {
      const auto part = BytesView(bytes).subspan(from, length);
      EXPECT_EQ(crc32c(part), plain_crc32c(part)) << from << "+" << length;
    }
  }
}

TEST(Crc32c, CanBeContinued) {
  const Bytes bytes = pattern(8000);
  const std::uint32_t whole = crc32c(bytes);
  for (std::size_t cut : {0u, 1u, 100u, 4000u, 7999u, 8000u})
    EXPECT_EQ(crc32c(BytesView(bytes).subspan(cut), crc32c(BytesView(bytes).first(cut))), whole) << cut;
}

}  // namespace
}  // namespace sluice::base
