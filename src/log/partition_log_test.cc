#include "log/partition_log.h"

#include <limits>

#include "log/log_fixture.h"
#include "record/validate.h"

namespace sluice::log {
namespace {

namespace kafka_error = record::kafka_error;

using PartitionLogTest = LogTest;

TEST_F(PartitionLogTest, ANewLogIsEmptyAndStartsAtZero) {
  create();
  EXPECT_EQ(log->log_start_offset(), Offset{0});
  EXPECT_EQ(log->log_end_offset(), Offset{0});
  EXPECT_EQ(log->topic_id(), events_id);
  EXPECT_EQ(log->last_epoch(), std::nullopt);
  EXPECT_TRUE(fs.is_durable(events_dir + "/partition.metadata"));
  EXPECT_EQ(PartitionLog::create(fs, data_dir, events, events_id, {}).error().code, Code::already_exists);
}

TEST_F(PartitionLogTest, NothingIsVisibleBeforeItIsDurable_X14) {
  create();
  EXPECT_EQ(append(batch_of(0, 3))->range, (OffsetRange{Offset{0}, Offset{3}}));
  EXPECT_EQ(log->log_end_offset(), Offset{3});
  EXPECT_EQ(log->high_watermark(), Offset{0});
  std::optional<SyncJob> job = log->begin_sync();
  ASSERT_TRUE(job);
  EXPECT_EQ(append(batch_of(3, 2))->range, (OffsetRange{Offset{3}, Offset{5}}));
  EXPECT_FALSE(log->begin_sync()) << "one job at a time";
  EXPECT_TRUE(*log->finish_sync(job->run()));
  EXPECT_EQ(log->high_watermark(), Offset{3})
      << "what was appended after the job began waits for the next one";
  EXPECT_EQ(values(*log), numbered(0, 3));
  EXPECT_TRUE(log->needs_sync());
  ASSERT_TRUE(log->sync());
  EXPECT_FALSE(log->needs_sync());
  EXPECT_EQ(values(*log), numbered(0, 5));
  EXPECT_TRUE(fs.is_durable(events_dir + "/00000000000000000000.log"));
}

TEST_F(PartitionLogTest, OffsetsAndEpochArePatchedAndTheChecksumStands) {
  create();
  fill(0, 4, 2);
  Bytes batch = batch_of(4, 2);
  ASSERT_TRUE(log->append(batch, LeaderEpoch{7}, now));
  ASSERT_TRUE(log->sync());
  Bytes out(4096);
  const ReadSlice slice = *log->read(Offset{4}, log->high_watermark(), out);
  const record::BatchView view = *record::BatchView::parse(BytesView{out}.first(slice.bytes));
  EXPECT_EQ(view.range(), (OffsetRange{Offset{4}, Offset{6}}));
  EXPECT_EQ(view.leader_epoch(), LeaderEpoch{7});
  EXPECT_TRUE(view.crc_ok());
  EXPECT_EQ(slice.next, Offset{6});
}

TEST_F(PartitionLogTest, ReadingGivesTheWholeBatchThatHoldsTheOffset) {
  create();
  fill(0, 10, 5);
  Bytes out(4096);
  const ReadSlice slice = *log->read(Offset{7}, log->high_watermark(), out);
  EXPECT_EQ(record::BatchView::parse(BytesView{out}.first(slice.bytes))->base_offset(), Offset{5});
  EXPECT_EQ(log->read(Offset{10}, log->high_watermark(), out)->bytes, 0u);
  EXPECT_EQ(log->read(Offset{11}, log->high_watermark(), out).error().kafka_error,
            kafka_error::offset_out_of_range);
}

TEST_F(PartitionLogTest, ABufferTooSmallForOneBatchIsToldHowMuchItNeeds) {
  create();
  fill(0, 10, 5);
  Bytes small(10);
  const ReadSlice told = *log->read(Offset{0}, log->high_watermark(), small);
  EXPECT_EQ(told.bytes, 0u);
  Bytes exact(told.bytes_needed);
  EXPECT_EQ(log->read(Offset{0}, log->high_watermark(), exact)->bytes, exact.size());
  Bytes more(told.bytes_needed + 70);
  EXPECT_EQ(log->read(Offset{0}, log->high_watermark(), more)->bytes, exact.size()) << "whole batches only";
}

TEST_F(PartitionLogTest, SegmentsRollByBytesAndAreReadAsOneLog) {
  create({.segment_bytes_max = 1000, .index_interval_bytes = 100});
  fill(0, 300, 3);
  EXPECT_GT(log->segments_count(), 10u);
  EXPECT_EQ(values(*log), numbered(0, 300));
  for (std::int64_t from = 0; from < 300; ++from) {
    ASSERT_EQ(values(*log, Offset{from / 3 * 3}).front(), value_of(from / 3 * 3));
  }
  for (const bool clean : {false, true}) {
    if (clean) {
      ASSERT_TRUE(log->close());
    }
    reopen(clean);
    EXPECT_EQ(values(*log), numbered(0, 300));
    EXPECT_EQ(log->recovery().segments_scanned > 0, !clean);
    for (std::int64_t from = 299; from >= 0; --from) {
      ASSERT_EQ(values(*log, Offset{from / 3 * 3}).size(), static_cast<std::size_t>(300 - from / 3 * 3));
    }
  }
}

TEST_F(PartitionLogTest, SegmentsRollByAge) {
  create({.segment_ms_max = 1000});
  ASSERT_TRUE(append(batch_of(0), 0, now));
  ASSERT_TRUE(append(batch_of(1), 0, now + 1000));
  EXPECT_EQ(log->segments_count(), 1u);
  ASSERT_TRUE(append(batch_of(2), 0, now + 1001));
  EXPECT_EQ(log->segments_count(), 2u);
}

TEST_F(PartitionLogTest, SegmentsRollWhenAnIndexIsFull) {
  create({.segment_index_bytes_max = 80, .index_interval_bytes = 1});
  fill(0, 100);
  EXPECT_GT(log->segments_count(), 9u);
  EXPECT_EQ(values(*log), numbered(0, 100));
}

TEST_F(PartitionLogTest, ABatchLargerThanASegmentIsRefused) {
  create({.segment_bytes_max = 200});
  EXPECT_EQ(append(batch_of(0, 50)).error().kafka_error, kafka_error::record_list_too_large);
  EXPECT_EQ(log->log_end_offset(), Offset{0});
}

TEST_F(PartitionLogTest, ABatchSentTwiceIsStoredOnceAndAnsweredWithItsOffsets) {
  create();
  for (std::int32_t i = 0; i < 7; ++i) ASSERT_TRUE(append(batch_by(9, 0, i * 2, i * 2, 2)));
  for (std::int32_t i = 2; i < 7; ++i) {  // the last five
    const Appended again = *append(batch_by(9, 0, i * 2, i * 2, 2));
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.range, (OffsetRange{Offset{i * 2}, Offset{i * 2 + 2}}));
  }
  EXPECT_EQ(append(batch_by(9, 0, 2, 2, 2)).error().kafka_error, kafka_error::out_of_order_sequence_number);
  EXPECT_EQ(append(batch_by(9, 0, 16, 16, 2)).error().kafka_error, kafka_error::out_of_order_sequence_number);
  EXPECT_EQ(append(batch_by(9, 0, 12, 12, 1)).error().kafka_error, kafka_error::out_of_order_sequence_number);
  EXPECT_FALSE(append(batch_by(9, 0, 14, 14, 2))->duplicate);
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(values(*log), numbered(0, 16));
}

TEST_F(PartitionLogTest, DuplicatesAreKnownAfterEveryKindOfRestart) {
  create({.segment_bytes_max = 400});
  for (std::int32_t i = 0; i < 6; ++i) ASSERT_TRUE(append(batch_by(9, 3, i, i)));
  ASSERT_TRUE(log->sync());
  EXPECT_GT(log->segments_count(), 1u);
  for (const bool clean : {false, true, true, false}) {
    if (clean) {
      ASSERT_TRUE(log->close());
    }
    reopen(clean);
    for (std::int32_t i = 1; i < 6; ++i) EXPECT_TRUE(append(batch_by(9, 3, i, i))->duplicate) << i;
    EXPECT_EQ(append(batch_by(9, 3, 7, 7)).error().kafka_error, kafka_error::out_of_order_sequence_number);
    EXPECT_EQ(append(batch_by(9, 2, 6, 6)).error().kafka_error, kafka_error::invalid_producer_epoch);
  }
  EXPECT_FALSE(append(batch_by(9, 3, 6, 6))->duplicate);
}

TEST_F(PartitionLogTest, DuplicatesAreKnownWhereSnapshotsAreLostOrDamaged) {
  create({.segment_bytes_max = 400});
  for (std::int32_t i = 0; i < 12; ++i) ASSERT_TRUE(append(batch_by(9, 3, i, i)));
  ASSERT_TRUE(log->close());
  const std::vector<env::DirEntry> entries = *fs.list(events_dir);
  for (const env::DirEntry& entry : entries) {
    if (entry.name.ends_with(".snapshot")) overwrite(entry.name, as_bytes("damaged"));
  }
  reopen(true);
  for (std::int32_t i = 7; i < 12; ++i) EXPECT_TRUE(append(batch_by(9, 3, i, i))->duplicate) << i;
}

TEST_F(PartitionLogTest, SequencesWrapToZero) {
  create();
  constexpr std::int32_t largest = std::numeric_limits<std::int32_t>::max();
  ASSERT_TRUE(append(batch_by(9, 0, largest - 1, 0, 2)));
  EXPECT_TRUE(append(batch_by(9, 0, largest - 1, 0, 2))->duplicate);
  EXPECT_FALSE(append(batch_by(9, 0, 0, 2))->duplicate);
  ASSERT_TRUE(append(batch_by(8, 0, largest, 3, 2))) << "largest, then 0";
  EXPECT_FALSE(append(batch_by(8, 0, 1, 5))->duplicate);
}

TEST_F(PartitionLogTest, ANewProducerEpochBeginsAtSequenceZero) {
  create();
  ASSERT_TRUE(append(batch_by(9, 0, 0, 0)));
  EXPECT_EQ(append(batch_by(9, 1, 1, 1)).error().kafka_error, kafka_error::out_of_order_sequence_number);
  EXPECT_FALSE(append(batch_by(9, 1, 0, 1))->duplicate);
  EXPECT_EQ(append(batch_by(9, 0, 1, 2)).error().kafka_error, kafka_error::invalid_producer_epoch);
}

TEST_F(PartitionLogTest, AnEpochIsDurableBeforeItsFirstBatchAndAnswersWhereItEnds) {
  create();
  fill(0, 3);
  ASSERT_TRUE(append(batch_of(3), 4));
  EXPECT_EQ(as_text(content("leader-epoch-checkpoint")), "0\n2\n0 0\n4 3\n");
  EXPECT_TRUE(fs.is_durable(events_dir + "/leader-epoch-checkpoint"));
  ASSERT_TRUE(append(batch_of(4), 6));
  ASSERT_TRUE(log->sync());
  for (const bool again : {false, true}) {
    if (again) reopen();
    EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch{0}), (EpochEnd{LeaderEpoch{0}, Offset{3}}));
    EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch{3}), (EpochEnd{LeaderEpoch{0}, Offset{3}}));
    EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch{5}), (EpochEnd{LeaderEpoch{4}, Offset{4}}));
    EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch{6}), (EpochEnd{LeaderEpoch{6}, Offset{5}}));
    EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch{7}), (EpochEnd{LeaderEpoch{6}, Offset{5}}))
        << "nothing was written since";
    EXPECT_EQ(log->end_offset_for_epoch(LeaderEpoch{-1}), EpochEnd{});
    EXPECT_EQ(log->epoch_at(Offset{3}), LeaderEpoch{4});
  }
  EXPECT_FALSE(append(batch_of(5), 5)) << "an older epoch";
}

TEST_F(PartitionLogTest, EpochsAreFoundAgainInTheLogWhereTheirFileIsDamaged) {
  create({.segment_bytes_max = 300});
  for (std::int32_t i = 0; i < 10; ++i) ASSERT_TRUE(append(batch_of(i), i / 2));
  ASSERT_TRUE(log->close());
  const Bytes before = content("leader-epoch-checkpoint");
  overwrite("leader-epoch-checkpoint", as_bytes("0\n9\n0 0\n"));
  reopen(true);
  EXPECT_EQ(content("leader-epoch-checkpoint"), before);
  EXPECT_EQ(values(*log), numbered(0, 10));
}

TEST_F(PartitionLogTest, TimestampsAreFoundInEveryCodecAndSegment) {
  create({.segment_bytes_max = 700, .index_interval_bytes = 150});
  for (std::int64_t i = 0; i < 100; i += 4) {
    const auto codec = static_cast<record::Codec>(i / 4 % 5);
    ASSERT_TRUE(append(batch_of(i, 4, codec, now + i * 10)));  // records at now + i * 10 + 0, 1, 2, 3
  }
  ASSERT_TRUE(log->sync());
  for (const int restart : {0, 1, 2}) {
    if (restart == 1) reopen(false);
    if (restart == 2) {
      ASSERT_TRUE(log->close());
      reopen(true);
    }
    for (std::int64_t i = 0; i < 100; i += 4) {
      const TimestampOffset found = *log->offset_for_timestamp(now + i * 10 + 2, log->high_watermark());
      EXPECT_EQ(found.offset, Offset{i + 2});
      EXPECT_EQ(found.timestamp_ms, now + i * 10 + 2);
      EXPECT_EQ(found.leader_epoch, LeaderEpoch{0});
      const Offset next = log->offset_for_timestamp(now + i * 10 + 4, log->high_watermark())->offset;
      EXPECT_EQ(next, i == 96 ? Offset{-1} : Offset{i + 4});
    }
    EXPECT_EQ(log->offset_for_timestamp(0, log->high_watermark())->offset, Offset{0});
    EXPECT_EQ(log->offset_for_timestamp(now + 500, Offset{40})->offset, Offset{-1})
        << "above the end asked for";
    EXPECT_EQ(log->max_timestamp()->offset, Offset{99});
  }
}

TEST_F(PartitionLogTest, TheLargestTimestampIsThatOfTheVisiblePart) {
  create();
  ASSERT_TRUE(append(batch_of(0, 2, record::Codec::none, now + 50)));
  ASSERT_TRUE(append(batch_of(2, 2, record::Codec::none, now)));
  ASSERT_TRUE(log->sync());
  ASSERT_TRUE(append(batch_of(4, 2, record::Codec::none, now + 900)));
  EXPECT_EQ(log->max_timestamp()->offset, Offset{1});
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(log->max_timestamp()->offset, Offset{5});
}

TEST_F(PartitionLogTest, TheLargestTimestampIsFoundWithoutWalkingTheSegments) {
  create({.segment_bytes_max = 4000, .index_interval_bytes = 200});
  for (std::int64_t i = 0; i < 800; ++i) ASSERT_TRUE(append(batch_of(i, 1, record::Codec::none, now + i)));
  ASSERT_TRUE(log->sync());
  ASSERT_GT(log->segments_count(), 10u);
  ASSERT_TRUE(append(batch_of(800, 1, record::Codec::none, now + 5000)));  // later, and not visible
  const std::uint64_t before = fs.reads();
  EXPECT_EQ(log->max_timestamp()->offset, Offset{799});
  EXPECT_LE(fs.reads() - before, 12u);
  ASSERT_TRUE(log->sync());
  ASSERT_TRUE(log->advance_log_start(Offset{795}));
  EXPECT_EQ(log->max_timestamp()->offset, Offset{800});
}

TEST_F(PartitionLogTest, TheLargestTimestampIsNotOneBelowTheLogStart) {
  create({.index_interval_bytes = 100});
  for (std::int64_t i = 0; i < 40; ++i)
    ASSERT_TRUE(append(batch_of(i, 1, record::Codec::none, now + (i == 3 ? 900 : i))));
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(log->max_timestamp()->offset, Offset{3});
  ASSERT_TRUE(log->advance_log_start(Offset{4}));
  EXPECT_EQ(log->max_timestamp()->offset, Offset{39});
  record::BatchBuilder builder;  // the largest first, and then the log starts inside the batch
  for (const std::int64_t timestamp : {now + 990, now + 5, now + 60, now + 50})
    builder.add(timestamp, std::nullopt, as_bytes("x"));
  ASSERT_TRUE(append(to_owned(*builder.finish())));
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(log->max_timestamp()->offset, Offset{40});
  ASSERT_TRUE(log->advance_log_start(Offset{41}));
  EXPECT_EQ(log->max_timestamp()->offset, Offset{42});
}

TEST_F(PartitionLogTest, TheStartMovesUpAndWholeSegmentsBelowItGo) {
  create({.segment_bytes_max = 400});
  fill(0, 40);
  const std::size_t before = log->segments_count();
  EXPECT_EQ(log->advance_log_start(Offset{41}).error().code, Code::out_of_range);
  ASSERT_TRUE(log->advance_log_start(Offset{25}));
  EXPECT_LT(log->segments_count(), before);
  Bytes out(4096);
  EXPECT_EQ(log->read(Offset{24}, log->high_watermark(), out).error().kafka_error,
            kafka_error::offset_out_of_range);
  for (const bool clean : {false, true}) {
    EXPECT_EQ(log->log_start_offset(), Offset{25});
    EXPECT_EQ(values(*log), numbered(25, 40));
    EXPECT_EQ(log->offset_for_timestamp(0, log->high_watermark())->offset, Offset{25});
    if (clean) {
      ASSERT_TRUE(log->close());
    }
    reopen(clean);
  }
  EXPECT_EQ(log->log_start_offset(), Offset{25});
  ASSERT_TRUE(log->advance_log_start(Offset{40}));
  EXPECT_EQ(values(*log), numbered(40, 40));
  fill(40, 42);
  reopen();
  EXPECT_EQ(values(*log), numbered(40, 42));
}

TEST_F(PartitionLogTest, RetentionTakesWholeSealedSegmentsByAgeOrBytes) {
  create({.segment_bytes_max = 400});
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(append(batch_of(i), 0, now + i * 1000));
  ASSERT_TRUE(log->sync());
  const std::int64_t later = now + 40 * 1000;
  EXPECT_EQ(log->retention_start({}, later), Offset{0});
  const Offset by_age = log->retention_start({.ms = 10'000}, later);
  EXPECT_GT(by_age, Offset{20});
  EXPECT_LE(by_age, Offset{30});
  for (const bool clean : {false, true}) {
    if (clean) {
      ASSERT_TRUE(log->close());
    }
    reopen(clean, later);
    EXPECT_EQ(log->retention_start({.ms = 10'000}, later), by_age)
        << "the age of a segment survives a restart";
  }
  const Offset by_bytes = log->retention_start({.bytes = 1000}, later);
  EXPECT_GT(by_bytes, Offset{10});
  ASSERT_TRUE(log->advance_log_start(by_bytes));
  EXPECT_GE(log->bytes(), 1000u);
  EXPECT_LT(log->bytes(), 1000u + 2 * 400u);
}

TEST_F(PartitionLogTest, AFailedSyncPoisonsTheLogForGood_X13) {
  create();
  fill(0, 5);
  ASSERT_TRUE(append(batch_of(5)));
  fs.fail_operation(fs.operations(), sim::Fault::eio);
  const Result<void> synced = log->sync();
  ASSERT_FALSE(synced);
  EXPECT_EQ(synced.error().kafka_error, kafka_error::kafka_storage_error);
  EXPECT_EQ(log->high_watermark(), Offset{5});
  EXPECT_FALSE(append(batch_of(6)));
  EXPECT_FALSE(log->needs_sync());
  EXPECT_FALSE(log->sync()) << "never tried again";
  EXPECT_FALSE(log->close());
  EXPECT_EQ(values(*log), numbered(0, 5)) << "reads go on";
}

TEST_F(PartitionLogTest, WhatAFailedSyncLostIsWrittenAgainBeforeItIsShown) {
  create();
  fill(0, 5);
  ASSERT_TRUE(append(batch_of(5)));
  fs.fail_operation(fs.operations(), sim::Fault::eio);
  ASSERT_FALSE(log->sync());
  reopen();  // the page cache still has record 5, and calls it clean
  EXPECT_EQ(values(*log), numbered(0, 6));
  fs.restart(sim::Crash::all_lost);
  reopen();
  EXPECT_EQ(values(*log), numbered(0, 6)) << "it was shown, so it must stay";
}

TEST_F(PartitionLogTest, AFullDiskRefusesAppendsAndTheLogGoesOnWhenThereIsRoom) {
  create({.segment_bytes_max = 500});
  fill(0, 4);
  std::int64_t next = 4;
  for (std::uint64_t room = 100; room < 3000; room += 37) {
    fs.set_capacity(room);
    int refused = 0;
    for (int tries = 0; tries < 4; ++tries) {
      const Result<Appended> appended = append(batch_of(next));
      if (appended) {
        ++next;
      } else {
        EXPECT_EQ(appended.error().code, Code::no_space) << to_string(appended.error());
        EXPECT_EQ(appended.error().kafka_error, kafka_error::kafka_storage_error);
        ++refused;
      }
    }
    EXPECT_EQ(values(*log), numbered(0, log->high_watermark().value)) << "reads go on";
    fs.set_capacity(1 << 30);
    ASSERT_TRUE(append(batch_of(next++))) << room;
    ASSERT_TRUE(log->sync());
    ASSERT_EQ(values(*log), numbered(0, next)) << room << " " << refused;
  }
  fs.restart(sim::Crash::all_lost);
  reopen();
  EXPECT_EQ(values(*log), numbered(0, next));
}

TEST_F(PartitionLogTest, MisuseIsRefusedAndChangesNothing) {
  create();
  Bytes two = batch_of(0);
  const Bytes second = batch_of(1);
  two.insert(two.end(), second.begin(), second.end());
  EXPECT_EQ(append(two).error().kafka_error, kafka_error::corrupt_message);
  EXPECT_FALSE(append(Bytes(20)));
  EXPECT_FALSE(append(batch_of(0), -1)) << "no leader epoch";
  EXPECT_EQ(log->log_end_offset(), Offset{0});
  EXPECT_FALSE(PartitionLog::create(fs, data_dir, {"../x", PartitionId{0}}, events_id, {}));
  EXPECT_EQ(PartitionLog::open(fs, data_dir, {"none", PartitionId{0}}, {}, {}).error().code, Code::not_found);
}

}  // namespace
}  // namespace sluice::log
