#include "ingest/worker.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ingest/memory_source.h"
#include "ingest/run.h"
#include "lake/read_back.h"
#include "positions/file_store.h"
#include "sim/env.h"
#include "table/commit_log.h"
#include "table/local_store.h"

namespace sluice::ingest {
namespace {

constexpr PartitionId p0{0};
constexpr PartitionId p1{1};

std::string flight(std::int64_t number) {
  return fmt::format(R"({{"flight":{},"carrier":"UA"}})", number);
}
std::vector<std::string> flights(std::int64_t begin, std::int64_t end) {
  std::vector<std::string> values;
  for (std::int64_t i = begin; i < end; ++i) values.push_back(flight(i));
  return values;
}

class Notes final : public Observer {
 public:
  void on_commit(const table::CommitObject& object) override { commits.push_back(object); }
  void on_halt(PartitionId partition, const Error& error) override {
    halted.insert_or_assign(partition, error);
  }
  std::vector<table::CommitObject> commits;
  std::map<PartitionId, Error> halted;
};

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    options_.until_end = true;
    options_.unreachable_max = std::chrono::milliseconds(1000);
  }

  MakeSource make_source() {
    return [this]() -> Result<std::unique_ptr<Source>> {
      return std::make_unique<MemorySource>(topic_, world_.clock);
    };
  }
  Result<Job> prepared(positions::Store* positions = nullptr) {
    return prepare(world_.env(), store_, positions, &notes_, make_source(), options_, stop_);
  }
  /// A whole run; its summary, or an error of the whole run.
  Result<Summary> run_all(positions::Store* positions = nullptr) {
    notes_ = {};
    const Job job = SLUICE_TRY(prepared(positions));
    Worker worker(job, 0, 1);
    return worker.run(stop_);
  }
  Summary run_well() {
    const auto summary = run_all();
    EXPECT_TRUE(summary.has_value()) << (summary ? "" : summary.error().message);
    if (!summary) return {};
    for (const auto& [partition, error] : summary->halted) ADD_FAILURE() << error.message;
    return *summary;
  }
  std::vector<table::CommitObject> chain(PartitionId partition) {
    auto objects = table::read_whole_chain(store_, {topic_.info.topic_id, partition}, topic_.info.cluster_id);
    EXPECT_TRUE(objects.has_value()) << (objects ? "" : objects.error().message);
    return objects ? *objects : std::vector<table::CommitObject>();
  }
  /// Every file of the chain is there and holds what its commit object says.
  void expect_whole(PartitionId partition) {
    for (const table::CommitObject& object : chain(partition)) {
      for (const table::CommitFile& file : object.files) {
        if (file.kind != table::FileKind::rows) continue;
        const auto found = lake::read_back(world_.fs, store_.path(file.name));
        ASSERT_TRUE(found.has_value()) << found.error().message;
        EXPECT_EQ(found->rows, file.rows);
        EXPECT_EQ(found->logical_hash, file.logical_hash);
        EXPECT_EQ(found->range, object.range);
        EXPECT_EQ(found->footer_raw_hash, object.raw_hash);
      }
    }
  }
  std::vector<std::string> temporaries(PartitionId partition) {
    return store_.list(table::temporaries_dir({topic_.info.topic_id, partition})).value();
  }

  sim::World world_{1};
  table::LocalStore store_{world_.fs, world_.random, "/lake/flights"};
  MemoryTopic topic_;
  Options options_;
  Notes notes_;
  std::atomic<bool> stop_{false};
};

TEST_F(WorkerTest, EveryRecordOfEveryPartitionIsCommittedOnce) {
  topic_.info.partitions = 2;
  for (int i = 0; i < 5; ++i) topic_.produce(p0, flights(i * 10, i * 10 + 10), record::Codec::lz4);
  topic_.produce(p1, flights(100, 107));
  const Summary summary = run_well();
  EXPECT_EQ(summary.rows, 57);
  EXPECT_EQ(summary.quarantined, 0);
  EXPECT_EQ(chain(p0).back().range.end, Offset{50});
  EXPECT_EQ(chain(p1).back().range.end, Offset{7});
  expect_whole(p0);
  expect_whole(p1);
  EXPECT_TRUE(temporaries(p0).empty());
}

TEST_F(WorkerTest, ASecondRunGoesOnWhereTheFirstStopped) {
  topic_.produce(p0, flights(0, 10));
  run_well();
  EXPECT_EQ(run_well().rows, 0) << "nothing is new";
  topic_.produce(p0, flights(10, 13));
  EXPECT_EQ(run_well().rows, 3);
  ASSERT_EQ(chain(p0).size(), 2u);
  EXPECT_EQ(chain(p0)[1].range, (OffsetRange{Offset{10}, Offset{13}}));
}

TEST_F(WorkerTest, ARangeEndsAtItsRecordCountAlsoInsideABatch) {
  options_.roll_records = 4;
  topic_.produce(p0, flights(0, 10), record::Codec::zstd);
  EXPECT_EQ(run_well().commits, 3);
  const auto objects = chain(p0);
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0].range.end, Offset{4});
  EXPECT_EQ(objects[1].range.end, Offset{8});
  EXPECT_EQ(objects[2].range.end, Offset{10});
  expect_whole(p0);
}

TEST_F(WorkerTest, MarkersAndAbortedRecordsAreCountedAsGaps) {
  topic_.produce(p0, flights(0, 3));
  topic_.produce_aborted(p0, flights(3, 7));
  topic_.produce_marker(p0);
  topic_.produce(p0, flights(7, 9));
  topic_.produce_marker(p0);
  const Summary summary = run_well();
  EXPECT_EQ(summary.rows, 5);
  EXPECT_EQ(summary.explained_gaps, 6);
  ASSERT_EQ(chain(p0).size(), 1u);
  EXPECT_EQ(chain(p0)[0].counts, (table::CommitCounts{5, 0, 0, 2, 4, 0, 0}));
}

TEST_F(WorkerTest, ARangeWithoutRowsIsCommittedToo) {
  topic_.produce(p0, flights(0, 3));
  run_well();
  topic_.produce_marker(p0);
  run_well();
  ASSERT_EQ(chain(p0).size(), 2u);
  EXPECT_TRUE(chain(p0)[1].files.empty());
  EXPECT_EQ(chain(p0)[1].last_record, chain(p0)[0].last_record) << "the last record is still the one before";
}

TEST_F(WorkerTest, RecordsThatDoNotFitAreQuarantinedByName) {
  topic_.produce(p0, flights(0, 3));
  topic_.produce(p0, {"not json", flight(4), R"({"flight":"x"})"});
  options_.inference_records_max = 3;
  const Summary summary = run_well();
  EXPECT_EQ(summary.rows, 4);
  EXPECT_EQ(summary.quarantined, 2);
  const table::CommitFile file = chain(p0)[0].files.back();
  EXPECT_EQ(file.kind, table::FileKind::quarantine);
  EXPECT_EQ(store_.size(file.name).value(), file.bytes);
}

TEST_F(WorkerTest, AHoleInATopicThatIsNotCompactedHaltsWithItsRange) {
  topic_.info.partitions = 2;
  for (int i = 0; i < 4; ++i) topic_.produce(p0, flights(i * 10, i * 10 + 10));
  topic_.produce(p1, flights(0, 5));
  topic_.remove(p0, Offset{20}, Offset{30});
  const auto summary = run_all();
  ASSERT_TRUE(summary.has_value());
  ASSERT_TRUE(summary->halted.contains(p0));
  EXPECT_NE(summary->halted.at(p0).message.find("[20,30)"), std::string::npos)
      << summary->halted.at(p0).message;
  EXPECT_EQ(chain(p0).back().range.end, Offset{20}) << "what came before it is committed";
  EXPECT_EQ(chain(p1).back().range.end, Offset{5}) << "the other partition goes on";
}

TEST_F(WorkerTest, AHoleInACompactedTopicIsCounted) {
  topic_.info.compacted = true;
  for (int i = 0; i < 4; ++i) topic_.produce(p0, flights(i * 10, i * 10 + 10));
  topic_.remove(p0, Offset{20}, Offset{30});
  EXPECT_EQ(run_well().explained_gaps, 10);
  EXPECT_EQ(chain(p0)[0].counts.compacted, 10);
}

TEST_F(WorkerTest, RecordsThatWereDroppedUnreadHaltWithTheExactRange) {
  for (int i = 0; i < 4; ++i) topic_.produce(p0, flights(i * 10, i * 10 + 10));
  run_well();
  for (int i = 4; i < 8; ++i) topic_.produce(p0, flights(i * 10, i * 10 + 10));
  topic_.drop_before(p0, Offset{60});
  const auto summary = run_all();
  ASSERT_TRUE(summary.has_value());
  ASSERT_TRUE(summary->halted.contains(p0));
  EXPECT_EQ(summary->halted.at(p0).code, Code::out_of_range);
  EXPECT_NE(summary->halted.at(p0).message.find("[40,60)"), std::string::npos)
      << summary->halted.at(p0).message;
  EXPECT_EQ(chain(p0).back().range.end, Offset{40});
}

TEST_F(WorkerTest, WhatWasReadBeforeRetentionOvertookItIsCommittedFirst) {
  for (int i = 0; i < 6; ++i) topic_.produce(p0, flights(i * 10, i * 10 + 10));
  int polls = 0;
  const auto job = prepared();
  ASSERT_TRUE(job.has_value());
  topic_.on_poll = [this, &polls] {
    if (++polls == 2) topic_.drop_before(p0, Offset{50});
  };
  const auto summary = Worker(*job, 0, 1).run(stop_);
  ASSERT_TRUE(summary.has_value());
  ASSERT_TRUE(summary->halted.contains(p0));
  EXPECT_EQ(summary->halted.at(p0).code, Code::out_of_range);
  EXPECT_EQ(chain(p0).back().range.end, Offset{20});
  expect_whole(p0);
}

TEST_F(WorkerTest, AnAcceptedGapIsAnObjectOfTheChain) {
  for (int i = 0; i < 4; ++i) topic_.produce(p0, flights(i * 10, i * 10 + 10));
  run_well();
  for (int i = 4; i < 8; ++i) topic_.produce(p0, flights(i * 10, i * 10 + 10));
  topic_.drop_before(p0, Offset{60});
  options_.accept_gap = true;
  const Summary summary = run_well();
  EXPECT_EQ(summary.lost, 20);
  EXPECT_EQ(summary.rows, 20);
  const auto objects = chain(p0);
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[1].kind, table::CommitKind::gap);
  EXPECT_EQ(objects[1].range, (OffsetRange{Offset{40}, Offset{60}}));
}

TEST_F(WorkerTest, ATruncatedTopicHalts) {
  topic_.produce(p0, flights(0, 10));
  topic_.produce(p0, flights(10, 20));
  run_well();
  topic_.truncate(p0, Offset{10});
  const auto summary = run_all();
  ASSERT_TRUE(summary.has_value());
  ASSERT_TRUE(summary->halted.contains(p0));
  EXPECT_EQ(summary->halted.at(p0).code, Code::conflict);
}

TEST_F(WorkerTest, ATopicThatWasTruncatedAndGrewAgainHaltsByTheFingerprint) {
  topic_.produce(p0, flights(0, 10));
  topic_.produce(p0, flights(10, 20));
  run_well();
  topic_.truncate(p0, Offset{10});
  topic_.produce(p0, flights(500, 530));
  const auto summary = run_all();
  ASSERT_TRUE(summary.has_value());
  ASSERT_TRUE(summary->halted.contains(p0));
  EXPECT_NE(summary->halted.at(p0).message.find("offset 19"), std::string::npos)
      << summary->halted.at(p0).message;
  EXPECT_EQ(chain(p0).back().range.end, Offset{20});
}

TEST_F(WorkerTest, AnEpochThatEndsBeforeTheCommittedEndHalts) {
  topic_.produce(p0, flights(0, 10));
  run_well();
  topic_.produce(p0, flights(10, 20));
  topic_.logs[p0].epoch_ends[LeaderEpoch{0}] = Offset{7};
  const auto summary = run_all();
  ASSERT_TRUE(summary.has_value());
  ASSERT_TRUE(summary->halted.contains(p0));
  EXPECT_NE(summary->halted.at(p0).message.find("[7,10)"), std::string::npos)
      << summary->halted.at(p0).message;
}

TEST_F(WorkerTest, ATopicMadeAnewIsRefusedWithBothIds) {
  topic_.produce(p0, flights(0, 10));
  run_well();
  const std::string old_id = to_string(topic_.info.topic_id);
  topic_.info.topic_id = Uuid{77, 78};
  const auto summary = run_all();
  ASSERT_FALSE(summary.has_value());
  EXPECT_EQ(summary.error().code, Code::conflict);
  EXPECT_NE(summary.error().message.find(old_id), std::string::npos);
  EXPECT_NE(summary.error().message.find(to_string(topic_.info.topic_id)), std::string::npos);
}

TEST_F(WorkerTest, ALostTemporaryFileIsMadeAgainWithTheSameRows) {
  topic_.produce(p0, flights(0, 10));
  topic_.produce(p0, {"not json"});
  options_.inference_records_max = 3;
  // Dies as soon as the commit object is there: nothing is published.
  world_.fs.fail_when(
      [](const sim::Operation& o) { return o.verb == sim::Verb::rename && o.to.ends_with(".parquet"); },
      sim::Fault::die);
  EXPECT_TRUE(run_all().has_value()) << "only its partition has halted";
  ASSERT_TRUE(world_.fs.dead());
  world_.fs.restart(sim::Crash::plain);
  world_.fs.clear_faults();
  ASSERT_EQ(temporaries(p0).size(), 2u);
  for (const std::string& name : temporaries(p0)) {
    ASSERT_TRUE(
        world_.fs.remove_file(store_.path(table::temporaries_dir({topic_.info.topic_id, p0}) + "/" + name)));
  }
  table::LocalStore next(world_.fs, world_.random, "/lake/flights");
  const auto job = prepare(world_.env(), next, nullptr, &notes_, make_source(), options_, stop_);
  ASSERT_TRUE(job.has_value()) << job.error().message;
  const auto summary = Worker(*job, 0, 1).run(stop_);
  ASSERT_TRUE(summary.has_value()) << summary.error().message;
  EXPECT_TRUE(summary->halted.empty());
  EXPECT_EQ(summary->recovered, 2);
  EXPECT_EQ(summary->rows, 0) << "nothing was committed twice";
  expect_whole(p0);
  EXPECT_TRUE(temporaries(p0).empty());
}

TEST_F(WorkerTest, WhatIsCommittedAndLostEverywhereHaltsAndIsNeverVoided) {
  topic_.produce(p0, flights(0, 10));
  topic_.produce(p0, flights(10, 20));
  run_well();
  const auto objects = chain(p0);
  ASSERT_TRUE(world_.fs.remove_file(store_.path(objects[0].files[0].name)));
  topic_.drop_before(p0, Offset{10});
  const auto summary = run_all();
  ASSERT_TRUE(summary.has_value());
  ASSERT_TRUE(summary->halted.contains(p0));
  EXPECT_EQ(summary->halted.at(p0).code, Code::out_of_range);
  EXPECT_EQ(chain(p0), objects);
}

TEST_F(WorkerTest, APositionStoreThatLiesCostsNothing) {
  positions::FileStore positions(world_.fs, "/positions");
  topic_.produce(p0, flights(0, 10));
  ASSERT_TRUE(positions.advance({{{"flights", p0}, Offset{1000}}}));
  ASSERT_TRUE(run_all(&positions).has_value());
  EXPECT_EQ(chain(p0).back().range, (OffsetRange{Offset{0}, Offset{10}}));
}

TEST_F(WorkerTest, TheCommittedPositionIsStoredForOthers) {
  positions::FileStore positions(world_.fs, "/positions");
  topic_.produce(p0, flights(0, 10));
  ASSERT_TRUE(run_all(&positions).has_value());
  EXPECT_EQ(positions.load(), (positions::Positions{{{"flights", p0}, Offset{10}}}));
}

TEST_F(WorkerTest, APartitionThatAppearsLaterStartsAtItsFirstOffset) {
  topic_.produce(p0, flights(0, 10));
  run_well();
  topic_.info.partitions = 2;
  topic_.produce(p1, flights(0, 5));
  EXPECT_EQ(run_well().rows, 5);
  EXPECT_EQ(chain(p1)[0].range.begin, Offset{0});
}

TEST_F(WorkerTest, APartitionThatAppearsLaterAndHasLostItsFirstRecordsHalts) {
  topic_.produce(p0, flights(0, 10));
  run_well();
  topic_.info.partitions = 2;
  topic_.produce(p1, flights(0, 5));
  topic_.produce(p1, flights(5, 9));
  topic_.drop_before(p1, Offset{5});
  const auto summary = run_all();
  ASSERT_TRUE(summary.has_value());
  ASSERT_TRUE(summary->halted.contains(p1));
  EXPECT_NE(summary->halted.at(p1).message.find("[0,5)"), std::string::npos);
}

TEST_F(WorkerTest, ATableBeginsAtTheLogStartOfItsFirstDay) {
  topic_.produce(p0, flights(0, 5));
  topic_.produce(p0, flights(5, 9));
  topic_.drop_before(p0, Offset{5});
  EXPECT_EQ(run_well().rows, 4);
  EXPECT_EQ(chain(p0)[0].range.begin, Offset{5});
}

TEST_F(WorkerTest, BeingStoppedLeavesNoTraceOfWhatIsNotCommitted) {
  options_.until_end = false;
  topic_.produce(p0, flights(0, 10));
  topic_.produce(p0, {"not json", "nor this"});
  const auto job = prepared();
  ASSERT_TRUE(job.has_value());
  int polls = 0;
  topic_.on_poll = [this, &polls] { stop_ = ++polls == 2; };
  const auto summary = Worker(*job, 0, 1).run(stop_);
  ASSERT_TRUE(summary.has_value()) << summary.error().message;
  EXPECT_EQ(summary->commits, 0);
  EXPECT_TRUE(chain(p0).empty());
  EXPECT_TRUE(temporaries(p0).empty());
}

TEST_F(WorkerTest, ACheckpointIsWrittenAfterEnoughCommits) {
  options_.roll_records = 1;
  options_.checkpoint_commits = 4;
  topic_.produce(p0, flights(0, 10));
  run_well();
  EXPECT_EQ(store_.list(table::checkpoints_dir({topic_.info.topic_id, p0})).value().size(), 2u);
  topic_.produce(p0, flights(10, 11));
  EXPECT_EQ(run_well().rows, 1);
  EXPECT_EQ(chain(p0).size(), 11u);
}

TEST_F(WorkerTest, AnotherPartitioningOrSchemaThanTheTablesIsRefused) {
  topic_.produce(p0, flights(0, 10));
  run_well();
  options_.partition_by = {"carrier"};
  auto refused = run_all();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::conflict);
  options_.partition_by = {};
  options_.schema_text = R"({"format":"sluice.schema/1","fields":[{"name":"flight","type":"string"}]})";
  refused = run_all();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::conflict);
}

TEST_F(WorkerTest, APartitionTermThatTheSchemaDoesNotHaveMakesNoTable) {
  topic_.produce(p0, flights(0, 10));
  options_.partition_by = {"nowhere"};
  EXPECT_FALSE(run_all().has_value());
  EXPECT_FALSE(table::read_descriptor(store_).has_value());
  options_.partition_by = {"carrier"};
  EXPECT_EQ(run_well().rows, 10);
  EXPECT_TRUE(chain(p0)[0].files[0].name.starts_with("carrier=UA/part-"));
}

TEST_F(WorkerTest, AnEmptyTopicWithoutASchemaIsSaidToBeSo) {
  const auto summary = run_all();
  ASSERT_FALSE(summary.has_value());
  EXPECT_EQ(summary.error().code, Code::not_found);
}

TEST_F(WorkerTest, SeveralThreadsShareThePartitions) {
  topic_.info.partitions = 5;
  for (std::int32_t i = 0; i < 5; ++i) topic_.produce(PartitionId{i}, flights(i * 100, i * 100 + 20 + i));
  options_.threads_max = 3;
  const auto job = prepared();
  ASSERT_TRUE(job.has_value());
  const auto summary = run(*job, stop_, {});
  ASSERT_TRUE(summary.has_value());
  EXPECT_EQ(summary->rows, 110);
  for (std::int32_t i = 0; i < 5; ++i) expect_whole(PartitionId{i});
}

TEST_F(WorkerTest, AStopIsHeardBetweenTwoCommitsOfOnePoll) {
  class Stopper final : public Observer {
   public:
    explicit Stopper(std::atomic<bool>& stop) : stop_(stop) {}
    void on_commit(const table::CommitObject&) override { stop_ = true; }

   private:
    std::atomic<bool>& stop_;
  };
  Stopper stopper(stop_);
  options_.roll_records = 1;
  topic_.produce(p0, flights(0, 50));
  const auto job = prepare(world_.env(), store_, nullptr, &stopper, make_source(), options_, stop_);
  ASSERT_TRUE(job.has_value());
  const auto summary = Worker(*job, 0, 1).run(stop_);
  ASSERT_TRUE(summary.has_value());
  EXPECT_EQ(summary->commits, 1);
  stop_ = false;
  EXPECT_EQ(run_well().rows, 49);
  EXPECT_EQ(chain(p0).size(), 50u);
  EXPECT_TRUE(temporaries(p0).empty());
}

}  // namespace
}  // namespace sluice::ingest
