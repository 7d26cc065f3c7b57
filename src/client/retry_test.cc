#include "client/retry.h"

#include <gtest/gtest.h>

#include "wire/errors.h"

namespace sluice::client {
namespace {

using wire::ErrorCode;

/// A clock that only sleeping moves.
class SleepClock final : public env::Clock {
 public:
  env::Instant now() override { return now_; }
  std::int64_t wall_ms() override { return 0; }
  void sleep_for(env::Duration duration) override {
    now_ += duration;
    slept.push_back(duration);
  }
  std::vector<env::Duration> slept;

 private:
  env::Instant now_;
};

class NoRandom final : public env::Random {
 public:
  std::uint64_t next_u64() override { return 0; }
};

class RetryTest : public ::testing::Test {
 protected:
  RetryTest() {
    env_.clock = &clock_;
    env_.random = &random_;
  }
  SleepClock clock_;
  NoRandom random_;
  env::Env env_;
};

const Error broken{Code::unreachable, "closed", {}, 0};

TEST_F(RetryTest, ThePauseDoublesUpToItsMaximumAndEndsInTime) {
  using std::chrono::milliseconds;
  Retry retry(env_, {milliseconds(100), milliseconds(10), milliseconds(40)});
  int attempts = 1;
  while (retry.again(broken)) ++attempts;
  EXPECT_EQ(clock_.slept, (std::vector<env::Duration>{milliseconds(10), milliseconds(20), milliseconds(40)}));
  EXPECT_EQ(attempts, 4) << "a fourth pause would pass the 100 ms";
}

TEST_F(RetryTest, WhatWillNotPassIsNotTriedAgain) {
  Retry retry(env_, {std::chrono::seconds(1), std::chrono::milliseconds(1), std::chrono::milliseconds(1)});
  EXPECT_FALSE(retry.again(wire::to_error(ErrorCode::topic_already_exists, "x")));
  EXPECT_FALSE(retry.again(wire::to_error(ErrorCode::unknown_topic_or_partition, "x")));
  EXPECT_FALSE(retry.again({Code::corrupt, "x", {}, 0}));
  EXPECT_FALSE(retry.again({Code::unsupported, "x", {}, 0}));
  EXPECT_TRUE(clock_.slept.empty());
}

TEST_F(RetryTest, WhatMayPassIsTriedAgain) {
  for (const ErrorCode code : {ErrorCode::not_leader_or_follower, ErrorCode::coordinator_load_in_progress,
                               ErrorCode::not_coordinator, ErrorCode::unstable_offset_commit}) {
    EXPECT_TRUE(may_pass(wire::to_error(code, "x"))) << wire::error_info(code).name;
  }
  EXPECT_TRUE(may_pass(broken));
}

TEST_F(RetryTest, AnErrorCodeInAnAnswerLeavesTheConnectionUsable) {
  EXPECT_FALSE(breaks_connection(wire::to_error(ErrorCode::not_coordinator, "x")));
  EXPECT_FALSE(breaks_connection({Code::unsupported, "x", {}, 0}));
  EXPECT_TRUE(breaks_connection(broken));
  EXPECT_TRUE(breaks_connection({Code::timed_out, "x", {}, 0}))
      << "the late answer would be taken for the next one";
  EXPECT_TRUE(breaks_connection({Code::corrupt, "x", {}, 0}));
}

}  // namespace
}  // namespace sluice::client
