#include "client/fetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "client/fake_broker.h"
#include "record/builder.h"

namespace sluice::client {
namespace {

using testing::FakeBroker;
using testing::FakeCluster;
using testing::FakeLog;
using ::testing::HasSubstr;
using wire::ErrorCode;

constexpr PartitionId p0{0};
constexpr PartitionId p1{1};
constexpr auto long_wait = std::chrono::seconds(20);  // far above what any test needs

Bytes batch_at(std::int64_t base, int records, std::int32_t epoch = 0) {
  record::BatchBuilder builder;
  for (int i = 0; i < records; ++i) builder.add(1000, std::nullopt, as_bytes("value"));
  builder.set_leader_epoch(LeaderEpoch{epoch});
  return to_owned(builder.finish(Offset{base}).value());
}

void append(FakeLog& log, int records) {
  log.batches.push_back(batch_at(log.end, records, log.leader_epoch));
  log.end += records;
}

class FetcherTest : public ::testing::Test {
 protected:
  FetcherTest() {
    for (int p = 0; p < 2; ++p) {
      fake_.logs[p] = {};
      for (int i = 0; i < 5; ++i) append(fake_.logs[p], 10);
    }
    connect();
  }
  void connect() {
    ClusterOptions options;
    options.backoff_min = options.backoff_max = std::chrono::milliseconds(2);
    options.retry_timeout = std::chrono::seconds(5);
    options.connection.request_timeout = std::chrono::seconds(5);
    auto cluster = Cluster::connect(env::posix_env(), broker_.bootstrap(), options);
    ASSERT_TRUE(cluster) << to_string(cluster.error());
    cluster_ = *std::move(cluster);
    topic_ = cluster_->topic("t").value();
  }
  FetcherOptions options() {
    FetcherOptions options;
    options.wait_ms_max = 5;
    options.retry_timeout = std::chrono::seconds(10);
    return options;
  }

  /// Polls until `partition` has reached `end` or halts; returns the error if it did, and counts data
  /// records.
  std::optional<Error> read_to(Fetcher& fetcher, PartitionId partition, std::int64_t end) {
    while (fetcher.position(partition).value() < Offset{end}) {
      auto fetched = fetcher.poll(long_wait);
      EXPECT_TRUE(fetched) << to_string(fetched.error());
      if (!fetched || fetched->empty()) return Error{Code::timed_out, "nothing came", {}, 0};
      for (FetchedPartition& one : fetched->partitions) {
        for (const Piece& piece : one.pieces) data_offsets_[one.partition] += piece.range.count();
        if (one.error && one.partition == partition) return std::move(one.error);
      }
    }
    return std::nullopt;
  }
  Error halt_of(Fetcher& fetcher, PartitionId partition) {
    auto error = read_to(fetcher, partition, 1'000'000);
    EXPECT_TRUE(error.has_value());
    return error.value_or(Error{});
  }

  FakeCluster fake_;
  FakeBroker broker_{fake_, 1};
  std::unique_ptr<Cluster> cluster_;
  Topic topic_;
  std::map<PartitionId, std::int64_t> data_offsets_;
};

TEST_F(FetcherTest, EveryOffsetFromThePositionToTheEndComesOnce) {
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  fetcher.assign(p1, Offset{13});
  EXPECT_FALSE(read_to(fetcher, p0, 50));
  EXPECT_FALSE(read_to(fetcher, p1, 50));
  EXPECT_EQ(data_offsets_[p0], 50);
  EXPECT_EQ(data_offsets_[p1], 37);
}

TEST_F(FetcherTest, WhatIsAppendedLaterIsFetchedToo) {
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  EXPECT_FALSE(read_to(fetcher, p0, 50));
  {
    const std::lock_guard lock(fake_.mutex);
    append(fake_.logs[0], 7);
  }
  EXPECT_FALSE(read_to(fetcher, p0, 57));
  EXPECT_EQ(data_offsets_[p0], 57);
}

TEST_F(FetcherTest, TheNextRequestLeavesBeforeTheAnswerIsHandedOut) {
  auto small = options();
  small.partition_bytes_max = 1;  // one batch an answer
  Fetcher fetcher(*cluster_, topic_, small);
  fetcher.assign(p0, Offset{0});
  const auto fetched = fetcher.poll(long_wait);
  ASSERT_TRUE(fetched && !fetched->empty());
  EXPECT_EQ(fetcher.position(p0), Offset{10});
  while (broker_.seen(wire::FetchRequest::api_key) < 2)
    std::this_thread::yield();  // comes without another poll
  EXPECT_EQ(broker_.seen(wire::FetchRequest::api_key), 2);
}

TEST_F(FetcherTest, AnAnswerStaysReadableWhileLaterOnesAreFetched) {
  auto small = options();
  small.partition_bytes_max = 1;
  Fetcher fetcher(*cluster_, topic_, small);
  fetcher.assign(p0, Offset{0});
  std::vector<Fetched> kept;
  while (fetcher.position(p0) < Offset{50}) kept.push_back(fetcher.poll(long_wait).value());
  std::int64_t next = 0;
  for (const Fetched& fetched : kept) {
    for (const FetchedPartition& one : fetched.partitions) {
      for (const Piece& piece : one.pieces) {
        EXPECT_EQ(piece.batch->base_offset(), Offset{next});
        EXPECT_TRUE(piece.batch->crc_ok());
        next = piece.range.end.value;
      }
    }
  }
  EXPECT_EQ(next, 50);
}

TEST_F(FetcherTest, ASeekDiscardsTheAnswerThatIsOnItsWay) {
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  ASSERT_TRUE(fetcher.poll(long_wait));  // a request from 50 on is under way now
  fetcher.assign(p0, Offset{20});
  const auto fetched = fetcher.poll(long_wait);
  ASSERT_TRUE(fetched && !fetched->empty());
  EXPECT_EQ(fetched->partitions[0].begin, Offset{20});
  EXPECT_EQ(fetched->partitions[0].end, Offset{50});
}

TEST_F(FetcherTest, APausedPartitionIsNotAskedFor) {
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  fetcher.assign(p1, Offset{0});
  fetcher.pause(p1, true);
  EXPECT_FALSE(read_to(fetcher, p0, 50));
  EXPECT_EQ(fetcher.position(p1), Offset{0});
  fetcher.pause(p1, false);
  EXPECT_FALSE(read_to(fetcher, p1, 50));
}

TEST_F(FetcherTest, WatermarksAreNewsEvenWithoutRecords) {
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{50});
  const auto fetched = fetcher.poll(long_wait);
  ASSERT_TRUE(fetched && !fetched->empty());
  EXPECT_TRUE(fetched->partitions[0].pieces.empty());
  EXPECT_EQ(fetched->partitions[0].high_watermark, Offset{50});
  const auto nothing = fetcher.poll(std::chrono::milliseconds(30));
  ASSERT_TRUE(nothing);
  EXPECT_TRUE(nothing->empty()) << "the same watermarks are no news";
}

TEST_F(FetcherTest, APositionBelowTheLogStartHaltsWithTheExactRange) {
  fake_.logs[0].start = 20;
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{5});
  fetcher.assign(p1, Offset{0});
  const Error error = halt_of(fetcher, p0);
  EXPECT_EQ(error.code, Code::out_of_range);
  EXPECT_THAT(error.message,
              HasSubstr("topic t, partition 0: nothing was fetched from offset 5 on: the topic holds "
                        "[20, 50): 15 offsets were removed before they were read"));
  EXPECT_EQ(fetcher.position(p0), Offset{5}) << "never reset";
  EXPECT_FALSE(read_to(fetcher, p1, 50)) << "the other partition goes on";
}

TEST_F(FetcherTest, APositionAboveTheLogEndHalts) {
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{51});
  const Error error = halt_of(fetcher, p0);
  EXPECT_EQ(error.code, Code::out_of_range);
  EXPECT_THAT(error.message, HasSubstr("the log ends 1 offsets before the position"));
}

TEST_F(FetcherTest, ARecreatedTopicHaltsInsteadOfBeingReadFromTheOldPosition) {
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  EXPECT_FALSE(read_to(fetcher, p0, 50));
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.topic_id = {8, 9};
  }
  const Error error = halt_of(fetcher, p0);
  EXPECT_EQ(error.code, Code::conflict);
  EXPECT_THAT(error.message, HasSubstr("deleted and created again"));
}

TEST_F(FetcherTest, ARecreatedTopicIsSeenWhereTheBrokerFetchesByNameToo) {
  broker_.limit_version(wire::FetchRequest::api_key, 12);
  connect();
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  EXPECT_FALSE(read_to(fetcher, p0, 50));
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.topic_id = {8, 9};
    fake_.logs[0].leader = 2;  // a broker that nobody knows: the leaders are looked for
  }
  EXPECT_EQ(halt_of(fetcher, p0).code, Code::conflict);
}

TEST_F(FetcherTest, AMovedLeaderIsFollowed) {
  FakeBroker other(fake_, 2);
  connect();
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  fetcher.assign(p1, Offset{0});
  EXPECT_FALSE(read_to(fetcher, p0, 50));
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.logs[0].leader = 2;
    fake_.logs[0].leader_epoch = 1;
    append(fake_.logs[0], 5);
  }
  EXPECT_FALSE(read_to(fetcher, p0, 55));
  EXPECT_FALSE(read_to(fetcher, p1, 50));
  EXPECT_EQ(data_offsets_[p0], 55);
  EXPECT_EQ(data_offsets_[p1], 50);
}

TEST_F(FetcherTest, TwoLeadersAreReadAtOnce) {
  fake_.logs[1].leader = 2;
  FakeBroker other(fake_, 2);
  connect();
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  fetcher.assign(p1, Offset{0});
  EXPECT_FALSE(read_to(fetcher, p0, 50));
  EXPECT_FALSE(read_to(fetcher, p1, 50));
  EXPECT_EQ(data_offsets_[p0] + data_offsets_[p1], 100);
}

TEST_F(FetcherTest, ABrokerThatClosesIsConnectedAgainAndNothingIsLostOrDoubled) {
  std::atomic<int> calls = 0;
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  broker_.on(wire::FetchRequest::api_key,
             [&](const wire::RequestHeader&, wire::Reader&) -> std::optional<Bytes> {
               return ++calls, std::nullopt;
             });
  const auto nothing = fetcher.poll(std::chrono::milliseconds(50));
  ASSERT_TRUE(nothing) << to_string(nothing.error());
  EXPECT_TRUE(nothing->empty());
  EXPECT_GT(calls, 1);
  FakeBroker heir(fake_, 1);  // the same broker at another address
  connect();
  Fetcher again(*cluster_, topic_, options());
  broker_.on(wire::FetchRequest::api_key,
             [&](const wire::RequestHeader&, wire::Reader&) -> std::optional<Bytes> { return std::nullopt; });
  again.assign(p0, Offset{0});
  EXPECT_FALSE(read_to(again, p0, 50));
  EXPECT_EQ(data_offsets_[p0], 50);
}

TEST_F(FetcherTest, ALeaderThatStaysAwayHaltsThePartitionInTheEnd) {
  auto impatient = options();
  impatient.retry_timeout = std::chrono::milliseconds(40);
  Fetcher fetcher(*cluster_, topic_, impatient);
  fetcher.assign(p0, Offset{3});
  broker_.on(wire::FetchRequest::api_key,
             [](const wire::RequestHeader&, wire::Reader&) -> std::optional<Bytes> { return std::nullopt; });
  const Error error = halt_of(fetcher, p0);
  EXPECT_EQ(error.code, Code::unreachable);
  EXPECT_THAT(error.message,
              HasSubstr("topic t, partition 0: nothing was fetched from offset 3 on, for 40 ms: "));
}

TEST_F(FetcherTest, ATruncatedLogHaltsWhereTheBrokerTellsTheDivergence) {
  broker_.answer<wire::FetchRequest>([](const auto& request, std::int16_t) {
    wire::FetchResponse response;
    auto& topic = response.responses.emplace_back();
    topic.topic_id = request.topics.at(0).topic_id;
    auto& told = topic.partitions.emplace_back();
    EXPECT_EQ(request.topics[0].partitions.at(0).last_fetched_epoch, 4);
    told.diverging_epoch = {4, 31};
    return response;
  });
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{40}, LeaderEpoch{4});
  const Error error = halt_of(fetcher, p0);
  EXPECT_EQ(error.code, Code::conflict);
  EXPECT_THAT(error.message, HasSubstr("has leader epoch 4, which now ends at 31"));
}

TEST_F(FetcherTest, ACorruptBatchHaltsAfterTheGoodOnesBeforeIt) {
  fake_.logs[0].batches[2][80] ^= std::byte{1};
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p0, Offset{0});
  const Error error = halt_of(fetcher, p0);
  EXPECT_EQ(error.code, Code::corrupt);
  EXPECT_THAT(error.message, HasSubstr("topic t, partition 0: nothing was read from offset 20 on"));
  EXPECT_EQ(fetcher.position(p0), Offset{20});
  EXPECT_EQ(data_offsets_[p0], 20);
}

TEST_F(FetcherTest, APartitionThatDoesNotExistIsNotFound) {
  broker_.answer<wire::FetchRequest>([](const auto& request, std::int16_t) {
    wire::FetchResponse response;
    auto& topic = response.responses.emplace_back();
    topic.topic_id = request.topics.at(0).topic_id;
    auto& told = topic.partitions.emplace_back();
    told.partition_index = 1;
    told.error_code = number(ErrorCode::unknown_topic_or_partition);
    return response;
  });
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.logs.erase(1);
  }
  Fetcher fetcher(*cluster_, topic_, options());
  fetcher.assign(p1, Offset{0});
  const Error error = halt_of(fetcher, p1);
  EXPECT_EQ(error.code, Code::not_found);
  EXPECT_THAT(error.message, HasSubstr("the topic has only 1 partitions"));
}

TEST_F(FetcherTest, NothingAssignedMeansNothingAsked) {
  Fetcher fetcher(*cluster_, topic_, options());
  const auto fetched = fetcher.poll(std::chrono::milliseconds(10));
  ASSERT_TRUE(fetched);
  EXPECT_TRUE(fetched->empty());
  EXPECT_EQ(broker_.seen(wire::FetchRequest::api_key), 0);
}

}  // namespace
}  // namespace sluice::client
