#include "base/error.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace sluice::base {
namespace {

Result<std::unique_ptr<int>> half(int n) {
  if (n % 2 != 0) return fail(Code::invalid_argument, "odd", "try an even one");
  return std::make_unique<int>(n / 2);
}
Result<int> quarter(int n) {
  const auto once = SLUICE_TRY(half(n));
  return *SLUICE_TRY(half(*once));
}

TEST(Result, TryGivesTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter(8).value(), 2);
  ASSERT_FALSE(quarter(6).has_value());
  EXPECT_EQ(quarter(6).error().code, Code::invalid_argument);
  EXPECT_EQ(quarter(3).error().message, "odd");
}

TEST(Error, GrowsContextAndHint) {
  Error error = std::move(quarter(3).error()).in("topic events, partition 2").hinting("sluice help");
  EXPECT_EQ(error.message, "topic events, partition 2: odd");
  EXPECT_EQ(to_string(error), "topic events, partition 2: odd (sluice help)");
  error.hint.clear();
  EXPECT_EQ(to_string(error), "topic events, partition 2: odd");
}

TEST(Error, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(Code::kafka); ++code) {
    const auto text = name(static_cast<Code>(code));
    EXPECT_NE(text, "unknown");
    EXPECT_TRUE(names.insert(text).second) << text;
  }
}

}  // namespace
}  // namespace sluice::base
