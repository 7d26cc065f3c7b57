#include "broker/assignors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace sluice::broker {
namespace {

constexpr Uuid t{1, 1};
constexpr Uuid u{1, 2};
constexpr Uuid v{1, 3};

std::size_t size_of(const TopicPartitions& partitions) {
  std::size_t n = 0;
  for (const auto& [topic, indexes] : partitions) n += indexes.size();
  return n;
}

/// Every partition of every topic that somebody subscribes to has exactly one owner, a subscriber.
void expect_complete(const AssignmentInput& input, const std::map<std::string, TopicPartitions>& out) {
  std::map<std::pair<Uuid, std::int32_t>, int> owners;
  for (const auto& [id, member] : input.members)
    for (const Uuid topic : member.topics)
      for (std::int32_t i = 0; i < input.partition_counts.at(topic); ++i) owners[{topic, i}] = 0;
  ASSERT_EQ(out.size(), input.members.size());
  for (const auto& [id, partitions] : out) {
    for (const auto& [topic, indexes] : partitions) {
      EXPECT_TRUE(input.members.at(id).topics.contains(topic)) << id;
      EXPECT_FALSE(indexes.empty());
      for (const std::int32_t index : indexes) {
        const auto at = owners.find({topic, index});
        ASSERT_NE(at, owners.end()) << "no such partition";
        ++at->second;
      }
    }
  }
  for (const auto& [partition, count] : owners) EXPECT_EQ(count, 1) << partition.second;
}

TEST(Assignors, RangeDealsNeighboursStaticMembersFirst) {
  AssignmentInput input;
  input.partition_counts = {{t, 7}, {u, 3}};
  input.members["a"] = {std::nullopt, {t, u}, {}};
  input.members["z"] = {"i1", {t, u}, {}};
  input.members["b"] = {std::nullopt, {t}, {}};
  const auto out = assign(Assignor::range, input);
  expect_complete(input, out);
  EXPECT_EQ(out.at("z"), (TopicPartitions{{t, {0, 1, 2}}, {u, {0, 1}}}));
  EXPECT_EQ(out.at("a"), (TopicPartitions{{t, {3, 4}}, {u, {2}}}));
  EXPECT_EQ(out.at("b"), (TopicPartitions{{t, {5, 6}}}));
}

TEST(Assignors, UniformMovesOnlyWhatBalanceNeeds) {
  AssignmentInput input;
  input.partition_counts = {{t, 6}};
  input.members["a"] = {std::nullopt, {t}, {{t, {0, 1, 2}}}};
  input.members["b"] = {std::nullopt, {t}, {{t, {3, 4, 5}}}};
  input.members["c"] = {std::nullopt, {t}, {}};
  const auto out = assign(Assignor::uniform, input);
  expect_complete(input, out);
  EXPECT_EQ(out.at("a"), (TopicPartitions{{t, {0, 1}}}));
  EXPECT_EQ(out.at("b"), (TopicPartitions{{t, {3, 4}}}));
  EXPECT_EQ(out.at("c"), (TopicPartitions{{t, {2, 5}}}));
}

TEST(Assignors, UniformBalancesWhereSubscriptionsDiffer) {
  AssignmentInput input;
  input.partition_counts = {{t, 4}, {u, 4}, {v, 1}};
  input.members["a"] = {std::nullopt, {t, u, v}, {{t, {0, 1, 2, 3}}, {u, {0, 1, 2, 3}}}};
  input.members["b"] = {std::nullopt, {t}, {}};
  input.members["c"] = {std::nullopt, {u}, {}};
  const auto out = assign(Assignor::uniform, input);
  expect_complete(input, out);
  // a shares topics with both others: neither could be relieved by it, nor it by them.
  EXPECT_EQ(size_of(out.at("a")), 3u);
  EXPECT_LE(size_of(out.at("b")), 4u);
  EXPECT_GE(size_of(out.at("c")), 2u);
}

TEST(Assignors, PartitionsThatAreGoneAndTopicsWithoutSubscribersAreNotAssigned) {
  AssignmentInput input;
  input.partition_counts = {{t, 2}};
  input.members["a"] = {std::nullopt, {t}, {{t, {0, 5}}, {u, {0}}}};
  EXPECT_EQ(assign(Assignor::uniform, input).at("a"), (TopicPartitions{{t, {0, 1}}}));
  input.members["a"].topics.clear();
  EXPECT_EQ(assign(Assignor::uniform, input).at("a"), TopicPartitions{});
  EXPECT_EQ(assign(Assignor::range, input).at("a"), TopicPartitions{});
  EXPECT_TRUE(assign(Assignor::uniform, {}).empty());
}

TEST(Assignors, WhateverTheGroupEachPartitionHasOneOwnerAndUniformIsBalancedAndSettles) {
  std::mt19937 random(20261124);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int run = 0; run < 400; ++run) {
    AssignmentInput input;
    const std::vector<Uuid> topics{t, u, v};
    for (const Uuid topic : topics) input.partition_counts[topic] = below(9);
    const bool same = below(2) == 0;
    const int members = 1 + below(7);
    for (int m = 0; m < members; ++m) {
      AssignedMember& member = input.members["m" + std::to_string(m)];
      for (const Uuid topic : topics)
        if (same || below(2) == 0) member.topics.insert(topic);
      for (const Uuid topic : topics)
        if (below(2) == 0) member.before[topic].insert(below(10));
    }
    expect_complete(input, assign(Assignor::range, input));
    const auto out = assign(Assignor::uniform, input);
    expect_complete(input, out);
    // Nobody could be relieved by a subscriber of the same topic that has two less.
    for (const auto& [id, partitions] : out) {
      for (const auto& [topic, indexes] : partitions) {
        for (const auto& [other, others] : out) {
          if (!input.members.at(other).topics.contains(topic)) continue;
          EXPECT_LE(size_of(partitions), size_of(others) + 1) << id << " and " << other;
        }
      }
    }
    for (auto& [id, member] : input.members) member.before = out.at(id);
    EXPECT_EQ(assign(Assignor::uniform, input), out) << "what is balanced stays";
  }
}

}  // namespace
}  // namespace sluice::broker
