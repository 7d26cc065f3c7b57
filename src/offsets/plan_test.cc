#include "offsets/plan.h"

#include <gtest/gtest.h>

namespace sluice::offsets {
namespace {

using Kind = Target::Kind;

Standing log(std::int64_t start, std::int64_t end) {
  Standing out;
  out.topic = "orders";
  out.partition = PartitionId{3};
  out.log_start = Offset{start};
  out.log_end = Offset{end};
  return out;
}

StoredPosition position(std::int64_t offset, std::string metadata = {}) {
  return {Offset{offset}, LeaderEpoch{-1}, std::move(metadata)};
}

Move aim_at(const Target& target, std::optional<StoredPosition> from, bool clamp = false,
            std::optional<Offset> found = std::nullopt) {
  return aim(log(100, 200), from, target, found, clamp);
}

TEST(Plan, EachTargetGoesWhereItSays) {
  EXPECT_EQ(aim_at({Kind::earliest, 0, {}}, position(150)).to->offset, Offset{100});
  EXPECT_EQ(aim_at({Kind::latest, 0, {}}, position(150)).to->offset, Offset{200});
  EXPECT_EQ(aim_at({Kind::current, 0, {}}, position(150)).to->offset, Offset{150});
  EXPECT_EQ(aim_at({Kind::offset, 170, {}}, std::nullopt).to->offset, Offset{170});
  EXPECT_EQ(aim_at({Kind::shift, -20, {}}, position(150)).to->offset, Offset{130});
  EXPECT_EQ(aim_at({Kind::time, 5, {}}, position(150), false, Offset{160}).to->offset, Offset{160});
  const Target positions{Kind::positions, 0, {{{"orders", PartitionId{3}}, Offset{111}}}};
  EXPECT_EQ(aim_at(positions, position(150)).to->offset, Offset{111});
}

TEST(Plan, WhatIsReadAgainAndWhatIsSkippedIsCountedWithinTheLog) {
  const auto back = aim_at({Kind::offset, 120, {}}, position(150));
  EXPECT_EQ(back.reread(), 30);
  EXPECT_EQ(back.skipped(), 0);
  const auto forward = aim_at({Kind::offset, 190, {}}, position(150));
  EXPECT_EQ(forward.reread(), 0);
  EXPECT_EQ(forward.skipped(), 40);
  const auto overtaken = aim_at({Kind::offset, 190, {}}, position(40));
  EXPECT_EQ(overtaken.skipped(), 90) << "what retention has taken is not skipped";
  const auto first = aim_at({Kind::offset, 190, {}}, std::nullopt);
  EXPECT_EQ(first.reread(), std::nullopt);
  EXPECT_EQ(first.skipped(), 90);
}

TEST(Plan, AnOffsetOutsideOfTheLogIsRefusedOrWithClampItsNearerEnd) {
  for (const auto& target : {Target{Kind::offset, 99, {}}, Target{Kind::shift, -51, {}}}) {
    const auto refused = aim_at(target, position(150));
    EXPECT_FALSE(refused.to);
    EXPECT_NE(refused.error.find("99 lies outside of the log [100,200)"), std::string::npos) << refused.error;
    const auto clamped = aim_at(target, position(150), true);
    EXPECT_EQ(clamped.to->offset, Offset{100});
    EXPECT_FALSE(clamped.note.empty());
  }
  EXPECT_EQ(aim_at({Kind::offset, 201, {}}, position(150), true).to->offset, Offset{200});
  EXPECT_TRUE(aim_at({Kind::offset, 200, {}}, position(150)).error.empty()) << "the log end is a position";
}

TEST(Plan, AShiftNeedsAPositionAndDoesNotOverflow) {
  EXPECT_FALSE(aim_at({Kind::shift, 1, {}}, std::nullopt).error.empty());
  EXPECT_FALSE(aim_at({Kind::shift, INT64_MAX, {}}, position(150), true).error.empty());
}

TEST(Plan, ATimeAfterTheLastRecordIsTheEndAndSaysSo) {
  const auto move = aim_at({Kind::time, 5, {}}, position(150), false, Offset{-1});
  EXPECT_EQ(move.to->offset, Offset{200});
  EXPECT_FALSE(move.note.empty());
}

TEST(Plan, APartitionThatCouldNotBeAskedCannotBeMoved) {
  auto row = log(0, 0);
  row.error = "no leader";
  row.log_start = row.log_end = std::nullopt;
  const auto move = aim(row, position(5), {Kind::earliest, 0, {}}, std::nullopt, true);
  EXPECT_EQ(move.error, "no leader");
  EXPECT_FALSE((Plan{"c", {move}}).possible());
}

TEST(Plan, TheSameOffsetIsNoChangeAndKeepsItsMetadata) {
  const auto move = aim_at({Kind::offset, 150, {}}, position(150, "kept"));
  EXPECT_FALSE(move.changes());
  EXPECT_EQ(move.to->metadata, "kept");
}

TEST(Plan, ItsIdChangesWithEveryOldAndNewPosition) {
  const auto plan = [](std::int64_t from, std::int64_t to) {
    return Plan{"c", {aim_at({Kind::offset, to, {}}, position(from))}}.id();
  };
  EXPECT_EQ(plan(150, 160), plan(150, 160));
  EXPECT_NE(plan(150, 160), plan(151, 160));
  EXPECT_NE(plan(150, 160), plan(150, 161));
  EXPECT_EQ(plan(150, 160).size(), 8u);
}

}  // namespace
}  // namespace sluice::offsets
