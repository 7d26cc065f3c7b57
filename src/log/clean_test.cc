// Compaction of a log, from outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/clean_fixture.h"
#include "log/offset_map.h"

namespace sluice::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(CleanTest, TheNewestRecordOfEachKeyStaysAtItsOffset) {
  create();
  put({{"a", "1"}, {"b", "1"}, {"a", "2"}});
  put({{"c", "1"}});
  put({{"b", "2"}, {"d", "1"}});
  seal();
  put({{"a", "3"}});
  ASSERT_TRUE(log->sync());
  clean();
  EXPECT_THAT(all_records(*log), ElementsAre(Seen{2, "a", "2"}, Seen{3, "c", "1"}, Seen{4, "b", "2"},
                                             Seen{5, "d", "1"}, Seen{6, "a", "3"}))
      << "the active segment is not looked into";
  EXPECT_EQ(log->log_end_offset(), Offset{7});
  EXPECT_EQ(cleaned_to, Offset{6});
  seal();
  clean();
  EXPECT_THAT(all_records(*log),
              ElementsAre(Seen{3, "c", "1"}, Seen{4, "b", "2"}, Seen{5, "d", "1"}, Seen{6, "a", "3"}));
}

TEST_F(CleanTest, EveryCodecIsWrittenAnewAsItWas) {
  create();
  for (const record::Codec codec : {record::Codec::none, record::Codec::gzip, record::Codec::snappy,
                                    record::Codec::lz4, record::Codec::zstd}) {
    put({{"gone", "x"}, {std::string{record::name(codec)}, "y"}}, codec);
  }
  put({{"gone", "last"}});
  seal();
  clean();
  std::vector<std::string> codecs;
  for_each_batch(*log,
                 [&](const record::BatchView& batch) { codecs.emplace_back(record::name(batch.codec())); });
  EXPECT_THAT(codecs, ElementsAre("none", "gzip", "snappy", "lz4", "zstd", "none"));
  EXPECT_THAT(all_records(*log),
              ElementsAre(Seen{1, "none", "y"}, Seen{3, "gzip", "y"}, Seen{5, "snappy", "y"},
                          Seen{7, "lz4", "y"}, Seen{9, "zstd", "y"}, Seen{10, "gone", "last"}));
}

TEST_F(CleanTest, ATombstoneStaysUntilItsHorizonAndTakesTheKeyAlong) {
  create();
  put({{"a", "1"}, {"b", "1"}});
  put({{"a", std::nullopt}});
  put({{"c", "1"}});
  seal();
  clean(now);
  const auto with_tombstone = ElementsAre(Seen{1, "b", "1"}, Seen{2, "a", std::nullopt}, Seen{3, "c", "1"});
  EXPECT_THAT(all_records(*log), with_tombstone);
  std::vector<std::int64_t> horizons;
  for_each_batch(*log, [&](const record::BatchView& batch) {
    horizons.push_back(batch.delete_horizon_ms().value_or(-1));
    EXPECT_EQ(batch.max_timestamp_ms() / 1000, now / 1000) << "timestamps are what they were";
  });
  EXPECT_THAT(horizons, ElementsAre(-1, now + 1000, -1));

  put({{"d", "1"}});
  seal();
  clean(now + 999);
  EXPECT_EQ(all_records(*log)[1], (Seen{2, "a", std::nullopt})) << "not yet";
  put({{"e", "1"}});
  seal();
  clean(now + 1000);
  EXPECT_THAT(all_records(*log),
              ElementsAre(Seen{1, "b", "1"}, Seen{3, "c", "1"}, Seen{4, "d", "1"}, Seen{5, "e", "1"}));
}

TEST_F(CleanTest, SegmentsBecomeFewerAndJoinWithoutHoles) {
  create({.segment_bytes_max = 1000});
  for (int i = 0; i < 60; ++i) put({{"key " + std::to_string(i % 7), "value " + std::to_string(i)}});
  seal();
  const std::size_t before = log->segments_count();
  ASSERT_GT(before, 5u);
  clean();
  EXPECT_EQ(log->segments_count(), before) << "what they had in them is not known before they are read";
  EXPECT_EQ(stats.segments_before, before - 1);
  EXPECT_EQ(stats.records_before, 60u);
  EXPECT_EQ(stats.records_after, 7u);
  cleaned_to.reset();
  clean();
  EXPECT_EQ(log->segments_count(), 2u);
  const auto kept = all_records(*log);
  ASSERT_EQ(kept.size(), 7u);
  for (const bool clean_start : {true, false}) {
    if (clean_start) {
      ASSERT_TRUE(log->close());
    }
    reopen(clean_start);
    EXPECT_FALSE(log->halted());
    EXPECT_EQ(all_records(*log), kept);
    EXPECT_EQ(log->log_end_offset(), Offset{60});
    EXPECT_EQ(log->recovery().bytes_truncated, 0u);
  }
  put({{"key 0", "after"}});
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(all_records(*log).back(), (Seen{60, "key 0", "after"}));
}

TEST_F(CleanTest, AFullKeyMapEndsTheRoundAndTheNextOneGoesOn) {
  create({.segment_bytes_max = 2000});
  for (int i = 0; i < 100; ++i) put({{"key " + std::to_string(i % 20), "value " + std::to_string(i)}});
  seal();
  dedupe_bytes_max = 7 * OffsetMap::entry_bytes;
  int rounds = 0;
  while (cleaned_to.value_or(Offset{0}) < Offset{100}) {
    ASSERT_LT(rounds++, 100);
    const Offset before = cleaned_to.value_or(Offset{0});
    clean();
    ASSERT_GT(cleaned_to, before) << "each round gets on";
  }
  EXPECT_GT(rounds, 10);
  std::vector<Seen> newest;
  for (int i = 80; i < 100; ++i)
    newest.push_back({i, "key " + std::to_string(i % 20), "value " + std::to_string(i)});
  EXPECT_EQ(all_records(*log), newest);
}

TEST_F(CleanTest, ALogOfApacheKafkaMayHaveHolesBetweenItsSegments) {
  create({.segment_bytes_max = 400});
  for (int i = 0; i < 40; ++i) put({{"key " + std::to_string(i), "value"}});
  ASSERT_TRUE(log->close());
  std::vector<Offset> bases;
  const auto entries = fs.list(events_dir);
  for (const env::DirEntry& entry : *entries) {
    if (const auto base = parse_file_name(entry.name, log_suffix)) bases.push_back(*base);
  }
  ASSERT_GT(bases.size(), 5u);
  for (const std::size_t gone : {1u, 2u, 4u}) {
    for (const std::string_view suffix : {log_suffix, index_suffix, time_index_suffix}) {
      ASSERT_TRUE(fs.remove_file(env::join(events_dir, file_name(bases[gone], suffix))));
    }
  }
  const auto survives = [&](std::int64_t offset) {
    const bool in_first = offset >= bases[1].value && offset < bases[3].value;
    return !in_first && (offset < bases[4].value || offset >= bases[5].value);
  };
  reopen();
  ASSERT_TRUE(log->halted()) << "in a log of ours a segment that is missing is damage";
  ASSERT_TRUE(fs.remove_file(env::join(events_dir, "durable-watermark")));
  for (int i = 0; i < 2; ++i) {
    reopen();
    ASSERT_FALSE(log->halted());
    EXPECT_EQ(log->recovery().bytes_truncated, 0u);
    std::vector<std::int64_t> seen;
    std::vector<std::int64_t> wanted;
    for (const Seen& record : all_records(*log)) seen.push_back(record.offset);
    for (std::int64_t offset = 0; offset < 40; ++offset) {
      if (survives(offset)) wanted.push_back(offset);
    }
    EXPECT_EQ(seen, wanted);
  }
  clean();
  EXPECT_EQ(log->log_end_offset(), Offset{40});
}

TEST_F(CleanTest, RecordsWithoutAKeyGo) {
  create();
  ASSERT_TRUE(append(batch_of(0, 3)));
  put({{"a", "1"}});
  seal();
  clean();
  EXPECT_THAT(all_records(*log), ElementsAre(Seen{3, "a", "1"}));
}

TEST_F(CleanTest, WhatCanBeCompactedFollowsTheLagsAndTheLastRound) {
  create();
  ASSERT_TRUE(append(keyed({{"a", "1"}}), 0, now));
  seal();
  ASSERT_TRUE(append(keyed({{"a", "2"}}), 0, now + 500));
  ASSERT_TRUE(log->sync());
  ASSERT_TRUE(log->roll(now + 500));
  ASSERT_TRUE(log->sync());
  const std::int64_t later = now + 1000;
  Cleanable all = log->cleanable(std::nullopt, {}, later);
  EXPECT_EQ(all.first_dirty, Offset{0});
  EXPECT_EQ(all.first_uncleanable, Offset{2});
  EXPECT_EQ(all.ratio(), 1.0);
  EXPECT_EQ(all.overdue_ms, 0);
  EXPECT_EQ(log->cleanable(std::nullopt, {.ms_min = 600}, later).first_uncleanable, Offset{1});
  EXPECT_EQ(log->cleanable(std::nullopt, {.ms_min = 2000}, later).first_uncleanable, Offset{0});
  EXPECT_EQ(log->cleanable(std::nullopt, {.ms_max = 400}, later).overdue_ms, 600);
  EXPECT_EQ(log->cleanable(Offset{1}, {}, later).first_dirty, Offset{0}) << "it never was";

  Result<CleanJob> job =
      log->begin_clean(log->cleanable(std::nullopt, {.ms_min = 600}, later), settings(later));
  ASSERT_TRUE(job);
  ASSERT_TRUE(drive(*log, *job));
  ASSERT_EQ(job->cleaned_to(), Offset{1});
  EXPECT_EQ(log->cleanable(Offset{1}, {}, later).first_dirty, Offset{1});
  EXPECT_EQ(log->cleanable(Offset{1}, {.ms_max = 400}, later).overdue_ms, 100);
  EXPECT_EQ(log->cleanable(Offset{1}, {}, later).ratio(), 0.5);
  EXPECT_EQ(log->cleanable(Offset{9}, {}, later).first_dirty, Offset{0})
      << "a checkpoint past what was compacted is another log's";
}

TEST_F(CleanTest, TheLogStartMayMoveWhileAJobIsOut) {
  create({.segment_bytes_max = 400});
  for (int i = 0; i < 40; ++i) put({{"key " + std::to_string(i % 30), "value " + std::to_string(i)}});
  seal();
  for (const int steps : {0, 1, 2, 3}) {
    Result<CleanJob> job = log->begin_clean(log->cleanable(std::nullopt, {}, now), settings(now));
    ASSERT_TRUE(job);
    bool more = true;
    for (int i = 0; i < steps && more; ++i) more = *log->after_clean(*job, job->run());
    ASSERT_TRUE(more);
    const Offset start = Offset{12 + 3 * steps};
    ASSERT_TRUE(log->advance_log_start(start));
    ASSERT_TRUE(drive(*log, *job));
    std::vector<Seen> records = all_records(*log);
    std::erase_if(records, [&](const Seen& seen) { return seen.offset < start.value; });
    std::vector<Seen> newest;
    for (int i = static_cast<int>(start.value); i < 40; ++i)
      newest.push_back({i, "key " + std::to_string(i % 30), "value " + std::to_string(i)});
    EXPECT_EQ(records, newest);
    reopen();
    EXPECT_FALSE(log->halted());
    EXPECT_EQ(log->log_start_offset(), start);
    records = all_records(*log);
    std::erase_if(records, [&](const Seen& seen) { return seen.offset < start.value; });
    EXPECT_EQ(records, newest);
  }
}

TEST_F(CleanTest, AJobOfADeletedLogTouchesNothingOfTheOneMadeAfterIt) {
  for (const int steps : {0, 1, 2}) {
    create({.segment_bytes_max = 400});
    for (int i = 0; i < 40; ++i) put({{"key " + std::to_string(i), "old"}});
    seal();
    Result<CleanJob> job = log->begin_clean(log->cleanable(std::nullopt, {}, now), settings(now));
    ASSERT_TRUE(job);
    for (int i = 0; i < steps; ++i) ASSERT_TRUE(*log->after_clean(*job, job->run()));
    log.reset();
    ASSERT_TRUE(retire_partition(fs, data_dir, events, Uuid{7, static_cast<std::uint64_t>(steps)}));
    create({.segment_bytes_max = 400});
    for (int i = 0; i < 40; ++i) put({{"key " + std::to_string(i), "new"}});
    seal();
    const auto before = all_records(*log);
    const Result<CleanJob::Step> step = job->run();
    ASSERT_FALSE(step);
    EXPECT_EQ(step.error().code, Code::interrupted);
    reopen();
    EXPECT_EQ(all_records(*log), before);
    log.reset();
    ASSERT_TRUE(retire_partition(fs, data_dir, events, Uuid{8, static_cast<std::uint64_t>(steps)}));
  }
}

TEST_F(CleanTest, ADamagedSegmentIsLeftAsItIsAndNamed) {
  create();
  put({{"a", "1"}});
  put({{"a", "2"}});
  seal();
  const std::string name = "00000000000000000000.log";
  Bytes damaged = content(name);
  damaged[100] ^= std::byte{1};
  overwrite(name, damaged);
  const Result<void> cleaned = try_clean();
  ASSERT_FALSE(cleaned);
  EXPECT_EQ(cleaned.error().code, Code::corrupt);
  EXPECT_THAT(cleaned.error().message, testing::HasSubstr(name));
  EXPECT_EQ(content(name), damaged);
  EXPECT_FALSE(log->poisoned());
}

TEST_F(CleanTest, AFullDiskEndsTheRoundAndTheLogGoesOn) {
  create();
  for (int i = 0; i < 20; ++i)
    put({{"a", std::string(200, 'x')}, {"k" + std::to_string(i), std::string(200, 'y')}});
  seal();
  const auto before = all_records(*log);
  fs.fail_when(
      [](const sim::Operation& op) { return op.verb == sim::Verb::write && op.path.ends_with(".cleaned"); },
      sim::Fault::enospc);
  const Result<void> cleaned = try_clean();
  ASSERT_FALSE(cleaned);
  EXPECT_EQ(cleaned.error().code, Code::no_space);
  fs.clear_faults();
  EXPECT_EQ(all_records(*log), before);
  put({{"b", "1"}});
  ASSERT_TRUE(log->sync());
  clean();
  EXPECT_EQ(all_records(*log).size(), 22u);
}

}  // namespace
}  // namespace sluice::log
