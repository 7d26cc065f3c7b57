#include "lake/json_text.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

namespace sluice::lake {
namespace {

TEST(JsonText, NumbersHaveTheFormThatTheGrammarSays) {
  for (const char* token : {"0", "-0", "7", "-12", "9223372036854775808"})
    EXPECT_EQ(number_form(token), NumberForm::integer) << token;
  for (const char* token : {"0.0", "-1.5", "1e3", "1E-3", "0e0", "12.5e+10"})
    EXPECT_EQ(number_form(token), NumberForm::real) << token;
  for (const char* token :
       {"", "-", "+1", "01", "-01", "1.", ".5", "1.e3", "1e", "1e+", "0x1", "NaN", "Infinity", "1 ", "1.5.2"})
    EXPECT_EQ(number_form(token), NumberForm::none) << token;
}

TEST(JsonText, Int64HoldsItsRangeAndNoMore) {
  std::int64_t value = 0;
  EXPECT_TRUE(parse_int64("9223372036854775807", value));
  EXPECT_EQ(value, std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(parse_int64("-9223372036854775808", value));
  EXPECT_EQ(value, std::numeric_limits<std::int64_t>::min());
  EXPECT_FALSE(parse_int64("9223372036854775808", value));
  EXPECT_FALSE(parse_int64("-9223372036854775809", value));
  EXPECT_FALSE(parse_int64("123456789012345678901234567890", value));
}

TEST(JsonText, DoublesAreTheNearestAndNeverInfinite) {
  double value = 1;
  EXPECT_TRUE(parse_double("9007199254740993", value));  // 2^53 + 1: a tie, to even
  EXPECT_EQ(value, 9007199254740992.0);
  EXPECT_TRUE(parse_double("1.7976931348623157e308", value));
  EXPECT_FALSE(parse_double("1e400", value));
  EXPECT_FALSE(parse_double("-1e400", value));
  EXPECT_TRUE(parse_double("1e-400", value));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(value), 0u);
  EXPECT_TRUE(parse_double("-0.0000001e-400", value));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(value), std::uint64_t{1} << 63);
  EXPECT_TRUE(parse_double("4.9e-324", value));
  EXPECT_GT(value, 0.0);
  const std::string tiny = "0." + std::string(500, '0') + "1e100";
  EXPECT_TRUE(parse_double(tiny, value));
  EXPECT_EQ(value, 0.0);
  EXPECT_FALSE(parse_double("1" + std::string(400, '0') + ".5", value));
}

TEST(JsonText, EveryDayOfTheCalendarIsADateAndNoOtherIs) {
  std::int64_t expected = -719162;  // 0001-01-01
  for (int year = 1; year <= 9999; ++year) {
    for (int month = 1; month <= 12; ++month) {
      const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
      const int days =
          month == 2 ? (leap ? 29 : 28) : (month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31);
      for (int day : {0, 1, 15, 28, 29, 30, 31, 32}) {
        const std::string text = fmt::format("{:04}-{:02}-{:02}", year, month, day);
        std::int64_t found = 0;
        const bool is_day = day >= 1 && day <= days;
        ASSERT_EQ(parse_date(text, found), is_day) << text;
        if (!is_day) continue;
        ASSERT_EQ(found, expected + day - 1) << text;
        const CivilDay back = civil_from_days(found);
        ASSERT_TRUE(back.year == year && back.month == static_cast<unsigned>(month) &&
                    back.day == static_cast<unsigned>(day))
            << text;
      }
      expected += days;
    }
  }
  std::int64_t days = 1;
  EXPECT_TRUE(parse_date("1970-01-01", days));
  EXPECT_EQ(days, 0);
  for (const char* bad :
       {"", "1970-1-01", "1970-01-1", "1970/01/01", "0000-01-01", "19700101", "1970-13-01", "1970-00-10",
        "197a-01-01", "1970-01-01 ", "-970-01-01", "1970-0:-01", "1970-01-/1"})
    EXPECT_FALSE(parse_date(bad, days)) << bad;
}

TEST(JsonText, TimestampsWithAndWithoutZoneAreToldApart) {
  std::int64_t t = 0;
  EXPECT_TRUE(parse_timestamp("1970-01-01T00:00:00Z", Zone::with, t));
  EXPECT_EQ(t, 0);
  EXPECT_TRUE(parse_timestamp("2013-01-01T10:00:00.5+02:00", Zone::with, t));
  EXPECT_EQ(t, 1357027200500000);
  EXPECT_TRUE(parse_timestamp("2013-01-01 08:00:00.000001", Zone::without, t));
  EXPECT_EQ(t, 1357027200000001);
  EXPECT_TRUE(parse_timestamp("1969-12-31T23:59:59.999999-00:00", Zone::with, t));
  EXPECT_EQ(t, -1);
  EXPECT_TRUE(parse_timestamp("2013-01-01T08:00:00.123456000Z", Zone::with, t));
  EXPECT_EQ(t, 1357027200123456);
  EXPECT_FALSE(parse_timestamp("2013-01-01T08:00:00", Zone::with, t));
  EXPECT_FALSE(parse_timestamp("2013-01-01T08:00:00Z", Zone::without, t));
  for (const char* bad :
       {"2013-01-01T24:00:00Z", "2013-01-01T08:60:00Z", "2013-01-01T08:00:60Z", "2013-02-29T08:00:00Z",
        "2013-01-01T08:00Z", "2013-01-01T08:00:00.Z", "2013-01-01T08:00:00.1234567Z",
        "2013-01-01T08:00:00.0000000000Z", "2013-01-01T08:00:00+24:00", "2013-01-01T08:00:00+0200",
        "2013-01-01t08:00:00Z", "2013-01-01T08:00:00z", "2013-01-01T08:00:00Z ", "2013-01-01T08:00:00+02:60",
        "2013-01-01T8:00:00Z", "2013-01-01T08-00-00Z"})
    EXPECT_FALSE(parse_timestamp(bad, Zone::with, t)) << bad;
}

}  // namespace
}  // namespace sluice::lake
