// What goes with time and size, by which clock, and in which order.
#include <gmock/gmock.h>

#include "log/log_fixture.h"

namespace sluice::log {
namespace {

constexpr std::int64_t year_ms = std::int64_t{365} * 24 * 3600 * 1000;

class RetentionTest : public LogTest {
 protected:
  /// Records [begin, end), one a batch and a second, appended at `now` plus their number of seconds.
  void fill_by_second(std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) ASSERT_TRUE(append(batch_of(i), 0, now + i * 1000));
    ASSERT_TRUE(log->sync());
  }
  bool has(const std::string& name) { return *fs.exists(env::join(events_dir, name)); }
};

TEST_F(RetentionTest, TheActiveSegmentGoesAsWellOnceItIsTooOld) {
  create();
  fill_by_second(0, 5);
  EXPECT_EQ(log->retention_start({.ms = 10'000}, now + 14'000), Offset{0});
  const std::int64_t later = now + 14'001;
  ASSERT_EQ(log->retention_start({.ms = 10'000}, later), Offset{5});
  ASSERT_TRUE(log->roll(later));
  ASSERT_TRUE(log->advance_log_start(Offset{5}));
  EXPECT_EQ(log->segments_count(), 1u);
  EXPECT_EQ(log->bytes(), 0u);
  EXPECT_EQ(log->retention_start({.ms = 10'000}, later + year_ms), Offset{5}) << "an empty one stays";
  for (const bool clean : {false, true}) {
    if (clean) {
      ASSERT_TRUE(log->close());
    }
    reopen(clean, later);
    EXPECT_EQ(log->log_start_offset(), Offset{5});
    EXPECT_EQ(log->log_end_offset(), Offset{5}) << "offsets are given once";
  }
}

TEST_F(RetentionTest, NothingAboveTheHighWatermarkGoes) {
  create({.segment_bytes_max = 400});
  fill_by_second(0, 10);
  for (std::int64_t i = 10; i < 20; ++i) ASSERT_TRUE(append(batch_of(i), 0, now + i * 1000));
  const Offset start = log->retention_start({.ms = 1, .bytes = 0}, now + year_ms);
  EXPECT_GT(start, Offset{0});
  EXPECT_LE(start, log->high_watermark());
}

TEST_F(RetentionTest, AJumpOfTheWallClockDeletesNothing) {
  create({.segment_bytes_max = 400});
  fill_by_second(0, 20);
  for (const std::int64_t jump : {10 * year_ms, -10 * year_ms}) {
    EXPECT_EQ(log->retention_start({.ms = 60'000}, {now + jump, now + 20'000}), Offset{0});
    ASSERT_TRUE(
        log->append(*std::make_unique<Bytes>(batch_of(20)), LeaderEpoch{0}, {now + jump, now + 20'000}));
    ASSERT_TRUE(log->sync());
    EXPECT_EQ(log->retention_start({.ms = 60'000}, {now, now + 21'000}), Offset{0});
  }
}

TEST_F(RetentionTest, AProducerIsNotForgottenBecauseTheWallClockJumps) {
  create({.segment_bytes_max = 400});
  Bytes batch = batch_by(7, 0, 0, 0, 2);
  ASSERT_TRUE(log->append(batch, LeaderEpoch{0}, {now, now}));
  ASSERT_TRUE(log->sync());
  ASSERT_TRUE(log->roll(now + 1000));  // forgets those that are silent for too long
  Bytes again = batch_by(7, 0, 0, 0, 2);
  const Result<Appended> appended = log->append(again, LeaderEpoch{0}, {now + 10 * year_ms, now + 1000});
  ASSERT_TRUE(appended);
  EXPECT_TRUE(appended->duplicate);
}

TEST_F(RetentionTest, WhereAskedForTheTimestampsOfRecordsCount) {
  create({.segment_bytes_max = 400});
  for (std::int64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(append(batch_of(i, 1, record::Codec::none, now - year_ms + i * 1000), 0, now));
  }
  ASSERT_TRUE(log->sync());
  const RetentionRules rules{.ms = 15'000, .by_record_time = true};
  EXPECT_EQ(log->retention_start({.ms = 15'000}, now + 10'000), Offset{0}) << "all is just appended";
  const Offset start = log->retention_start(rules, now - year_ms + 25'000);
  EXPECT_GT(start, Offset{4});
  EXPECT_LE(start, Offset{10});
  EXPECT_EQ(log->retention_start(rules, now), Offset{20});
}

TEST_F(RetentionTest, TheAgeOfSegmentsSurvivesRestarts) {
  create({.segment_bytes_max = 400});
  fill_by_second(0, 20);
  const Offset by_age = log->retention_start({.ms = 10'000}, now + 20'000);
  ASSERT_GT(by_age, Offset{0});
  ASSERT_TRUE(log->close());
  reopen(true, now + 20'000);
  EXPECT_EQ(log->retention_start({.ms = 10'000}, now + 20'000), by_age);
  EXPECT_EQ(log->retention_start({.ms = 10'000}, now + 29'001), Offset{20}) << "the active one's too";
  reopen(false, now + 5'000);
  EXPECT_EQ(log->retention_start({.ms = 10'000}, now + 14'000), Offset{0})
      << "an older clock makes nothing older";
}

TEST_F(RetentionTest, TheNewStartIsDurableBeforeAFileGoes_A14) {
  create({.segment_bytes_max = 400});
  fill_by_second(0, 20);
  const std::uint64_t before = fs.operations();
  ASSERT_TRUE(log->advance_log_start(Offset{12}));
  std::vector<std::string> order;
  for (const sim::Operation& op : fs.trace()) {
    if (op.number < before) continue;
    if (op.verb == sim::Verb::sync && op.path.ends_with("durable-watermark")) order.emplace_back("watermark");
    if (op.verb == sim::Verb::rename && op.path.ends_with(".log")) order.emplace_back("file");
    EXPECT_FALSE(op.verb == sim::Verb::remove && op.path.ends_with(".log")) << "whoever has time removes it";
  }
  ASSERT_GE(order.size(), 4u);
  EXPECT_THAT((std::vector<std::string>{order.begin(), order.begin() + 2}), testing::Each("watermark"));
  EXPECT_THAT((std::vector<std::string>{order.begin() + 2, order.end()}), testing::Each("file"));
}

TEST_F(RetentionTest, FilesOfDroppedSegmentsAreHandedOutAndGoWhenTheLogIsOpened) {
  create({.segment_bytes_max = 400});
  fill_by_second(0, 20);
  ASSERT_TRUE(log->advance_log_start(Offset{12}));
  EXPECT_FALSE(has("00000000000000000000.log"));
  EXPECT_TRUE(has("00000000000000000000.log.deleted"));
  const std::vector<std::string> doomed = log->take_doomed();
  EXPECT_THAT(doomed, testing::Contains(env::join(events_dir, "00000000000000000000.log.deleted")));
  EXPECT_THAT(log->take_doomed(), testing::IsEmpty());
  reopen();
  for (const std::string& path : doomed) EXPECT_FALSE(*fs.exists(path)) << path;
  EXPECT_EQ(values(*log), numbered(12, 20));
}

TEST_F(RetentionTest, AStartThatIsOnItsWayTwiceDoesNotGoBack) {
  create({.segment_bytes_max = 400});
  fill_by_second(0, 20);
  const Result<AdvanceJob> first = log->begin_advance(Offset{6});
  ASSERT_TRUE(first);
  ASSERT_TRUE(log->advance_log_start(Offset{12}));
  ASSERT_TRUE(log->finish_advance(*first, first->run()));
  EXPECT_EQ(log->log_start_offset(), Offset{12});
  reopen();
  EXPECT_EQ(log->log_start_offset(), Offset{12});
  EXPECT_FALSE(log->begin_advance(Offset{21}));
}

TEST_F(RetentionTest, SegmentsRollByAgeLessAJitterOfTheirOwn) {
  std::vector<std::int64_t> ages;
  for (int jitter : {0, 500}) {
    create({.segment_ms_max = 1000, .segment_jitter_ms = jitter});
    std::int64_t at = now;
    for (int i = 0; i < 12; ++i) {
      const std::int64_t first = at;
      const std::size_t segments = log->segments_count();
      ASSERT_TRUE(append(batch_of(0), 0, at));
      while (log->segments_count() == segments) ASSERT_TRUE(append(batch_of(0), 0, at += 10));
      ages.push_back(at - first);
    }
    log.reset();
    ASSERT_TRUE(retire_partition(fs, data_dir, events, Uuid{7, static_cast<std::uint64_t>(jitter)}));
  }
  EXPECT_THAT((std::vector<std::int64_t>{ages.begin(), ages.begin() + 12}),
              testing::Each(testing::AllOf(testing::Gt(990), testing::Lt(1030))));
  const std::vector<std::int64_t> with_jitter{ages.begin() + 12, ages.end()};
  EXPECT_THAT(with_jitter, testing::Each(testing::AllOf(testing::Gt(490), testing::Lt(1030))));
  EXPECT_NE(std::ranges::min(with_jitter), std::ranges::max(with_jitter));
}

}  // namespace
}  // namespace sluice::log
