#include "offsets/loss.h"

#include <gtest/gtest.h>

namespace sluice::offsets {
namespace {

Standing at(std::int64_t log_start, std::int64_t next, std::int64_t log_end) {
  Standing out;
  out.log_start = Offset{log_start};
  out.next = Offset{next};
  out.log_end = Offset{log_end};
  return out;
}

TEST(Loss, WhereEverythingIsThereNothingIsLost) {
  EXPECT_EQ(judge_loss(at(10, 10, 20), {}).loss, Loss::none);
  EXPECT_EQ(judge_loss(at(10, 20, 20), {}).loss, Loss::none);
}

TEST(Loss, RetentionThatOvertookAReaderIsCertainLoss) {
  const auto verdict = judge_loss(at(10, 4, 20), {"delete", false});
  EXPECT_EQ(verdict.loss, Loss::certain);
  EXPECT_FALSE(verdict.reason.empty());
}

TEST(Loss, CompactionAndTransactionMarkersMakeItOnlyPossible) {
  EXPECT_EQ(judge_loss(at(10, 4, 20), {"compact,delete", false}).loss, Loss::possible);
  EXPECT_NE(judge_loss(at(10, 4, 20), {"compact", false}).reason.find("compact"), std::string::npos);
  EXPECT_EQ(judge_loss(at(10, 4, 20), {"delete", true}).loss, Loss::possible);
  EXPECT_NE(judge_loss(at(10, 4, 20), {"delete", true}).reason.find("transaction"), std::string::npos);
}

TEST(Loss, WhatCouldNotBeFoundOutIsNeverNone) {
  EXPECT_EQ(judge_loss(at(10, 4, 20), {std::nullopt, false}).loss, Loss::possible);
  EXPECT_EQ(judge_loss(at(10, 4, 20), {"delete", std::nullopt}).loss, Loss::possible);
}

TEST(Loss, APositionBeyondTheEndIsAWarningSign) {
  const auto verdict = judge_loss(at(0, 25, 20), {"delete", false});
  EXPECT_EQ(verdict.loss, Loss::possible);
  EXPECT_NE(verdict.reason.find("5 beyond the log end"), std::string::npos) << verdict.reason;
}

}  // namespace
}  // namespace sluice::offsets
