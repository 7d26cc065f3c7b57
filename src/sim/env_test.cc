#include "sim/env.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::sim {
namespace {

TEST(SimClock, MovesOnlyWhenTold) {
  Clock clock;
  const auto start = clock.now();
  const auto start_wall = clock.wall_ms();
  EXPECT_EQ(clock.now(), start);
  clock.advance(std::chrono::milliseconds(1500));
  clock.sleep_for(std::chrono::milliseconds(500));
  EXPECT_EQ(clock.now() - start, std::chrono::seconds(2));
  EXPECT_EQ(clock.wall_ms() - start_wall, 2000);
}

TEST(SimClock, TheWallClockJumpsAlone) {
  Clock clock;
  const auto start = clock.now();
  clock.jump_wall_ms(-3600'000);
  EXPECT_EQ(clock.wall_ms(), Clock::start_wall_ms - 3600'000);
  EXPECT_EQ(clock.now(), start);
}

TEST(SimRandom, RepeatsWithItsSeed) {
  Random one(5);
  Random two(5);
  Random other(6);
  EXPECT_EQ(one.next_u64(), two.next_u64());
  EXPECT_NE(one.next_u64(), other.next_u64());
}

TEST(SimRandom, BelowStaysBelowAndReachesEverything) {
  Random random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(random.below(5));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3, 4}));
}

TEST(SimRandom, UuidsAreDistinctAndDoNotLookLikeFlags) {
  Random random(1);
  std::set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = random.next_uuid();
    EXPECT_NE(to_string(id).front(), '-');
    EXPECT_FALSE(id.is_zero());
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(SimWorld, HandsOutItsParts) {
  World world(3);
  const env::Env env = world.env();
  EXPECT_EQ(env.clock, &world.clock);
  EXPECT_EQ(env.fs, &world.fs);
  EXPECT_EQ(env.random, &world.random);
  EXPECT_EQ(env.net, nullptr);
}

}  // namespace
}  // namespace sluice::sim
