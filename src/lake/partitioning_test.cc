#include "lake/partitioning.h"

#include <gtest/gtest.h>

#include <random>

#include "lake/hive_path.h"
#include "lake/testing.h"

namespace sluice::lake {
namespace {

std::shared_ptr<const Schema> schema() {
  return testing::schema_of({{"i", "", Type::int64, true},
                             {"d", "", Type::float64, true},
                             {"s", "", Type::string, true},
                             {"day", "", Type::date, true},
                             {"at", "", Type::timestamp, true},
                             {"b", "", Type::boolean, true}});
}

std::string refusal(const std::vector<std::string>& terms) {
  auto parsed = Partitioning::parse(terms, *schema());
  return parsed ? "accepted" : parsed.error().message;
}

std::string path_of(const std::vector<std::string>& terms, std::string_view json,
                    std::int64_t timestamp_ms = 0) {
  HivePaths paths(schema(), Partitioning::parse(terms, *schema()).value());
  Decoder decoder(schema());
  const testing::Padded value(json);
  EXPECT_TRUE(decoder.decode(value.view())) << decoder.reason();
  return paths.make(decoder.row(), timestamp_ms) ? paths.path() : paths.problem();
}

TEST(Partitioning, TermsAreReadAsTheUserWritesThem) {
  const std::vector<std::string> terms = {"s", "day(at)", "h=hour(at)", "day(_timestamp)"};
  const Partitioning parsed = Partitioning::parse(terms, *schema()).value();
  EXPECT_EQ(parsed.to_strings(), terms);
  EXPECT_EQ(parsed.terms()[0].name, "s");
  EXPECT_EQ(parsed.terms()[1].name, "at_day");
  EXPECT_EQ(parsed.terms()[2].name, "h");
  EXPECT_EQ(parsed.terms()[3].name, "timestamp_day");
  EXPECT_TRUE(parsed.is_directory(2));
  EXPECT_FALSE(parsed.is_directory(4)) << "day(at) leaves the column in the file";
}

TEST(Partitioning, TermsThatCannotBeAreRefusedWithTheReason) {
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(refusal({"x"}), "no field `x`"));
  EXPECT_TRUE(has(refusal({"_timestamp"}), "no field"));
  EXPECT_TRUE(has(refusal({"day(x)"}), "no field `x`"));
  EXPECT_TRUE(has(refusal({"d"}), "double"));
  EXPECT_TRUE(has(refusal({"day(s)"}), "date or a timestamp"));
  EXPECT_TRUE(has(refusal({"hour(day)"}), "takes a timestamp"));
  EXPECT_TRUE(has(refusal({"month(at)"}), "day and hour"));
  EXPECT_TRUE(has(refusal({"day(at"}), "day and hour"));
  EXPECT_TRUE(has(refusal({"i=day(at)"}), "already a column"));
  EXPECT_TRUE(has(refusal({"I=day(at)"}), "already a column"));
  EXPECT_TRUE(has(refusal({"s", "s"}), "twice"));
  EXPECT_TRUE(has(refusal({"_x=day(at)"}), "begin with"));
  EXPECT_TRUE(has(refusal({".x=day(at)"}), "begin with"));
  EXPECT_TRUE(has(refusal({""}), "no field"));
}

TEST(Partitioning, ValuesBecomeDirectoryNames) {
  EXPECT_EQ(path_of({"i", "b", "day"}, R"({"i":-5,"b":true,"day":"2013-01-02"})"),
            "i=-5/b=true/day=2013-01-02");
  EXPECT_EQ(path_of({"at"}, R"({"at":"2013-01-02T03:04:05Z"})"), "at=2013-01-02 03%3A04%3A05");
  EXPECT_EQ(path_of({"at"}, R"({"at":"2013-01-02T03:04:05.000007Z"})"), "at=2013-01-02 03%3A04%3A05.000007");
  EXPECT_EQ(path_of({"day(at)", "hour(at)"}, R"({"at":"2013-01-02T23:30:00-02:00"})"),
            "at_day=2013-01-03/at_hour=2013-01-03-01");
  EXPECT_EQ(path_of({"dt=day(_timestamp)"}, "{}", -1), "dt=1969-12-31");
  EXPECT_EQ(path_of({"hour(_timestamp)"}, "{}", 3'600'000), "timestamp_hour=1970-01-01-01");
  EXPECT_EQ(path_of({"s"}, R"({"s":"/"})"), "s=%2F");
  EXPECT_EQ(path_of({"s", "day(at)"}, "{}"),
            "s=__HIVE_DEFAULT_PARTITION__/at_day=__HIVE_DEFAULT_PARTITION__");
}

TEST(Partitioning, APathDoesNotDependOnTheRecordBefore) {
  const std::vector<std::string> terms = {"s", "hour(at)", "day(_timestamp)"};
  HivePaths paths(schema(), Partitioning::parse(terms, *schema()).value());
  Decoder decoder(schema());
  const char* const records[] = {
      R"({"s":"a","at":"2013-01-01T00:00:00Z"})", R"({"s":"a","at":"2013-01-01T00:59:59Z"})",
      R"({"s":"","at":"2013-01-01T00:59:59Z"})",  R"({"s":"b","at":"1969-12-31T23:00:00Z"})",
      R"({"at":"1969-12-31T23:00:00Z"})",         R"({"s":"a"})"};
  std::mt19937_64 random(5);
  for (int i = 0; i < 2'000; ++i) {
    const char* const json = records[random() % std::size(records)];
    const auto timestamp_ms = static_cast<std::int64_t>(random() % 3) * 43'200'000 - 1;
    const testing::Padded value(json);
    ASSERT_TRUE(decoder.decode(value.view()));
    const bool made = paths.make(decoder.row(), timestamp_ms);
    ASSERT_EQ(made ? paths.path() : paths.problem(), path_of(terms, json, timestamp_ms));
  }
}

TEST(Partitioning, ValuesThatCannotBeReadBackAreNamed) {
  EXPECT_EQ(path_of({"s"}, R"({"s":""})"), "partition value of `s` is empty");
  EXPECT_EQ(path_of({"s"}, R"({"s":"__HIVE_DEFAULT_PARTITION__"})"),
            "partition value of `s` is Hive's name for null");
  EXPECT_EQ(path_of({"s"}, "{\"s\":\"" + std::string(67, '/') + "\"}"),
            "partition value of `s` takes more than 200 bytes");
  EXPECT_EQ(path_of({"day(_timestamp)"}, "{}", INT64_MAX), "partition value of `timestamp_day` out of range");
}

TEST(Partitioning, ARecordsOwnTimestampHasADayInTheYearsOfFourDigits) {
  EXPECT_EQ(path_of({"day(_timestamp)"}, "{}", -62'167'219'200'000), "timestamp_day=0000-01-01");
  EXPECT_EQ(path_of({"day(_timestamp)"}, "{}", 253'402'300'799'999), "timestamp_day=9999-12-31");
  for (const std::int64_t bad : {-62'167'219'200'001, 253'402'300'800'000})
    EXPECT_EQ(path_of({"day(_timestamp)"}, "{}", bad), "partition value of `timestamp_day` out of range");
}

}  // namespace
}  // namespace sluice::lake
