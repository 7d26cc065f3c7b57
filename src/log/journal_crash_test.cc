// Three logs and their journal, dying at every operation.
//
// Rounds as the broker makes them: small appends go into the journal, some logs sync their own segments, and
// segments are synced behind the rounds so that a journal file can be written again. The process dies (or an
// operation fails) at operation N; then the logs are opened and the journal is replayed. Whatever N is:
//   - what was durable when the round was answered is there (X14), and every log is a run 0, 1, 2, ...;
//   - an offset that was visible shows what it showed before;
//   - the next life goes on as if nothing had been.
#include <array>

#include "log/journal.h"
#include "log/journal_replay.h"
#include "log/log_fixture.h"
#include "sim/random.h"

namespace sluice::log {
namespace {

constexpr std::size_t logs_count = 3;
constexpr int rounds_count = 24;
constexpr std::uint64_t file_bytes_max = 7 * 4096;  // so that files are written again many times

class JournalLife {
 public:
  JournalLife(sim::FileSystem& fs, std::array<std::int64_t, logs_count>& acked, std::uint64_t seed)
      : fs_(fs), acked_(acked), random_(seed) {}

  /// What is wrong; empty where all is well, whether the life ended early or not.
  std::string run() {
    if (std::string wrong = open(); !wrong.empty() || fs_.dead() || !journal_) return wrong;
    for (int i = 0; i < rounds_count && !fs_.dead(); ++i) {
      append_some();
      round();
      if (random_.below(3) == 0) flush();
    }
    return "";
  }

  /// Opens all, replays, and compares with what was acknowledged.
  std::string open() {
    for (std::size_t i = 0; i < logs_count; ++i) {
      if (!open_log(i)) return wrong_;
    }
    const auto find = [this](const JournalKey& key) {
      return JournalTarget{logs_[static_cast<std::size_t>(key.partition.value)].get(), false};
    };
    const auto report = replay_journal(fs_, data_dir, find, now);
    if (!report) return fs_.dead() || report.error().code != Code::corrupt ? "" : to_string(report.error());
    for (std::size_t i = 0; i < logs_count; ++i) {
      const std::int64_t end = logs_[i]->high_watermark().value;
      if (end < acked_[i]) return fmt_lost(i, end);
      if (values(*logs_[i]) != numbered(0, end)) return "other records are shown";
      acked_[i] = end;  // visible from now on
    }
    if (report->kept) return "a log does not continue where the journal says";
    auto made = Journal::create(fs_, random_, data_dir, file_bytes_max);
    if (made) journal_ = std::move(*made);
    return "";
  }

 private:
  static TopicPartition id_of(std::size_t i) { return {"events", PartitionId{static_cast<std::int32_t>(i)}}; }
  std::string fmt_lost(std::size_t i, std::int64_t end) const {
    return "log " + std::to_string(i) + " ends at " + std::to_string(end) + ", acknowledged up to " +
           std::to_string(acked_[i]);
  }

  bool open_log(std::size_t i) {
    const LogOptions options{.segment_bytes_max = 1500, .unjournaled_bytes_max = 600};
    auto opened = PartitionLog::open(fs_, data_dir, id_of(i), options, {.now_ms = now});
    if (!opened && opened.error().code == Code::not_found && acked_[i] == 0)
      opened = PartitionLog::create(fs_, data_dir, id_of(i), events_id, options);
    if (!opened && opened.error().code == Code::corrupt) wrong_ = to_string(opened.error());
    if (opened && (*opened)->halted()) wrong_ = to_string(*(*opened)->halted());
    if (!opened || (*opened)->halted()) return false;
    logs_[i] = std::move(*opened);
    return true;
  }

  void append_some() {
    for (std::uint64_t n = 1 + random_.below(5); n > 0; --n) {
      PartitionLog& log = *logs_[random_.below(logs_count)];
      Bytes batch = batch_of(log.log_end_offset().value, 1 + static_cast<int>(random_.below(4)));
      (void)log.append(batch, LeaderEpoch{0}, now);
    }
  }

  void round() {
    std::vector<JournalEntry> entries;
    std::vector<std::size_t> journaled;
    std::vector<std::size_t> direct;
    for (std::size_t i = 0; i < logs_count; ++i) {
      PartitionLog& log = *logs_[i];
      if (!log.needs_sync()) continue;
      if (log.unjournaled_bytes() > 0 && random_.below(8) != 0) {
        entries.push_back({{events_id, id_of(i).partition}, log.log_end_offset(), log.unjournaled()});
        journaled.push_back(i);
      } else {
        direct.push_back(i);
      }
    }
    auto write = journal_->begin(entries);
    if (write) {
      for (const std::size_t i : journaled) logs_[i]->drop_unjournaled();
      const JournalWrite::Done done = write->run();
      journal_->finish(done);
      for (std::size_t n = 0; n < journaled.size(); ++n) {
        if (done.error)
          direct.push_back(journaled[n]);
        else if (logs_[journaled[n]]->note_journaled(entries[n].end))
          acknowledge(journaled[n]);
      }
    } else {
      direct.insert(direct.end(), journaled.begin(), journaled.end());
    }
    for (const std::size_t i : direct) sync(i);
  }

  void sync(std::size_t i) {
    auto job = logs_[i]->begin_sync();
    if (!job) return;
    logs_[i]->drop_unjournaled();
    if (!logs_[i]->finish_sync(job->run())) return;
    journal_->note_synced({events_id, id_of(i).partition}, logs_[i]->synced_end());
    acknowledge(i);
  }
  void flush() {
    for (const JournalKey& key : journal_->pins()) sync(static_cast<std::size_t>(key.partition.value));
  }
  void acknowledge(std::size_t i) { acked_[i] = std::max(acked_[i], logs_[i]->durable_end().value); }

  sim::FileSystem& fs_;
  std::array<std::int64_t, logs_count>& acked_;
  sim::Random random_;
  std::array<std::unique_ptr<PartitionLog>, logs_count> logs_;
  std::unique_ptr<Journal> journal_;
  std::string wrong_;
};

class JournalCrashTest : public testing::TestWithParam<sim::Crash> {};

TEST_P(JournalCrashTest, WhateverTheOperationNothingAcknowledgedIsLost) {
  std::uint64_t number = 0;
  for (bool reached = true; reached; ++number) {
    sim::FileSystem fs{number};
    ASSERT_TRUE(fs.create_dirs_durable(data_dir));
    std::array<std::int64_t, logs_count> acked{};
    fs.fail_operation(fs.operations() + number, sim::Fault::die);
    ASSERT_EQ(JournalLife(fs, acked, 5).run(), "");
    reached = fs.dead();
    // The next life dies as well, most often while it recovers.
    fs.restart(GetParam());
    fs.fail_operation(fs.operations() + number % 37, sim::Fault::die);
    ASSERT_EQ(JournalLife(fs, acked, 6).run(), "") << "second life, operation " << number;
    fs.restart(GetParam());
    ASSERT_EQ(JournalLife(fs, acked, 7).run(), "") << "third life, operation " << number;
    fs.restart(GetParam());
    ASSERT_EQ(JournalLife(fs, acked, 8).open(), "") << "the end, operation " << number;
  }
  EXPECT_GT(number, 200u);
}
TEST_P(JournalCrashTest, ADeathAtAnyOperationOfTheNextStartIsNoHarmEither) {
  std::uint64_t deaths = 0;
  bool reached = true;
  for (std::uint64_t number = 0; reached; number += 17) {
    bool recovering = true;
    for (std::uint64_t again = 0; recovering && again < 60; ++again, ++deaths) {
      sim::FileSystem fs{number + again};
      ASSERT_TRUE(fs.create_dirs_durable(data_dir));
      std::array<std::int64_t, logs_count> acked{};
      fs.fail_operation(fs.operations() + number, sim::Fault::die);
      ASSERT_EQ(JournalLife(fs, acked, 5).run(), "");
      reached = fs.dead();
      fs.restart(GetParam());
      fs.fail_operation(fs.operations() + again, sim::Fault::die);
      ASSERT_EQ(JournalLife(fs, acked, 6).open(), "") << number << ", then " << again;
      recovering = fs.dead();
      fs.restart(GetParam());
      ASSERT_EQ(JournalLife(fs, acked, 7).run(), "") << number << ", then " << again;
      fs.restart(GetParam());
      ASSERT_EQ(JournalLife(fs, acked, 8).open(), "") << number << ", then " << again;
    }
  }
  EXPECT_GT(deaths, 100u);
}
INSTANTIATE_TEST_SUITE_P(AllCrashes, JournalCrashTest, testing::ValuesIn(sim::crashes),
                         [](const auto& crash) { return std::string{sim::name(crash.param)}; });

class JournalFaultTest : public testing::TestWithParam<sim::Fault> {};

TEST_P(JournalFaultTest, AFailedOperationAcknowledgesNothingThatAPowerCutLoses) {
  std::uint64_t number = 0;
  for (std::uint64_t operations = 1; number < operations; ++number) {
    sim::FileSystem fs{number};
    ASSERT_TRUE(fs.create_dirs_durable(data_dir));
    std::array<std::int64_t, logs_count> acked{};
    fs.fail_operation(fs.operations() + number, GetParam());
    ASSERT_EQ(JournalLife(fs, acked, 5).run(), "");
    operations = fs.operations();
    fs.clear_faults();
    fs.restart(number % 2 == 0 ? sim::Crash::all_lost : sim::Crash::torn);
    ASSERT_EQ(JournalLife(fs, acked, 6).run(), "") << "operation " << number;
    fs.restart(sim::Crash::all_lost);
    ASSERT_EQ(JournalLife(fs, acked, 7).open(), "") << "the end, operation " << number;
  }
  EXPECT_GT(number, 200u);
}
INSTANTIATE_TEST_SUITE_P(Faults, JournalFaultTest,
                         testing::Values(sim::Fault::eio, sim::Fault::enospc, sim::Fault::lost_answer));

}  // namespace
}  // namespace sluice::log
