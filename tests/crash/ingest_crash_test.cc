// The crash loop over fill -> commit -> publish: the real worker, the real table code and the real Parquet
// writer on the simulated disk, which dies, fails or lets another worker act at every single operation (X1 to
// X13).
#include <condition_variable>
#include <functional>
#include <thread>

#include "ingest_scene.h"

namespace sluice::crash {
namespace {

class IngestDies : public ::testing::TestWithParam<sim::Crash> {};

TEST_P(IngestDies, AtAnyOperationAndNothingIsMissingOrDouble) {
  for (const bool drops : {false, true}) {
    for (std::uint64_t at = 0;; ++at) {
      Scene scene;
      sim::FileSystem fs(at + 1);
      Retention retention(scene, fs);
      if (drops) fs.before_operation([&](const sim::Operation& operation) { retention.before(operation); });
      fs.fail_operation(at, sim::Fault::die);
      const Outcome outcome = live(scene, fs, at, 2);
      const std::string when =
          happened(fs, name(GetParam()), at) + (drops ? ", records dropped when committed" : "");
      if (outcome.ended) {
        ASSERT_GT(at, 100u) << "a run has more operations than that";
        break;
      }
      fs.restart(GetParam());
      fs.clear_faults();
      finish(scene, fs, at, when);
      if (at % 8 == 0) expect_audit_is_content(fs, when);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(IngestDies, AgainWhileItRecovers) {
  for (std::uint64_t at = 0;; at += 3) {
    Scene scene;
    sim::FileSystem fs(at + 1);
    Retention retention(scene, fs);
    fs.before_operation([&](const sim::Operation& operation) { retention.before(operation); });
    fs.fail_operation(at, sim::Fault::die);
    if (live(scene, fs, at, 2).ended) break;
    const std::string when = happened(fs, name(GetParam()), at);
    std::uint64_t deaths = 1;
    for (; deaths < 6; ++deaths) {  // each life gets a little further than the one before
      fs.restart(GetParam());
      fs.fail_operation(fs.operations() + deaths * deaths * 5 + at % 7, sim::Fault::die);
      if (live(scene, fs, at + deaths, 2 + static_cast<std::int64_t>(deaths % 3)).ended) break;
    }
    fs.restart(GetParam());
    fs.clear_faults();
    finish(scene, fs, at, fmt::format("{}, and {} more deaths", when, deaths - 1));
    if (HasFatalFailure()) return;
  }
}

std::string crash_name(const ::testing::TestParamInfo<sim::Crash>& parameter) {
  return std::string(name(parameter.param));
}
INSTANTIATE_TEST_SUITE_P(Crashes, IngestDies, ::testing::ValuesIn(sim::crashes), crash_name);

class IngestFails : public ::testing::TestWithParam<sim::Fault> {};

// Where the sync of a directory fails and the machine runs on, the simulated disk has forgotten the names for
// good although they can be seen: no later sync brings them back, as on a file system that has lost its
// journal. Only a machine that starts anew, and so sees what there really is, can be asked for more than
// consistency.
TEST_P(IngestFails, AtAnyOperationAndTheNextStartFinishes) {
  for (const sim::Crash crash : {sim::Crash::plain, sim::Crash::all_lost}) {
    for (std::uint64_t at = 0;; ++at) {
      Scene scene;
      sim::FileSystem fs(at + 1);
      Retention retention(scene, fs);
      fs.before_operation([&](const sim::Operation& operation) { retention.before(operation); });
      fs.fail_operation(at, GetParam());
      const Outcome outcome = live(scene, fs, at, 2);
      const std::string when =
          happened(fs, fmt::format("fault {}, {}", static_cast<int>(GetParam()), name(crash)), at);
      if (fs.operations() <= at) break;  // the run ended before it
      if (outcome.ended) {
        ASSERT_EQ(judge(fs), "") << when << ", and the run went on";
      }
      const bool is_name_sync =
          fs.trace()[at].verb == sim::Verb::sync_dir && GetParam() != sim::Fault::lost_answer;
      fs.clear_faults();
      fs.restart(crash);
      finish(scene, fs, at, when, crash != sim::Crash::plain || !is_name_sync);
      if (HasFatalFailure()) return;
    }
  }
}

std::string fault_name(const ::testing::TestParamInfo<sim::Fault>& parameter) {
  if (parameter.param == sim::Fault::eio) return "eio";
  return parameter.param == sim::Fault::enospc ? "enospc" : "lost_answer";
}
INSTANTIATE_TEST_SUITE_P(Faults, IngestFails,
                         ::testing::Values(sim::Fault::eio, sim::Fault::enospc, sim::Fault::lost_answer),
                         fault_name);

TEST(IngestFights, AZombieThatWakesAtAnyOperationHarmsNothing) {
  for (const bool drops : {false, true}) {
    for (std::uint64_t at = 0;; ++at) {
      Scene scene;
      sim::FileSystem fs(at + 1);
      sim::FileSystem other(fs, at + 500);
      Retention retention(scene, fs);
      bool slept = false;
      fs.before_operation([&](const sim::Operation& operation) {
        if (drops) retention.before(operation);
        if (operation.number != at || slept) return;
        slept = true;  // and meanwhile another worker does everything
        const Outcome outcome = live(scene, other, at + 77, 3);
        EXPECT_TRUE(outcome.ended) << outcome.why;
        EXPECT_EQ(judge(other), "");
      });
      const Outcome outcome = live(scene, fs, at, 2);
      const std::string when = happened(fs, "asleep", at);
      if (!slept) break;
      // With records dropped behind its back it may find the topic beyond the end that it knew, and then
      // halts.
      ASSERT_TRUE(outcome.ended || drops) << when << ": " << outcome.why;
      ASSERT_EQ(judge(fs), "") << when;
      finish(scene, fs, at, when);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(IngestFights, AWorkerThatComesAndDiesMeanwhileTakesNothingAway) {
  for (std::uint64_t at = 0;; ++at) {
    Scene scene;
    sim::FileSystem fs(at + 1);
    sim::FileSystem other(fs, at + 500);
    Retention retention(scene, fs);
    bool slept = false;
    fs.before_operation([&](const sim::Operation& operation) {
      retention.before(operation);
      if (operation.number != at || slept) return;
      slept = true;
      // It recovers and sweeps, begins a range of its own, and dies over its first file.
      other.fail_when(
          [](const sim::Operation& o) {
            return o.verb == sim::Verb::create && o.path.find("/tmp/Hy") != std::string::npos;
          },
          sim::Fault::die);
      live(scene, other, at + 77, 3);
      other.restart(sim::Crash::plain);
    });
    const Outcome outcome = live(scene, fs, at, 2);
    const std::string when = happened(fs, "asleep", at);
    ASSERT_TRUE(outcome.ended) << when << ": " << outcome.why;
    if (!slept) break;
    ASSERT_EQ(judge(fs), "") << when;
    finish(scene, fs, at, when);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

/// Lets one of several threads run at a time, changing at each operation as its seed says.
class Turns {
 public:
  Turns(std::uint64_t seed, int threads) : random_(seed), alive_(static_cast<std::size_t>(threads), true) {}

  /// Waits until it is `me`'s turn.
  void wait(std::size_t me) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ == me; });
  }
  /// Gives the turn to anybody, maybe oneself.
  void step(std::size_t me) {
    {
      const std::lock_guard lock(mutex_);
      choose();
    }
    changed_.notify_all();
    wait(me);
  }
  void leave(std::size_t me) {
    {
      const std::lock_guard lock(mutex_);
      alive_[me] = false;
      choose();
    }
    changed_.notify_all();
  }

 private:
  void choose() {
    if (std::ranges::find(alive_, true) == alive_.end()) return;
    do {
      turn_ = static_cast<std::size_t>(random_.below(alive_.size()));
    } while (!alive_[turn_]);
  }

  sim::Random random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> alive_;
  std::size_t turn_ = 0;
};

TEST(IngestFights, ThreeWorkersInAnyOrderOfOperationsAndDeathsAgree) {
  constexpr std::size_t workers = 3;
  std::int64_t races = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Scene scene;
    sim::FileSystem first(seed + 1);
    std::vector<std::unique_ptr<sim::FileSystem>> processes;
    for (std::size_t i = 0; i < workers; ++i)
      processes.push_back(std::make_unique<sim::FileSystem>(first, seed * 10 + i));
    Turns turns(seed, workers);
    std::vector<std::thread> threads;
    std::vector<Outcome> outcomes(workers);
    for (std::size_t i = 0; i < workers; ++i) {
      processes[i]->before_operation([&turns, i](const sim::Operation&) {
        turns.step(i);
      });  // no retention: it would halt who is behind
      if ((seed + i) % 3 == 0) processes[i]->fail_operation(seed * 7 % 150, sim::Fault::die);
      threads.emplace_back([&, i] {
        turns.wait(i);
        outcomes[i] =
            live(scene, *processes[i], seed * 100 + i, 2 + static_cast<std::int64_t>((seed + i) % 4));
        if (processes[i]->dead()) {
          processes[i]->restart(sim::Crash::plain);
          outcomes[i] = live(scene, *processes[i], seed * 100 + i + 50, 3);
        }
        turns.leave(i);
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::string when = fmt::format("seed {}", seed);
    for (const Outcome& outcome : outcomes) {
      ASSERT_TRUE(outcome.ended) << when << ": " << outcome.why;
      races += outcome.summary.races_lost;
    }
    ASSERT_EQ(judge(first), "") << when;
    if (seed % 6 == 0) expect_audit_is_content(first, when);
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(races, 20) << "the workers have to meet";
}

TEST(IngestLoses, ATemporaryFileAndItIsMadeAgain) {
  for (std::uint64_t at = 0;; ++at) {
    Scene scene;
    sim::FileSystem fs(at + 1);
    fs.fail_operation(at, sim::Fault::die);
    if (live(scene, fs, at, 2).ended) break;
    fs.restart(sim::Crash::plain);
    fs.clear_faults();
    const std::string dir = env::join(root, table::temporaries_dir({scene.topic.info.topic_id, p0}));
    if (const auto entries = fs.list(dir)) {
      for (const env::DirEntry& entry : *entries) ASSERT_TRUE(fs.remove_file(env::join(dir, entry.name)));
    }
    finish(scene, fs, at, happened(fs, "temporary files lost after a death", at));
    finish(scene, fs, at + 1, happened(fs, "a further start after temporary files lost", at));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::crash
