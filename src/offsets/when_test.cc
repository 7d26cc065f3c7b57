#include "offsets/when.h"

#include <gtest/gtest.h>

namespace sluice::offsets {
namespace {

TEST(When, DatesHaveAZoneOrAreUtc) {
  constexpr std::int64_t half_past_eight = 1'795'552'200'000;  // 2026-11-24T20:30:00Z
  EXPECT_EQ(parse_datetime("2026-11-24T20:30:00Z").value(), half_past_eight);
  EXPECT_EQ(parse_datetime("2026-11-24T20:30:00.000").value(), half_past_eight);
  EXPECT_EQ(parse_datetime("2026-11-24 20:30").value(), half_past_eight);
  EXPECT_EQ(parse_datetime("2026-11-24T21:30:00.250+01:00").value(), half_past_eight + 250);
  EXPECT_EQ(parse_datetime("2026-11-24T15:30:00-0500").value(), half_past_eight);
  EXPECT_EQ(parse_datetime("2026-11-24").value(), half_past_eight - (20 * 60 + 30) * 60'000);
  EXPECT_EQ(parse_datetime("1795552200000").value(), half_past_eight);
  EXPECT_EQ(format_datetime(half_past_eight + 7), "2026-11-24T20:30:00.007Z");
}

TEST(When, WhatIsNoTimeIsRefusedWithTheFormsThatAre) {
  for (const auto* bad :
       {"", "yesterday", "2026-13-01", "2026-02-30", "2026-11-24T25:00", "2026-11-24T20:30:00Zx",
        "24.11.2026", "2026-11-24T20:30:00+", "1969-12-31", "99999999999999999999", "-5x", "2026-11-24T"}) {
    const auto parsed = parse_time(bad, 0);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Code::invalid_argument) << bad;
    EXPECT_FALSE(parsed.error().hint.empty()) << bad;
  }
}

TEST(When, PeriodsAreIso8601OrShort) {
  EXPECT_EQ(parse_period("PT1H30M").value(), 90 * 60'000);
  EXPECT_EQ(parse_period("P1DT12H").value(), 36 * 3'600'000);
  EXPECT_EQ(parse_period("PT0.5S").value(), 500);
  EXPECT_EQ(parse_period("P2W").value(), 14 * 86'400'000LL);
  EXPECT_EQ(parse_period("90m").value(), 90 * 60'000);
  EXPECT_EQ(parse_period("250ms").value(), 250);
  for (const auto* bad :
       {"", "P", "PT", "P1DT", "P1M", "P1Y", "PT1M1H", "PT0.5H", "1", "h", "-1h", "P99999999999999999D"}) {
    EXPECT_FALSE(parse_period(bad)) << bad;
  }
}

TEST(When, TimesAreKafkasSpecialOnesDatesOrAgo) {
  EXPECT_EQ(parse_time("-1", 0)->timestamp_ms, -1);
  EXPECT_EQ(parse_time("latest", 0)->timestamp_ms, -1);
  EXPECT_EQ(parse_time("-2", 0)->timestamp_ms, -2);
  EXPECT_EQ(parse_time("earliest", 0)->timestamp_ms, -2);
  EXPECT_EQ(parse_time("max-timestamp", 0)->timestamp_ms, -3);
  EXPECT_EQ(parse_time("-2h", 10 * 3'600'000)->timestamp_ms, 8 * 3'600'000);
  EXPECT_EQ(parse_time("-30d", 1000)->timestamp_ms, 0);
  EXPECT_EQ(parse_time("0", 5)->timestamp_ms, 0);
}

}  // namespace
}  // namespace sluice::offsets
