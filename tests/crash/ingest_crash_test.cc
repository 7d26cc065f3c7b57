// The crash loop over fill -> commit -> publish: the real worker, the real table code and the real Parquet
// writer on the simulated disk, which dies, fails or lets another worker act at every single operation (X1 to
// X13).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <thread>

#include "audit/audit.h"
#include "audit/data_reader.h"
#include "ingest/memory_source.h"
#include "ingest/run.h"
#include "positions/file_store.h"
#include "sim/env.h"
#include "table/commit_log.h"
#include "table/local_store.h"

namespace sluice {
namespace {

using ingest::MemorySource;
using ingest::MemoryTopic;
using ingest::Piece;

constexpr PartitionId p0{0};
constexpr const char* root = "/lake/flights";

/// A topic with everything in it: data in two Hive directories, garbage, a marker, an aborted batch.
class Scene {
 public:
  Scene() {
    topic.batches_per_poll = 1;
    std::int64_t number = 0;
    const auto flights = [&](int count) {
      std::vector<std::string> values;
      for (int i = 0; i < count; ++i, ++number)
        values.push_back(
            fmt::format(R"({{"flight":{},"carrier":"{}"}})", number, number % 2 == 0 ? "UA" : "DL"));
      return values;
    };
    topic.produce(p0, flights(3), record::Codec::lz4);
    topic.produce(p0, flights(2));
    topic.produce(p0, {"not json"});
    topic.produce_aborted(p0, flights(2));
    topic.produce_marker(p0);
    topic.produce(p0, flights(4), record::Codec::zstd);
  }

  MemoryTopic topic;  ///< what a worker sees; its retention may be at its heels

  ingest::Options options() const {
    ingest::Options options;
    options.until_end = true;
    options.partition_by = {"carrier"};
    options.schema_text =
        R"({"format":"sluice.schema/1","fields":[{"name":"flight","type":"int64"},{"name":"carrier","type":"string"}]})";
    options.checkpoint_commits = 2;
    options.unreachable_max = std::chrono::milliseconds(1000);
    return options;
  }
};

/// One life of a worker process on `fs`: from its start to its end, whatever that is.
struct Outcome {
  bool ended = false;  // did all there was to do
  std::string why;     // else
  ingest::Summary summary;
};
/// `records_max`: of one range; no two lives should cut at the same places (X8).
Outcome live(Scene& scene, sim::FileSystem& fs, std::uint64_t seed, std::int64_t records_max) {
  sim::Clock clock;
  sim::Random random(seed);
  const env::Env env = sim::make_env(clock, fs, random);
  table::LocalStore store(fs, random, root);
  positions::FileStore positions(fs, std::string(root) + "/_sluice/positions");
  const ingest::MakeSource make_source = [&]() -> Result<std::unique_ptr<ingest::Source>> {
    return std::make_unique<MemorySource>(scene.topic, clock);
  };
  const std::atomic<bool> stop{false};
  Outcome outcome;
  ingest::Options options = scene.options();
  options.roll_records = records_max;
  const auto job = ingest::prepare(env, store, &positions, nullptr, make_source, options, stop);
  if (!job) {
    outcome.why = job.error().message;
    return outcome;
  }
  const auto summary = ingest::Worker(*job, 0, 1).run(stop);
  if (!summary) {
    outcome.why = summary.error().message;
  } else if (!summary->halted.empty()) {
    outcome.why = summary->halted.begin()->second.message;
  } else {
    outcome.ended = true;
    outcome.summary = *summary;
  }
  return outcome;
}

/// Retention at the heels of the worker: the topic drops a record as soon as its commit is durable. From then
/// on the table alone has it.
void drop_committed(Scene& scene, sim::FileSystem& fs) {
  sim::Random random(1);
  table::LocalStore store(fs, random, root);
  const table::ChainId id{scene.topic.info.topic_id, p0};
  const auto chain = table::read_whole_chain(store, id, scene.topic.info.cluster_id);
  if (!chain) return;  // the process is dead
  for (const table::CommitObject& object : *chain) {
    const bool is_first = object.range.begin == chain->front().range.begin;
    if (!fs.is_durable(store.path(table::commit_name(id, object.range.begin, is_first)))) return;
    scene.topic.drop_before(p0, object.range.end);
  }
}

/// drop_committed, asked before each operation: looks only after the sync that can have made a commit
/// durable.
class Retention {
 public:
  Retention(Scene& scene, sim::FileSystem& fs) : scene_(scene), fs_(fs) {}
  void before(const sim::Operation& operation) {
    if (is_due_) drop_committed(scene_, fs_);
    is_due_ = operation.verb == sim::Verb::sync_dir && operation.path.find("/commits/") != std::string::npos;
  }

 private:
  Scene& scene_;
  sim::FileSystem& fs_;
  bool is_due_ = false;
};

/// Every path of a readers' file below `dir`.
void find_files(sim::FileSystem& fs, const std::string& dir, std::vector<std::string>& paths) {
  const auto entries = fs.list(dir);
  ASSERT_TRUE(entries.has_value());
  for (const env::DirEntry& entry : *entries) {
    if (entry.name.starts_with("_") || entry.name.starts_with(".")) continue;
    const std::string path = env::join(dir, entry.name);
    if (entry.is_dir) {
      find_files(fs, path, paths);
    } else {
      paths.push_back(path);
    }
  }
}

/// How often each offset is visible: as a row, or as a line of a committed quarantine file.
std::map<Offset, int> visible(Scene& scene, sim::FileSystem& fs) {
  std::map<Offset, int> seen;
  std::vector<std::string> paths;
  find_files(fs, root, paths);
  for (const std::string& path : paths) {
    const auto read = audit::read_positions(fs, path, [&](const audit::FileRow& row) { ++seen[row.offset]; });
    EXPECT_TRUE(read.has_value()) << path << ": " << (read ? "" : read.error().message);
  }
  sim::Random random(1);
  table::LocalStore store(fs, random, root);
  const auto chain =
      table::read_whole_chain(store, {scene.topic.info.topic_id, p0}, scene.topic.info.cluster_id);
  EXPECT_TRUE(chain.has_value()) << (chain ? "" : chain.error().message);
  if (!chain) return seen;
  for (const table::CommitObject& object : *chain) {
    for (const table::CommitFile& file : object.files) {
      if (file.kind != table::FileKind::quarantine) continue;
      const auto bytes = store.get(file.name, 1 << 20);
      EXPECT_TRUE(bytes.has_value() && *bytes) << file.name << " is missing";
      if (!bytes || !*bytes) continue;
      const std::string text(as_text(**bytes));
      for (std::size_t at = text.find("\"offset\":"); at != std::string::npos;
           at = text.find("\"offset\":", at + 1)) {
        ++seen[Offset{std::stoll(text.substr(at + 9))}];
      }
    }
  }
  return seen;
}

/// 0 missing, 0 duplicate; returns what is wrong.
std::string judge(sim::FileSystem& fs) {
  Scene whole;  // the topic as it was before it dropped anything
  const std::map<Offset, int> seen = visible(whole, fs);
  std::string wrong;
  for (const MemoryTopic::Stored& stored : whole.topic.logs[p0].batches) {
    const int wanted = stored.piece.kind == Piece::Kind::records ? 1 : 0;
    for (Offset offset = stored.piece.range.begin; offset < stored.piece.range.end; offset = offset + 1) {
      const auto found = seen.find(offset);
      const int times = found == seen.end() ? 0 : found->second;
      if (times != wanted) wrong += fmt::format(" offset {} is there {} times;", offset.value, times);
    }
  }
  return wrong;
}

/// The topic as audit reads it.
class AuditedTopic final : public audit::Topic {
 public:
  explicit AuditedTopic(MemoryTopic& topic) : topic_(topic) {}
  Result<audit::TopicIdentity> identity() override {
    return audit::TopicIdentity{topic_.info.cluster_id, topic_.info.topic_id, {p0}};
  }
  Result<std::unique_ptr<audit::PartitionReader>> open(PartitionId partition) override {
    return std::make_unique<Reader>(topic_.logs[partition]);
  }

 private:
  class Reader final : public audit::PartitionReader {
   public:
    explicit Reader(const MemoryTopic::Log& log) : log_(log) {}
    Result<OffsetRange> bounds() override { return OffsetRange{log_.start, log_.end()}; }
    Result<void> read(OffsetRange range, const Take& take) override {
      for (const MemoryTopic::Stored& stored : log_.batches) {
        if (stored.piece.kind != Piece::Kind::records) continue;
        const auto batch = SLUICE_TRY(record::BatchView::parse(stored.piece.batch));
        const BytesView bytes = SLUICE_TRY(decompressor_.records(batch));
        SLUICE_TRY(record::for_each_record(bytes, batch.records_count(), [&](const record::RecordView& view) {
          const Offset offset = batch.base_offset() + view.offset_delta;
          if (range.contains(offset))
            take({offset, batch.timestamp_ms(view.timestamp_delta), view.key, view.value, {}});
        }));
      }
      return {};
    }

   private:
    const MemoryTopic::Log& log_;
    record::Decompressor decompressor_;
  };

  MemoryTopic& topic_;
};

void expect_audit_is_content(sim::FileSystem& fs, const std::string& when) {
  Scene whole;
  AuditedTopic topic(whole.topic);
  const auto report =
      audit::run({whole.topic.info.topic, root, 1 << 20, 1}, topic, fs, [](std::int64_t) { return true; });
  ASSERT_TRUE(report.has_value()) << when << ": " << report.error().message;
  EXPECT_EQ(report->verdict(), audit::Verdict::verified) << when << "\n" << audit::to_text(*report);
  EXPECT_EQ(report->records(), 10) << when;
}

/// Lives again until the work is done, with nothing going wrong any more; what is there then survives the
/// power.
void finish(Scene& scene, sim::FileSystem& fs, std::uint64_t seed, const std::string& when,
            bool keeps_names = true) {
  const Outcome outcome = live(scene, fs, seed + 1000, 3);
  ASSERT_TRUE(outcome.ended) << when << ": " << outcome.why;
  ASSERT_EQ(judge(fs), "") << when;
  if (!keeps_names) return;
  fs.restart(sim::Crash::all_lost);
  ASSERT_EQ(judge(fs), "") << when << ", and after a power cut at the end";
}

std::string happened(const sim::FileSystem& fs, std::string_view what, std::uint64_t at) {
  const auto trace = fs.trace();
  return fmt::format("{} at {}", what,
                     at < trace.size() ? sim::to_string(trace[at]) : fmt::format("operation {}", at));
}

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
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace sluice
