#include "table/commit_log.h"

#include <gtest/gtest.h>

#include "sim/env.h"
#include "table/example.h"
#include "table/local_store.h"

namespace sluice::table {
namespace {

using example::chain;
using example::commit;

class CommitLogTest : public ::testing::Test {
 protected:
  CommitLog opened() {
    CommitLog log(store_, chain, example::cluster_id);
    const auto open = log.open();
    EXPECT_TRUE(open.has_value()) << (open ? "" : open.error().message);
    return log;
  }
  /// Commits [begin, end) through `log` as attempt `nonce`.
  static Result<CommitOutcome> add(CommitLog& log, std::int64_t begin, std::int64_t end,
                                   std::uint64_t nonce = 7) {
    return log.commit(commit(begin, end, nonce));
  }
  Result<void> open_fails() {
    CommitLog log(store_, chain, example::cluster_id);
    return log.open();
  }
  void remove(const std::string& name) { ASSERT_TRUE(world_.fs.remove_file(store_.path(name))); }

  sim::World world_{1};
  LocalStore store_{world_.fs, world_.random, "/lake/flights"};
};

TEST_F(CommitLogTest, AChainGoesOnWhereItEnds) {
  CommitLog log = opened();
  EXPECT_FALSE(log.started());
  ASSERT_EQ(add(log, 100, 110), CommitOutcome::committed);
  ASSERT_EQ(add(log, 110, 115), CommitOutcome::committed);
  CommitLog again = opened();
  EXPECT_EQ(again.begin(), Offset{100});
  EXPECT_EQ(again.end(), Offset{115});
  EXPECT_EQ(again.tail().size(), 2u);
  EXPECT_EQ(again.last()->range, (OffsetRange{Offset{110}, Offset{115}}));
}

TEST_F(CommitLogTest, ARangeThatDoesNotBeginAtTheEndIsRefusedBeforeItIsWritten) {
  CommitLog log = opened();
  ASSERT_EQ(add(log, 0, 10), CommitOutcome::committed);
  EXPECT_FALSE(add(log, 11, 12));
  EXPECT_FALSE(add(log, 9, 12));
  EXPECT_EQ(opened().end(), Offset{10});
}

TEST_F(CommitLogTest, TheSecondOfTwoWorkersAtOneOffsetIsRefusedAndSeesTheFirst) {
  CommitLog one = opened();
  CommitLog two = opened();
  ASSERT_EQ(add(one, 0, 10, 1), CommitOutcome::committed);
  EXPECT_EQ(add(two, 0, 5, 2), CommitOutcome::refused);
  EXPECT_EQ(two.end(), Offset{10});
  EXPECT_EQ(two.last()->nonce, (Uuid{1, 1}));
}

TEST_F(CommitLogTest, TwoWorkersCannotStartTwoChains) {
  CommitLog one = opened();
  CommitLog two = opened();
  ASSERT_EQ(add(one, 0, 10, 1), CommitOutcome::committed);
  EXPECT_EQ(add(two, 50, 60, 2), CommitOutcome::refused);
  EXPECT_EQ(opened().begin(), Offset{0});
}

TEST_F(CommitLogTest, AZombieThatWakesManyCommitsLaterIsRefused) {
  CommitLog zombie = opened();
  ASSERT_EQ(add(zombie, 0, 10, 1), CommitOutcome::committed);
  CommitLog worker = opened();
  ASSERT_EQ(add(worker, 10, 20, 2), CommitOutcome::committed);
  ASSERT_EQ(add(worker, 20, 30, 2), CommitOutcome::committed);
  EXPECT_EQ(add(zombie, 10, 15, 1), CommitOutcome::refused);
  EXPECT_EQ(zombie.end(), Offset{30});
}

TEST_F(CommitLogTest, ALostAnswerIsRecognisedByTheNonce) {
  CommitLog log = opened();
  world_.fs.fail_when([](const sim::Operation& o) { return o.verb == sim::Verb::rename; },
                      sim::Fault::lost_answer);
  EXPECT_EQ(add(log, 0, 10), CommitOutcome::committed);
  world_.fs.clear_faults();
  EXPECT_EQ(opened().end(), Offset{10});
}

TEST_F(CommitLogTest, ACommitIsDurableOnceItIsAnswered) {
  CommitLog log = opened();
  ASSERT_EQ(add(log, 0, 10), CommitOutcome::committed);
  world_.fs.restart(sim::Crash::all_lost);
  EXPECT_EQ(opened().end(), Offset{10});
}

TEST_F(CommitLogTest, AFailedSyncOfTheNameIsNoCommitAndNothingFollowsIt) {
  CommitLog log = opened();
  ASSERT_EQ(add(log, 0, 10), CommitOutcome::committed);
  world_.fs.fail_when([](const sim::Operation& o) { return o.verb == sim::Verb::sync_dir; }, sim::Fault::eio);
  EXPECT_FALSE(add(log, 10, 20));
  world_.fs.clear_faults();
  EXPECT_FALSE(add(log, 10, 20)) << "the store is poisoned (X13)";
}

TEST_F(CommitLogTest, WhoReliesOnAnObjectMakesItsNameDurableFirst) {
  // A worker dies between the rename and the sync of the directory; another goes on from its object; then the
  // power fails.
  {
    CommitLog log = opened();
    ASSERT_EQ(add(log, 0, 10), CommitOutcome::committed);
    world_.fs.fail_when([](const sim::Operation& o) { return o.verb == sim::Verb::sync_dir; },
                        sim::Fault::die);
    EXPECT_FALSE(add(log, 10, 20));
    world_.fs.restart(sim::Crash::plain);
    world_.fs.clear_faults();
  }
  LocalStore fresh(world_.fs, world_.random, "/lake/flights");
  CommitLog next(fresh, chain, example::cluster_id);
  ASSERT_TRUE(next.open());
  ASSERT_EQ(next.end(), Offset{20});
  world_.fs.restart(sim::Crash::all_lost);
  LocalStore last(world_.fs, world_.random, "/lake/flights");
  CommitLog after(last, chain, example::cluster_id);
  ASSERT_TRUE(after.open());
  EXPECT_EQ(after.end(), Offset{20});
}

TEST_F(CommitLogTest, AMissingObjectInTheMiddleIsNoticed) {
  CommitLog log = opened();
  ASSERT_EQ(add(log, 0, 10), CommitOutcome::committed);
  ASSERT_EQ(add(log, 10, 20), CommitOutcome::committed);
  ASSERT_EQ(add(log, 20, 30), CommitOutcome::committed);
  remove(commit_name(chain, Offset{10}, false));
  const auto result = open_fails();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::corrupt);
  EXPECT_NE(result.error().message.find("offset 10"), std::string::npos) << result.error().message;
}

TEST_F(CommitLogTest, AMissingFirstObjectIsNoticed) {
  CommitLog log = opened();
  ASSERT_EQ(add(log, 0, 10), CommitOutcome::committed);
  ASSERT_EQ(add(log, 10, 20), CommitOutcome::committed);
  remove(commit_name(chain, Offset{0}, true));
  EXPECT_FALSE(open_fails());
}

TEST_F(CommitLogTest, AnObjectOfAnotherPartitionInThisPlaceIsRefused) {
  CommitObject foreign = commit(0, 10);
  foreign.partition = PartitionId{4};
  const auto bytes = encode(foreign);
  ASSERT_TRUE(bytes.has_value());
  ASSERT_TRUE(store_.put_new(commit_name(chain, Offset{0}, true), *bytes));
  EXPECT_FALSE(open_fails());
}

TEST_F(CommitLogTest, ADamagedObjectHaltsInsteadOfEndingTheChain) {
  CommitLog log = opened();
  ASSERT_EQ(add(log, 0, 10), CommitOutcome::committed);
  ASSERT_EQ(add(log, 10, 20), CommitOutcome::committed);
  auto file = world_.fs.open(store_.path(commit_name(chain, Offset{10}, false)), env::OpenMode::read_write);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(40, as_bytes("#")));
  EXPECT_FALSE(open_fails());
}

TEST_F(CommitLogTest, AfterACheckpointAStartReadsOnlyWhatCameLater) {
  CommitLog log = opened();
  for (std::int64_t i = 0; i < 20; ++i) ASSERT_EQ(add(log, i * 10, i * 10 + 10), CommitOutcome::committed);
  ASSERT_TRUE(log.write_checkpoint());
  ASSERT_EQ(add(log, 200, 210), CommitOutcome::committed);
  CommitLog again = opened();
  EXPECT_EQ(again.begin(), Offset{0});
  EXPECT_EQ(again.end(), Offset{210});
  EXPECT_EQ(again.tail().size(), 1u);
  ASSERT_TRUE(again.write_checkpoint());
  CommitLog third = opened();
  EXPECT_TRUE(third.tail().empty());
  EXPECT_EQ(third.last()->range.end, Offset{210});
  ASSERT_EQ(add(third, 210, 220), CommitOutcome::committed);
}

TEST_F(CommitLogTest, ADamagedCheckpointOnlyMakesTheStartLonger) {
  CommitLog log = opened();
  ASSERT_EQ(add(log, 0, 10), CommitOutcome::committed);
  ASSERT_TRUE(log.write_checkpoint());
  ASSERT_EQ(add(log, 10, 20), CommitOutcome::committed);
  auto file = world_.fs.open(store_.path(checkpoint_name(chain, Offset{10})), env::OpenMode::read_write);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(5, as_bytes("#")));
  EXPECT_EQ(opened().end(), Offset{20});
  EXPECT_EQ(opened().tail().size(), 2u);
}

TEST_F(CommitLogTest, ACheckpointWhoseObjectIsGoneIsNotBelieved) {
  CommitLog log = opened();
  ASSERT_EQ(add(log, 0, 10), CommitOutcome::committed);
  ASSERT_EQ(add(log, 10, 20), CommitOutcome::committed);
  ASSERT_TRUE(log.write_checkpoint());
  remove(commit_name(chain, Offset{10}, false));
  EXPECT_FALSE(open_fails());
}

TEST_F(CommitLogTest, TheWholeChainIsReadWithoutCheckpoints) {
  CommitLog log = opened();
  for (std::int64_t i = 0; i < 5; ++i) ASSERT_EQ(add(log, i, i + 1), CommitOutcome::committed);
  ASSERT_TRUE(log.write_checkpoint());
  const auto all = read_whole_chain(store_, chain, example::cluster_id);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->size(), 5u);
}

TEST_F(CommitLogTest, TheWholeChainIsNotReadWhereAnObjectOfItIsMissing) {
  CommitLog log = opened();
  for (const std::int64_t begin : {0, 10, 20})
    ASSERT_EQ(add(log, begin, begin + 10), CommitOutcome::committed);
  ASSERT_EQ(read_whole_chain(store_, chain, example::cluster_id).value().size(), 3u);
  remove(commit_name(chain, Offset{10}, false));
  EXPECT_EQ(read_whole_chain(store_, chain, example::cluster_id).error().code, Code::corrupt);
  remove(commit_name(chain, Offset{0}, true));
  EXPECT_EQ(read_whole_chain(store_, chain, example::cluster_id).error().code, Code::corrupt);
}

}  // namespace
}  // namespace sluice::table
