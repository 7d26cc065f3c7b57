#include "log/journal.h"

#include "log/journal_frame.h"
#include "log/journal_replay.h"
#include "log/log_fixture.h"
#include "sim/random.h"

namespace sluice::log {
namespace {

constexpr JournalKey key{events_id, PartitionId{0}};
constexpr JournalKey other{events_id, PartitionId{1}};

Bytes frame_of(const JournalFrame& head, const std::vector<JournalEntry>& entries) {
  Bytes frame(journal_frame_bytes(entries));
  encode_journal_frame(head, entries, frame);
  return frame;
}

class JournalTest : public LogTest {
 protected:
  JournalTest() {
    options.unjournaled_bytes_max = 16384;
    create(options);
    journal_ = *Journal::create(fs, random, data_dir, 8 * 4096);
  }
  /// One record goes through the journal and is durable, its segment is not synced.
  bool round(std::int64_t number, int records = 1) {
    EXPECT_TRUE(append(batch_of(number, records)));
    auto write = journal_->begin({{key, log->log_end_offset(), log->unjournaled()}});
    if (!write) return false;
    log->drop_unjournaled();
    journal_->finish(write->run());
    return !journal_->failed() && log->note_journaled(log->log_end_offset());
  }
  Result<ReplayReport> replay() {
    return replay_journal(
        fs, data_dir, [this](const JournalKey&) { return JournalTarget{log.get(), false}; }, now);
  }
  /// A power cut that takes all that was not synced.
  void cut_power() {
    log.reset();
    fs.restart(sim::Crash::all_lost);
    reopen();
  }
  std::string path(std::size_t index) { return env::join(data_dir, journal_names[index]); }
  Bytes journal_file(std::size_t index) {
    auto content = fs.read_file(path(index), 1 << 24);
    return content ? *content : Bytes{};
  }
  void write_journal_file(std::size_t index, BytesView bytes) {
    auto file = *fs.open(path(index), env::OpenMode::create_truncate);
    ASSERT_TRUE(file->write_at(0, bytes));
    ASSERT_TRUE(file->sync());
  }

  sim::Random random{1};
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, WhatOnlyTheJournalHasComesBackAfterAPowerCut) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(round(i));
  EXPECT_EQ(log->high_watermark(), Offset{3});
  EXPECT_EQ(log->synced_end(), Offset{0});
  cut_power();
  ASSERT_EQ(log->log_end_offset(), Offset{0}) << "the segments have nothing";
  const auto report = replay();
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_EQ(report->batches_appended, 3u);
  EXPECT_EQ(values(*log), numbered(0, 3));
  EXPECT_EQ(*fs.exists(path(0)), false);
  cut_power();
  EXPECT_EQ(values(*log), numbered(0, 3)) << "the segments have it now";
}

TEST_F(JournalTest, WhatTheSegmentsHaveAlreadyIsNotAppendedTwice) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(round(i));
  ASSERT_TRUE(log->sync());
  cut_power();
  const auto report = replay();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->batches_appended, 0u);
  EXPECT_EQ(values(*log), numbered(0, 3));
}

TEST_F(JournalTest, AProducersBatchThatComesAgainAfterAReplayIsRecognised) {
  Bytes batch = batch_by(9, 0, 0, 0);
  ASSERT_TRUE(append(batch));
  auto write = journal_->begin({{key, log->log_end_offset(), log->unjournaled()}});
  journal_->finish(write->run());
  cut_power();
  ASSERT_TRUE(replay());
  const auto again = append(batch_by(9, 0, 0, 0));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
}

TEST_F(JournalTest, TheMemoryForARoundIsThatOfTheRoundBefore) {
  options.unjournaled_room = std::make_shared<UnjournaledRoom>(1 << 20);
  log->set_options(options);
  ASSERT_TRUE(append(batch_of(0, 1)));
  const std::byte* const memory = log->unjournaled().data();
  log->drop_unjournaled();
  EXPECT_TRUE(log->unjournaled().empty());
  ASSERT_TRUE(append(batch_of(1, 1)));
  EXPECT_EQ(log->unjournaled().data(), memory);
}

TEST_F(JournalTest, AFileIsWrittenAgainOnlyWhenNoLogNeedsIt) {
  int rounds = 0;
  while (round(rounds)) ++rounds;
  EXPECT_EQ(rounds, 12) << "six frames a file, one block for the frame that closes it";
  EXPECT_EQ(journal_->pins(), std::vector{key});
  EXPECT_FALSE(journal_->begin({{other, Offset{1}, batch_of(0)}}));
  ASSERT_TRUE(log->sync());
  journal_->note_synced(key, Offset{5});
  EXPECT_EQ(journal_->pins(), std::vector{key}) << "offset 5 is in the file, below it is not enough";
  journal_->note_synced(key, log->synced_end());
  EXPECT_TRUE(journal_->pins().empty());
  EXPECT_TRUE(round(rounds + 1));
}

TEST_F(JournalTest, ATurnThatFailsForWantOfRoomIsNotForgotten) {
  int next = 0;
  for (; next < 11; ++next) ASSERT_TRUE(round(next));
  ASSERT_TRUE(log->sync());
  journal_->note_synced(key, log->synced_end());
  fs.fail_when(
      [this](const sim::Operation& operation) {
        return operation.verb == sim::Verb::write && operation.path == path(0);
      },
      sim::Fault::enospc);
  EXPECT_FALSE(round(next, 400)) << "two blocks: it closes the second file, and overwrites the first in part";
  fs.clear_faults();
  ASSERT_TRUE(log->sync());
  const Offset end = log->log_end_offset();
  round(next + 400);  // one block, for which there is room behind the last frame
  cut_power();
  const auto report = replay();
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_GE(log->log_end_offset(), end);
}

TEST_F(JournalTest, ADamagedRoundBeforeTheLastOneIsCorruptionNotATornTail) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(round(i));
  Bytes bytes = journal_file(0);
  bytes[2 * 4096 + 70] ^= std::byte{1};
  cut_power();
  write_journal_file(0, bytes);
  const auto report = replay();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::corrupt);
  EXPECT_NE(report.error().message.find("round 2 of rounds 1 to 3"), std::string::npos)
      << report.error().message;
  EXPECT_EQ(values(*log).size(), 0u) << "nothing is served as if it were whole";
  EXPECT_TRUE(*fs.exists(path(0)));
}

TEST_F(JournalTest, ATornLastRoundIsNoRound) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(round(i));
  const Bytes bytes = journal_file(0);
  for (std::size_t cut = 3 * 4096; cut < 3 * 4096 + 140; ++cut) {
    log.reset();
    fs.restart(sim::Crash::all_lost);
    reopen();
    write_journal_file(0, BytesView{bytes}.first(cut));
    const auto report = replay();
    ASSERT_TRUE(report) << to_string(report.error());
    ASSERT_EQ(log->log_end_offset(), Offset{2}) << cut;
    ASSERT_TRUE(fs.remove_file(env::join(events_dir, "00000000000000000000.log")));
    ASSERT_TRUE(fs.remove_file(env::join(events_dir, "durable-watermark")));
  }
}

TEST_F(JournalTest, BytesOfARecordDoNotPassForAFrame) {
  const Bytes forged = frame_of({1, 99, 1}, {{key, Offset{1}, batch_of(0)}});
  Bytes block = encode_journal_header(7);
  block.insert(block.end(), forged.begin(), forged.end());
  write_journal_file(0, block);
  const auto report = replay();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->frames, 0u);
  EXPECT_EQ(log->log_end_offset(), Offset{0});
}

TEST_F(JournalTest, EveryFlippedBitOfAFrameMakesItNoFrame) {
  const Bytes frame = frame_of({7, 3, 1}, {{key, Offset{1}, batch_of(0)}});
  ASSERT_TRUE(decode_journal_frame(frame, 7));
  const auto used = static_cast<std::size_t>(40 + 24 + batch_of(0).size());
  for (std::size_t bit = 0; bit < used * 8; ++bit) {
    Bytes flipped = frame;
    flipped[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
    ASSERT_FALSE(decode_journal_frame(flipped, 7)) << bit;
  }
  for (std::size_t cut = 0; cut < used; ++cut)
    ASSERT_FALSE(decode_journal_frame(BytesView{frame}.first(cut), 7)) << cut;
}

TEST_F(JournalTest, AnOfflinePartitionKeepsTheJournalForTheNextStart) {
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(round(i));
  cut_power();
  const auto offline = [](const JournalKey&) { return JournalTarget{nullptr, true}; };
  for (int start = 0; start < 2; ++start) {
    const auto report = replay_journal(fs, data_dir, offline, now);
    ASSERT_TRUE(report);
    ASSERT_TRUE(report->kept);
  }
  ASSERT_TRUE(replay());
  EXPECT_EQ(values(*log), numbered(0, 2));
  EXPECT_EQ(*fs.exists(path(0)), false);
}

TEST_F(JournalTest, AFileThatComesBackAfterItsRemovalIsEmpty) {
  ASSERT_TRUE(round(0));
  fs.fail_when([](const sim::Operation& operation) { return operation.verb == sim::Verb::sync_dir; },
               sim::Fault::eio);
  ASSERT_FALSE(remove_journal(fs, data_dir));
  fs.clear_faults();
  fs.restart(sim::Crash::all_lost);
  EXPECT_TRUE(*fs.exists(path(1))) << "it came back";
  EXPECT_TRUE(journal_file(1).empty());
  EXPECT_EQ(journal_file(0).size(), 8u * 4096) << "the other one was not touched yet";
}

TEST_F(JournalTest, ALogThatEndsBeforeTheJournalGoesOnIsCorrupt) {
  ASSERT_TRUE(round(0));
  ASSERT_TRUE(round(1));
  Bytes later = batch_of(1);
  record::patch_base_offset(later, Offset{5});
  write_journal_file(0, encode_journal_header(7));
  auto file = *fs.open(path(0), env::OpenMode::read_write);
  ASSERT_TRUE(file->write_at(4096, frame_of({7, 1, 1}, {{key, Offset{6}, later}})));
  const auto report = replay();
  ASSERT_TRUE(report);
  ASSERT_EQ(report->refused.size(), 1u);
  EXPECT_EQ(report->refused[0].second.code, Code::corrupt);
  EXPECT_TRUE(report->kept);
  EXPECT_TRUE(*fs.exists(path(0)));
}

}  // namespace
}  // namespace sluice::log
