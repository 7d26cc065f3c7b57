#include "audit/values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sluice::audit {
namespace {

TEST(Values, IntegersHaveNeitherFractionNorExponentAndFit64Bits) {
  EXPECT_EQ(to_int64("-0"), 0);
  EXPECT_EQ(to_int64("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(to_int64("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  for (const auto* bad : {"9223372036854775808", "1.0", "1e3", "-"})
    EXPECT_EQ(to_int64(bad), std::nullopt) << bad;
}

TEST(Values, DoublesAreTheNearestOnesAndNeverInfinite) {
  EXPECT_EQ(to_double("0.1"), 0.1);
  EXPECT_EQ(to_double("1e400"), std::nullopt);
  EXPECT_EQ(to_double("-1e400"), std::nullopt);
  EXPECT_EQ(to_double("1e-400"), 0.0);
  EXPECT_TRUE(std::signbit(to_double("-0").value()));
  EXPECT_EQ(to_double("4.9e-324"), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(to_double("9007199254740993"), 9007199254740992.0);
}

TEST(Values, DatesAreDaysOfTheCalendar) {
  EXPECT_EQ(to_date("1970-01-01"), 0);
  EXPECT_EQ(to_date("1969-12-31"), -1);
  EXPECT_EQ(to_date("2000-02-29"), 11016);
  for (const auto* bad : {"2001-02-29", "0000-01-01", "2000-1-01", "2000-01-01 ", "2000-13-01", ""}) {
    EXPECT_EQ(to_date(bad), std::nullopt) << bad;
  }
}

TEST(Values, TimesHaveAZoneExactlyWhereTheirTypeWantsOne) {
  EXPECT_EQ(to_timestamp("1970-01-01T00:00:00Z", true), 0);
  EXPECT_EQ(to_timestamp("1970-01-01 01:00:00.5+01:00", true), 500'000);
  EXPECT_EQ(to_timestamp("1969-12-31T23:59:59.999999", false), -1);
  EXPECT_EQ(to_timestamp("1970-01-01T00:00:00.123456000", false), 123'456);
  EXPECT_EQ(to_timestamp("1970-01-01T00:00:00", true), std::nullopt);
  EXPECT_EQ(to_timestamp("1970-01-01T00:00:00Z", false), std::nullopt);
  for (const auto* bad : {"1970-01-01T24:00:00", "1970-01-01T00:00:60", "1970-01-01T00:00:00.1234567",
                          "1970-01-01T00:00:00.", "1970-01-01T00:00:00.0000000000", "1970-01-01t00:00:00"}) {
    EXPECT_EQ(to_timestamp(bad, false), std::nullopt) << bad;
  }
}

TEST(Values, TimesBefore1970HaveTheRightDayAndHour) {
  EXPECT_EQ(date_text(day_of(-1)), "1969-12-31");
  EXPECT_EQ(hour_text(-1), "1969-12-31-23");
  EXPECT_EQ(timestamp_text(-1), "1969-12-31 23:59:59.999999");
  EXPECT_EQ(timestamp_text(0), "1970-01-01 00:00:00");
}

TEST(Values, HiveEscapesWhatHiveEscapes) {
  EXPECT_EQ(hive_escape("a/b=c d}\x01\x7f{"), "a%2Fb%3Dc d}%01%7F%7B");
}

}  // namespace
}  // namespace sluice::audit
