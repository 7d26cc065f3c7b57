#include "offsets/standing.h"

#include <gtest/gtest.h>

#include "sim/env.h"
#include "table/commit_log.h"
#include "table/descriptor.h"
#include "table/local_store.h"

namespace sluice::offsets {
namespace {

Standing standing(std::int64_t log_start, std::optional<Offset> next, std::int64_t log_end) {
  Standing out;
  out.log_start = Offset{log_start};
  out.log_end = Offset{log_end};
  out.committed = out.next = next;
  return out;
}

TEST(Standing, LagAndLostAreNeverMixed) {
  const auto normal = standing(100, Offset{150}, 200);
  EXPECT_EQ(normal.lag(), 50);
  EXPECT_EQ(normal.lost(), 0);
  const auto overtaken = standing(100, Offset{40}, 200);
  EXPECT_EQ(overtaken.lag(), 100);  // what can still be read
  EXPECT_EQ(overtaken.lost(), 60);  // what cannot
}

TEST(Standing, APositionBehindTheEndOfAShortenedLogHasNoNegativeLag) {
  EXPECT_EQ(standing(0, Offset{300}, 200).lag(), 0);
}

TEST(Standing, WhatIsNotKnownIsNotZero) {
  EXPECT_EQ(standing(0, std::nullopt, 200).lag(), std::nullopt);
  EXPECT_EQ(standing(0, std::nullopt, 200).lost(), std::nullopt);
  Standing unasked;
  unasked.next = Offset{5};
  EXPECT_EQ(unasked.lag(), std::nullopt);
  EXPECT_EQ(unasked.lost(), std::nullopt);
}

TEST(TablePositions, ComeFromTheCommitLogAlone) {
  sim::World world(1);
  table::LocalStore store(world.fs, world.random, "/lake/events");
  const table::Descriptor descriptor{
      Uuid{1, 1}, "cluster", "events", Uuid{2, 2}, {}, "", {Offset{10}, Offset{0}}};
  ASSERT_TRUE(table::bind_table(store, descriptor).has_value());

  table::CommitObject object;
  object.nonce = Uuid{3, 3};
  object.writer = "test";
  object.cluster_id = "cluster";
  object.topic = "events";
  object.topic_id = Uuid{2, 2};
  object.range = {Offset{10}, Offset{25}};
  object.counts.control = 15;
  table::CommitLog log(store, {Uuid{2, 2}, PartitionId{0}}, "cluster");
  ASSERT_TRUE(log.open().has_value());
  ASSERT_EQ(log.commit(object).value(), table::CommitOutcome::committed);

  const auto positions = table_positions(world.env(), "/lake/events", {PartitionId{0}, PartitionId{1}});
  ASSERT_TRUE(positions.has_value()) << to_string(positions.error());
  EXPECT_EQ(positions->committed, (std::map<PartitionId, Offset>{{PartitionId{0}, Offset{25}}}));
  EXPECT_EQ(positions->topic_id, (Uuid{2, 2}));
}

TEST(TablePositions, ADirectoryWithoutATableIsNotFound) {
  sim::World world(1);
  const auto positions = table_positions(world.env(), "/lake/nothing", {PartitionId{0}});
  ASSERT_FALSE(positions.has_value());
  EXPECT_EQ(positions.error().code, Code::not_found);
}

}  // namespace
}  // namespace sluice::offsets
