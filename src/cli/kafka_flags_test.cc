#include "cli/kafka_flags.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

Result<KafkaFlags> parse(const std::vector<std::string>& arguments) {
  return KafkaFlags::parse("kafka-get-offsets", arguments,
                           {{"topic", true},
                            {"topic-partitions", true},
                            {"time", true},
                            {"bootstrap-server", true},
                            {"execute", false}});
}

TEST(KafkaFlags, OneDashOrTwoAnEqualsSignAndBeginningsOfNamesAreTaken) {
  const auto flags = parse({"-topic", "a", "--time", "-2", "--boot=h:1", "--execute", "--topic", "b"});
  ASSERT_TRUE(flags) << to_string(flags.error());
  EXPECT_EQ(flags->values("topic"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(flags->value("topic"), "b");
  EXPECT_EQ(flags->value("time"), "-2");
  EXPECT_EQ(flags->value("bootstrap-server"), "h:1");
  EXPECT_TRUE(flags->has("execute"));
  EXPECT_FALSE(flags->has("topic-partitions"));
}

TEST(KafkaFlags, WhatTheToolDoesNotKnowIsRefused) {
  for (const auto& bad :
       std::vector<std::vector<std::string>>{{"--t", "x"}, {"--tpic", "x"}, {"x"}, {"--topic"}, {"-"}}) {
    EXPECT_EQ(parse(bad).error().code, Code::invalid_argument) << bad.front();
  }
  EXPECT_EQ(parse({"--tpic", "x"}).error().hint, "did you mean --topic?");
}

}  // namespace
}  // namespace sluice::cli
