#include "env/posix_timers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::env {
namespace {

using testing::ElementsAre;

Instant at(int ms) {
  return Instant{std::chrono::milliseconds(ms)};
}

class TimersTest : public testing::Test {
 protected:
  std::uint64_t add(int ms, int tag) {
    return timers_.add(at(ms), [this, tag] { ran_.push_back(tag); });
  }
  void run(int ms) {
    while (timers_.run_one(at(ms))) {
    }
  }

  Timers timers_;
  std::vector<int> ran_;
};

TEST_F(TimersTest, RunByTimeThenByOrder) {
  add(20, 1);
  add(10, 2);
  add(20, 3);
  add(30, 4);
  EXPECT_EQ(timers_.next(), at(10));
  run(20);
  EXPECT_THAT(ran_, ElementsAre(2, 1, 3));
  EXPECT_EQ(timers_.next(), at(30));
}

TEST_F(TimersTest, ACancelledOneDoesNotRunAndDoesNotWake) {
  const auto id = add(10, 1);
  add(20, 2);
  timers_.cancel(id);
  EXPECT_EQ(timers_.next(), at(20));
  run(100);
  timers_.cancel(id);
  EXPECT_THAT(ran_, ElementsAre(2));
  EXPECT_EQ(timers_.next(), std::nullopt);
}

TEST_F(TimersTest, AnActionMayAddAndCancel) {
  const auto later = add(10, 9);
  timers_.add(at(5), [&] {
    timers_.cancel(later);
    add(7, 1);
  });
  run(10);
  EXPECT_THAT(ran_, ElementsAre(1));
}

TEST_F(TimersTest, ManyCancelledOnesAreSweptAndTheOrderStays) {
  for (int i = 0; i < 10000; ++i) timers_.cancel(add(1000 + i, i));
  add(3, 3);
  add(1, 1);
  for (int i = 0; i < 1000; ++i) timers_.cancel(add(2, i));
  add(2, 2);
  run(10);
  EXPECT_THAT(ran_, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace sluice::env
