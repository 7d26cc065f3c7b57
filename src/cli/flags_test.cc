#include "cli/flags.h"

#include <gtest/gtest.h>

#include "cli/command.h"

namespace sluice::cli {
namespace {

using std::chrono::milliseconds;

TEST(Flags, DurationsHaveUnitsAndANumberAloneIsSeconds) {
  EXPECT_EQ(parse_duration("250ms").value(), milliseconds(250));
  EXPECT_EQ(parse_duration("30").value(), milliseconds(30'000));
  EXPECT_EQ(parse_duration("2d").value(), milliseconds(172'800'000));
  for (const auto* bad : {"", "s", "-5s", "1.5s", "9223372036854775807s", "1 h"}) {
    EXPECT_EQ(parse_duration(bad).error().code, Code::invalid_argument) << bad;
  }
}

TEST(Flags, SizesArePowersOf1024) {
  EXPECT_EQ(parse_bytes("4096").value(), 4096u);
  EXPECT_EQ(parse_bytes("128MiB").value(), 134'217'728u);
  EXPECT_EQ(parse_bytes("1G").value(), 1'073'741'824u);
  for (const auto* bad : {"", "MiB", "-1", "1TB", "18446744073709551615"}) {
    EXPECT_FALSE(parse_bytes(bad).has_value()) << bad;
  }
}

TEST(Flags, PartitionsAreListsOfNumbersAndRanges) {
  EXPECT_EQ(parse_partitions("3-5,0,4").value(), (std::vector<std::int32_t>{0, 3, 4, 5}));
  for (const auto* bad : {"", "a", "1-", "5-3", "-1", "0,", "0-2147483647"}) {
    EXPECT_FALSE(parse_partitions(bad).has_value()) << bad;
  }
}

TEST(Flags, AnUnknownFlagIsAUsageErrorThatNamesTheNearestOne) {
  CLI::App app("", "demo");
  ClusterFlags flags;
  add_cluster_flags(app, flags);
  testing::internal::CaptureStderr();
  EXPECT_EQ(parse_flags(app, {"--bootstrap-servr", "x"}), exit_usage);
  const auto text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("unknown flag --bootstrap-servr for 'sluice demo'; nothing was done"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("did you mean --bootstrap-server?"), std::string::npos) << text;
}

TEST(Flags, PropertiesMayRepeatAndKeepTheirOrder) {
  CLI::App app("", "demo");
  ClusterFlags flags;
  add_cluster_flags(app, flags);
  EXPECT_EQ(parse_flags(app, {"-X", "acks=all", "-X", "linger.ms=5"}), std::nullopt);
  EXPECT_EQ(flags.properties, (std::vector<std::string>{"acks=all", "linger.ms=5"}));
  EXPECT_EQ(parse_property("a=b=c").value(), (std::pair<std::string, std::string>("a", "b=c")));
  EXPECT_FALSE(parse_property("=x").has_value());
}

TEST(Flags, APropertyLeavesTheWordsAfterItAlone) {
  CLI::App app("", "demo");
  ClusterFlags flags;
  std::vector<std::string> files;
  add_cluster_flags(app, flags);
  app.add_option("FILE", files);
  EXPECT_EQ(parse_flags(app, {"-X", "linger.ms=5", "a.txt", "b.txt"}), std::nullopt);
  EXPECT_EQ(flags.properties, (std::vector<std::string>{"linger.ms=5"}));
  EXPECT_EQ(files, (std::vector<std::string>{"a.txt", "b.txt"}));
}

TEST(Flags, HelpGoesToStdoutAndIsNoFailure) {
  CLI::App app("", "demo");
  testing::internal::CaptureStdout();
  EXPECT_EQ(parse_flags(app, {"--help"}), exit_ok);
  EXPECT_FALSE(testing::internal::GetCapturedStdout().empty());
}

TEST(Commands, AMistypedWordFindsTheNearestAndAStrangeOneFindsNone) {
  const std::vector<std::string> names = {"broker", "produce", "offsets"};
  EXPECT_EQ(nearest("ofsets", names), "offsets");
  EXPECT_EQ(nearest("zzzzzz", names), "");
}

}  // namespace
}  // namespace sluice::cli
