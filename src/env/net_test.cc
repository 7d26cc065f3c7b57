#include "env/net.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::env {
namespace {

using testing::HasSubstr;

Address parsed(std::string_view text) {
  auto address = parse_address(text, 9092);
  EXPECT_TRUE(address.has_value()) << text;
  return address ? *address : Address{};
}

TEST(Addresses, EveryFormIsUnderstood) {
  EXPECT_EQ(parsed("localhost:19092"), (Address{"localhost", 19092}));
  EXPECT_EQ(parsed("10.0.0.1"), (Address{"10.0.0.1", 9092}));
  EXPECT_EQ(parsed(":0"), (Address{"127.0.0.1", 0}));
  EXPECT_EQ(parsed("[::1]:65535"), (Address{"::1", 65535}));
  EXPECT_EQ(parsed("[fe80::1]"), (Address{"fe80::1", 9092}));
}

TEST(Addresses, TextComesBack) {
  for (const char* text : {"localhost:1", "[::1]:9092", "127.0.0.1:0"})
    EXPECT_EQ(to_string(parsed(text)), text);
}

TEST(Addresses, NonsenseIsRefusedWithTheReason) {
  for (const char* text :
       {"", "a:", "a:b", "a:65536", "a:-1", "a:1x", "a:+1", "::1", "[::1", "[::1]9", "[]:9", "a:b:c"}) {
    const auto refused = parse_address(text, 1);
    ASSERT_FALSE(refused.has_value()) << text;
    EXPECT_EQ(refused.error().code, Code::invalid_argument);
    EXPECT_THAT(refused.error().message, HasSubstr("'" + std::string(text) + "' is not an address"));
    EXPECT_THAT(refused.error().hint, HasSubstr("host:port"));
  }
}

}  // namespace
}  // namespace sluice::env
