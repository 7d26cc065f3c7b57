// Positions in open transactions: when they count, and what takes them away.
#include "broker/pending_offsets.h"

#include <gtest/gtest.h>

namespace sluice::broker {
namespace {

const log::TopicPartition t0{"t", PartitionId{0}};
const log::TopicPartition t1{"t", PartitionId{1}};
const PendingOffsets::Key one{PartitionId{0}, ProducerId{1}};
const PendingOffsets::Key two{PartitionId{0}, ProducerId{2}};

CommittedOffset at(std::int64_t offset) {
  CommittedOffset committed;
  committed.offset = Offset{offset};
  return committed;
}

TEST(PendingOffsets, CountOnlyWhenTheirOwnTransactionCommits) {
  PendingOffsets pending;
  pending.stage(one, "g", t0, at(5));
  pending.stage(one, "g", t0, at(6));
  pending.stage(two, "g", t1, at(9));
  EXPECT_TRUE(pending.is_pending("g", t0));
  EXPECT_FALSE(pending.is_pending("h", t0));
  EXPECT_TRUE(pending.end({PartitionId{1}, ProducerId{1}}, true).empty())
      << "a marker elsewhere decides nothing here";
  const auto decided = pending.end(one, true);
  ASSERT_EQ(decided.size(), 1u);
  EXPECT_EQ(decided[0].committed.offset.value, 6) << "the last one of the transaction";
  EXPECT_FALSE(pending.is_pending("g", t0));
  EXPECT_TRUE(pending.end(two, false).empty()) << "aborted";
  EXPECT_FALSE(pending.has_pending("g"));
}

TEST(PendingOffsets, ALaterCommitOutsideStaysButTheOneInsideIsPendingUntilItsMarker) {
  PendingOffsets pending;
  pending.stage(one, "g", t0, at(5));
  pending.supersede("g", t0);
  EXPECT_TRUE(pending.is_pending("g", t0));
  EXPECT_TRUE(pending.end(one, true).empty());
  pending.stage(one, "g", t0, at(5));
  pending.supersede("g", t0);
  pending.stage(one, "g", t0, at(7));
  ASSERT_EQ(pending.end(one, true).size(), 1u) << "staged after it";
}

TEST(PendingOffsets, OfTwoTransactionsTheLaterPositionStaysWhicheverEndsFirst) {
  PendingOffsets pending;
  pending.stage(one, "g", t0, at(10));
  pending.stage(two, "g", t0, at(20));
  pending.stage(one, "g", t1, at(11));
  ASSERT_EQ(pending.end(two, true).size(), 1u);
  EXPECT_TRUE(pending.is_pending("g", t0)) << "until its own marker";
  const auto decided = pending.end(one, true);
  ASSERT_EQ(decided.size(), 1u);
  EXPECT_EQ(decided[0].partition, t1);
  pending.stage(one, "g", t0, at(10));
  pending.stage(two, "g", t0, at(20));
  EXPECT_TRUE(pending.end(two, false).empty());
  EXPECT_EQ(pending.end(one, true).size(), 1u) << "an abort stands before nobody";
  pending.stage(one, "g", t0, at(10));
  pending.stage(two, "g", t0, at(20));
  EXPECT_EQ(pending.end(one, true).size(), 1u);
  EXPECT_EQ(pending.end(two, true).size(), 1u);
}

TEST(PendingOffsets, WhatIsTakenAwayIsPendingForNobody) {
  PendingOffsets pending;
  pending.stage(one, "g", t0, at(5));
  pending.stage(two, "g", t0, at(6));
  pending.stage(two, "g", t1, at(6));
  pending.drop("g", t0);
  EXPECT_FALSE(pending.is_pending("g", t0));
  EXPECT_EQ(pending.partitions_of("g"), std::vector{t1});
  EXPECT_TRUE(pending.end(one, true).empty());
  EXPECT_EQ(pending.end(two, true).size(), 1u);
  EXPECT_TRUE(pending.in_topic("t").empty());
}

}  // namespace
}  // namespace sluice::broker
