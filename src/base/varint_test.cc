#include "base/varint.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <vector>

namespace sluice::base {
namespace {

const std::byte* parse(const Bytes& bytes, std::uint32_t& v) {
  return parse_varint(bytes.data(), bytes.data() + bytes.size(), v);
}
const std::byte* parse(const Bytes& bytes, std::uint64_t& v) {
  return parse_varlong(bytes.data(), bytes.data() + bytes.size(), v);
}
Bytes bytes_of(std::initializer_list<unsigned> values) {
  Bytes out;
  for (unsigned v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

TEST(Varint, SmallestFormsAreTheKnownBytes) {
  std::array<std::byte, varint_bytes_max> out{};
  EXPECT_EQ(write_varint(out.data(), 300) - out.data(), 2);
  EXPECT_EQ(out[0], std::byte{0xac});
  EXPECT_EQ(out[1], std::byte{0x02});
  EXPECT_EQ(zigzag(-1), 1u);
  EXPECT_EQ(zigzag(1), 2u);
  EXPECT_EQ(zigzag(std::numeric_limits<std::int32_t>::min()), 0xffffffffu);
}

TEST(Varint, EveryLengthComesBack) {
  for (unsigned bits = 0; bits <= 64; ++bits) {
    for (std::uint64_t v : {bits == 64 ? ~0ull : (1ull << bits) - 1, bits == 64 ? 0ull : 1ull << bits}) {
      Bytes out(varlong_bytes_max);
      const auto* end = write_varlong(out.data(), v);
      const auto length = static_cast<std::size_t>(end - out.data());
      EXPECT_EQ(length, varlong_bytes(v)) << v;
      std::uint64_t back = ~v;
      EXPECT_EQ(parse_varlong(out.data(), end, back), end) << v;
      EXPECT_EQ(back, v);
      EXPECT_EQ(unzigzag64(zigzag64(static_cast<std::int64_t>(v))), static_cast<std::int64_t>(v));
      if (v > std::numeric_limits<std::uint32_t>::max()) continue;
      const auto narrow = static_cast<std::uint32_t>(v);
      EXPECT_EQ(static_cast<std::size_t>(write_varint(out.data(), narrow) - out.data()),
                varint_bytes(narrow));
      std::uint32_t narrow_back = ~narrow;
      EXPECT_EQ(parse(out, narrow_back), out.data() + varint_bytes(narrow));
      EXPECT_EQ(narrow_back, narrow);
      EXPECT_EQ(unzigzag(zigzag(static_cast<std::int32_t>(narrow))), static_cast<std::int32_t>(narrow));
    }
  }
}

TEST(Varint, CutShortIsRefused) {
  std::uint32_t v = 0;
  EXPECT_EQ(parse(Bytes{}, v), nullptr);
  EXPECT_EQ(parse(bytes_of({0x80}), v), nullptr);
  EXPECT_EQ(parse(bytes_of({0xff, 0xff, 0xff, 0xff}), v), nullptr);
}

TEST(Varint, TooLongIsRefused) {
  std::uint32_t v = 0;
  std::uint64_t wide = 0;
  EXPECT_EQ(parse(bytes_of({0x80, 0x80, 0x80, 0x80, 0x80, 0x00}), v), nullptr);
  EXPECT_EQ(parse(Bytes(11, std::byte{0x80}), wide), nullptr);
}

TEST(Varint, MoreBitsThanFitAreRefused) {
  std::uint32_t v = 0;
  std::uint64_t wide = 0;
  EXPECT_NE(parse(bytes_of({0xff, 0xff, 0xff, 0xff, 0x0f}), v), nullptr);
  EXPECT_EQ(v, 0xffffffffu);
  EXPECT_EQ(parse(bytes_of({0xff, 0xff, 0xff, 0xff, 0x10}), v), nullptr);
  Bytes bytes(9, std::byte{0xff});
  bytes.push_back(std::byte{0x01});
  EXPECT_NE(parse(bytes, wide), nullptr);
  EXPECT_EQ(wide, ~0ull);
  bytes.back() = std::byte{0x02};
  EXPECT_EQ(parse(bytes, wide), nullptr);
}

TEST(Bytes, NumbersAreStoredInTheOrderTheyName) {
  std::array<std::byte, 4> out{};
  store_be<std::uint32_t>(out.data(), 0x01020304u);
  EXPECT_EQ(out[0], std::byte{1});
  EXPECT_EQ(load_be<std::uint32_t>(out.data()), 0x01020304u);
  EXPECT_EQ(load_le<std::uint32_t>(out.data()), 0x04030201u);
  store_le<std::int16_t>(out.data(), -2);
  EXPECT_EQ(out[0], std::byte{0xfe});
  EXPECT_EQ(load_le<std::int16_t>(out.data()), -2);
}

}  // namespace
}  // namespace sluice::base
