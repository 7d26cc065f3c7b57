// Another worker comes at the very moment of a commit, and dies anywhere in what it does then: the moments
// that X2, X3, X6 and X7 are about, which chance rarely meets.
#include "ingest_scene.h"

namespace sluice::crash {
namespace {

bool is_commit(const sim::Operation& operation) {
  return operation.verb == sim::Verb::rename && operation.to.find("/_sluice/commits/") != std::string::npos;
}

enum class Moment : std::uint8_t {
  before,       ///< the commit is not there yet: the other worker makes it
  after,        ///< the commit is there, and nothing of it has its final name
  lost_answer,  ///< the same, and the worker has not heard of it
};

class IngestRaces : public ::testing::TestWithParam<Moment> {
 protected:
  /// A worker's life; at its commit number `commit` another one lives for `steps` operations. Whether that
  /// one got to its end.
  bool race(std::uint64_t commit, std::uint64_t steps);
};

bool IngestRaces::race(std::uint64_t commit, std::uint64_t steps) {
  Scene scene;
  sim::FileSystem fs(steps + 1);
  sim::FileSystem other(fs, steps + 500);
  Retention retention(scene, fs);
  std::uint64_t commits = 0;
  bool is_due = false;
  bool came = false;
  bool other_ended = false;
  fs.before_operation([&](const sim::Operation& operation) {
    retention.before(operation);
    const bool at_commit = is_commit(operation);
    if (at_commit && !came) ++commits;
    if (at_commit && commits == commit && GetParam() == Moment::lost_answer)
      fs.fail_operation(operation.number, sim::Fault::lost_answer);
    const bool now = GetParam() == Moment::before ? at_commit && commits == commit : is_due;
    is_due = at_commit && commits == commit && !came;
    if (!now || came) return;
    came = true;
    other.fail_operation(steps, sim::Fault::die);
    other.before_operation([&](const sim::Operation& o) { retention.before(o); });
    other_ended = live(scene, other, steps + 77, 3).ended;
    if (other.dead()) other.restart(sim::Crash::plain);
  });
  const Outcome outcome = live(scene, fs, steps, 2);
  const std::string when = fmt::format("commit {}, the other after {} operations", commit, steps);
  EXPECT_TRUE(came) << when;
  EXPECT_TRUE(outcome.ended || outcome.why.find("out of") != std::string::npos ||
              outcome.why.find("not in the topic") != std::string::npos)
      << when << ": " << outcome.why;
  if (outcome.ended) {
    EXPECT_EQ(judge(fs), "") << when;
  }
  finish(scene, fs, steps, when);
  return other_ended;
}

TEST_P(IngestRaces, AtACommitAgainstAWorkerThatDiesAnywhere) {
  for (const std::uint64_t commit : {1u, 2u, 4u}) {
    for (std::uint64_t steps = 0;; ++steps) {
      const bool ended = race(commit, steps);
      if (HasFailure()) return;
      if (ended) break;
    }
  }
}

TEST(IngestRelies, OnAnothersCommitOnlyOnceItIsDurable) {
  const std::string dir = env::join(root, table::commits_dir({Scene().topic.info.topic_id, p0}));
  for (const sim::Crash crash : {sim::Crash::rename_lost, sim::Crash::all_lost}) {
    for (std::uint64_t steps = 0;; ++steps) {
      Scene scene;
      sim::FileSystem fs(steps + 1);
      sim::FileSystem other(fs, steps + 500);
      bool came = false;
      fs.before_operation([&](const sim::Operation& operation) {
        if (!is_commit(operation) || came) return;
        came = true;  // and dies between the making of its commit and its sync
        other.fail_when(
            [&](const sim::Operation& o) { return o.verb == sim::Verb::sync_dir && o.path == dir; },
            sim::Fault::die);
        live(scene, other, steps + 77, 4);  // a cut that nobody will make again
        EXPECT_TRUE(other.dead());
        other.restart(sim::Crash::plain);
        fs.fail_operation(operation.number + 1 + steps, sim::Fault::die);
      });
      if (live(scene, fs, steps, 2).ended) break;
      fs.restart(crash);
      fs.clear_faults();
      finish(scene, fs, steps, happened(fs, name(crash), fs.operations()));
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

std::string moment_name(const ::testing::TestParamInfo<Moment>& parameter) {
  if (parameter.param == Moment::before) return "before";
  return parameter.param == Moment::after ? "after" : "lost_answer";
}
INSTANTIATE_TEST_SUITE_P(Moments, IngestRaces,
                         ::testing::Values(Moment::before, Moment::after, Moment::lost_answer), moment_name);

}  // namespace
}  // namespace sluice::crash
