#include "offsets/choice.h"

#include <gtest/gtest.h>

namespace sluice::offsets {
namespace {

TEST(Choice, ADotMakesNoPatternAndAPatternIsOverTheWholeName) {
  const auto name = NamePattern::parse("a.b").value();
  EXPECT_TRUE(name.is_name());
  EXPECT_FALSE(name.matches("axb"));
  const auto pattern = NamePattern::parse("ord.*").value();
  EXPECT_FALSE(pattern.is_name());
  EXPECT_TRUE(pattern.matches("orders"));
  EXPECT_FALSE(pattern.matches("my-orders"));
}

TEST(Choice, WhatIsNoRegularExpressionIsRefused) {
  for (const auto* bad : {"", "a(b", "a[", "a)*("}) {
    EXPECT_EQ(NamePattern::parse(bad).error().code, Code::invalid_argument) << bad;
  }
  EXPECT_FALSE(NamePattern::parse(std::string(5000, '(')));
}

TEST(Choice, PartitionsStandBehindAColon) {
  const auto some = parse_topic_choice("orders:3-4,0").value();
  EXPECT_EQ(some.partitions, (std::vector<PartitionId>{PartitionId{0}, PartitionId{3}, PartitionId{4}}));
  EXPECT_TRUE(some.has(PartitionId{3}));
  EXPECT_FALSE(some.has(PartitionId{1}));
  EXPECT_TRUE(parse_topic_choice("orders")->has(PartitionId{77}));
  for (const auto* bad : {"orders:x", "orders:1-", "orders:5-3", "orders:0,", "orders:0-2147483647", ":0"}) {
    EXPECT_FALSE(parse_topic_choice(bad)) << bad;
  }
}

TEST(Choice, ANameThatIsNotThereStaysAndAPatternThatMatchesNothingIsAnError) {
  const std::vector<std::string> have = {"a1", "a2", "b"};
  const std::vector<NamePattern> wanted = {
      NamePattern::parse("a.+").value(), NamePattern::parse("zz").value(), NamePattern::parse("a1").value()};
  EXPECT_EQ(choose_names(have, wanted, "topic").value(), (std::vector<std::string>{"a1", "a2", "zz"}));
  const std::vector<NamePattern> none = {NamePattern::parse("c.*").value()};
  EXPECT_EQ(choose_names(have, none, "topic").error().code, Code::not_found);
}

}  // namespace
}  // namespace sluice::offsets
