#include "client/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/fake_broker.h"
#include "wire/generated/create_topics_request.h"
#include "wire/generated/create_topics_response.h"
#include "wire/generated/find_coordinator_request.h"
#include "wire/generated/find_coordinator_response.h"
#include "wire/generated/offset_commit_request.h"
#include "wire/generated/offset_commit_response.h"
#include "wire/generated/offset_fetch_request.h"
#include "wire/generated/offset_fetch_response.h"

namespace sluice::client {
namespace {

using testing::FakeBroker;
using testing::FakeCluster;
using ::testing::HasSubstr;
using wire::ErrorCode;

ClusterOptions quick() {
  ClusterOptions options;
  options.connection.request_timeout = std::chrono::seconds(5);
  options.retry_timeout = std::chrono::seconds(5);
  options.backoff_min = options.backoff_max = std::chrono::milliseconds(2);
  return options;
}

class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest() {
    for (int i = 0; i < 3; ++i) {
      fake_.logs[i].start = 10 * i;
      fake_.logs[i].end = 100 + i;
    }
  }
  std::unique_ptr<Cluster> connect(ClusterOptions options = quick()) {
    auto cluster = Cluster::connect(env::posix_env(), broker_.bootstrap(), options);
    EXPECT_TRUE(cluster) << to_string(cluster.error());
    return *std::move(cluster);
  }

  FakeCluster fake_;
  FakeBroker broker_{fake_, 1};
};

TEST_F(ClusterTest, ConnectingLearnsTheClusterAndItsBrokers) {
  const auto cluster = connect();
  EXPECT_EQ(cluster->cluster_id(), "fake-cluster");
  ASSERT_EQ(cluster->brokers().size(), 1u);
  EXPECT_EQ(cluster->brokers()[0].address, broker_.address());
  EXPECT_EQ(cluster->controller(), BrokerId{1});
}

TEST_F(ClusterTest, ADeadBootstrapServerIsPassedOver) {
  std::string dead;
  {
    FakeCluster other;
    dead = FakeBroker(other, 9).bootstrap();
  }
  const auto cluster = Cluster::connect(env::posix_env(), dead + "," + broker_.bootstrap(), quick());
  EXPECT_TRUE(cluster) << to_string(cluster.error());
}

TEST_F(ClusterTest, WhereNoServerAnswersEachIsNamedWithItsCause) {
  std::string dead;
  {
    FakeCluster other;
    dead = FakeBroker(other, 9).bootstrap();
  }
  const auto cluster = Cluster::connect(env::posix_env(), dead, quick());
  ASSERT_FALSE(cluster);
  EXPECT_EQ(cluster.error().code, Code::unreachable);
  EXPECT_THAT(cluster.error().message, HasSubstr("no broker of " + dead + " was reached: " + dead + ": "));
  EXPECT_FALSE(cluster.error().hint.empty());
}

TEST_F(ClusterTest, BootstrapServersWithoutAnAddressOrWithAProtocolAreRefused) {
  EXPECT_EQ(Cluster::connect(env::posix_env(), ",").error().code, Code::invalid_argument);
  EXPECT_EQ(Cluster::connect(env::posix_env(), "SSL://h:9093").error().code, Code::unsupported);
}

TEST_F(ClusterTest, ATopicHasItsIdAndLeaders) {
  const auto cluster = connect();
  const auto topic = cluster->topic("t");
  ASSERT_TRUE(topic) << to_string(topic.error());
  EXPECT_EQ(topic->id, (Uuid{1, 2}));
  ASSERT_EQ(topic->partitions.size(), 3u);
  EXPECT_EQ(topic->partitions[2].leader, BrokerId{1});
  EXPECT_EQ(topic->find(PartitionId{3}), nullptr);
}

TEST_F(ClusterTest, AnUnknownTopicIsNotFoundAtOnce) {
  const auto cluster = connect();
  const int before = broker_.seen(wire::MetadataRequest::api_key);
  const auto topic = cluster->topic("nope");
  ASSERT_FALSE(topic);
  EXPECT_EQ(topic.error().code, Code::not_found);
  EXPECT_THAT(topic.error().message, HasSubstr("topic nope does not exist on"));
  EXPECT_EQ(broker_.seen(wire::MetadataRequest::api_key), before + 1) << "asking again does not make it";
}

TEST_F(ClusterTest, OffsetsAreToldForEachPartitionInTheOrderAsked) {
  const auto cluster = connect();
  const std::vector<PartitionId> two{PartitionId{2}, PartitionId{0}};
  const auto starts = cluster->list_offsets("t", two, OffsetSpec::earliest());
  ASSERT_TRUE(starts) << to_string(starts.error());
  EXPECT_EQ((*starts)[0].offset, Offset{20});
  EXPECT_EQ((*starts)[1].offset, Offset{0});
  const auto ends = cluster->list_offsets("t", {}, OffsetSpec::latest());
  ASSERT_TRUE(ends);
  ASSERT_EQ(ends->size(), 3u);
  EXPECT_EQ((*ends)[1].offset, Offset{101});
  EXPECT_EQ(cluster->offset_range("t", PartitionId{1}).value(), (OffsetRange{Offset{10}, Offset{101}}));
}

TEST_F(ClusterTest, AMovedLeaderIsFoundAndAskedAgain) {
  FakeBroker other(fake_, 2);
  const auto cluster = connect();
  ASSERT_TRUE(cluster->topic("t"));
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.logs[1].leader = 2;
  }
  const auto ends = cluster->list_offsets("t", {}, OffsetSpec::latest());
  ASSERT_TRUE(ends) << to_string(ends.error());
  EXPECT_EQ((*ends)[1].offset, Offset{101});
  EXPECT_GE(other.seen(wire::ListOffsetsRequest::api_key), 1);
}

TEST_F(ClusterTest, APartitionWithoutALeaderIsWaitedForAndThenTold) {
  fake_.logs[1].leader = -1;
  ClusterOptions options = quick();
  options.retry_timeout = std::chrono::milliseconds(30);
  const auto cluster = connect(options);
  const auto ends = cluster->list_offsets("t", {}, OffsetSpec::latest());
  ASSERT_FALSE(ends);
  EXPECT_EQ(ends.error().kafka_error, number(ErrorCode::leader_not_available));
  EXPECT_THAT(ends.error().message, HasSubstr("topic t, partition 1"));
  EXPECT_GT(broker_.seen(wire::MetadataRequest::api_key), 3);
}

TEST_F(ClusterTest, ABrokenConnectionIsMadeAnew) {
  const auto cluster = connect();
  broker_.on(wire::ListOffsetsRequest::api_key,
             [this](const wire::RequestHeader& header, wire::Reader&) -> std::optional<Bytes> {
               if (broker_.seen(wire::ListOffsetsRequest::api_key) == 1) return std::nullopt;  // closes
               wire::ListOffsetsResponse response;
               response.topics.emplace_back().name = "t";
               auto& told = response.topics[0].partitions.emplace_back();
               told.partition_index = 0;
               told.offset = 77;
               wire::Writer writer;
               wire::write_response(writer, header.request_api_version, header.correlation_id, response);
               return writer.to_bytes();
             });
  const std::vector<PartitionId> one{PartitionId{0}};
  const auto found = cluster->list_offsets("t", one, OffsetSpec::latest());
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->front().offset, Offset{77});
}

TEST_F(ClusterTest, AnotherClusterAtTheSameAddressIsAConflict) {
  const auto cluster = connect();
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.id = "another";
  }
  const auto topic = cluster->refresh_topic("t");
  ASSERT_FALSE(topic);
  EXPECT_EQ(topic.error().code, Code::conflict);
}

/// Positions of one group, behind a coordinator that moves once.
class GroupTest : public ClusterTest {
 protected:
  GroupTest() {
    broker_.answer<wire::FindCoordinatorRequest>([this](const auto& request, std::int16_t version) {
      wire::FindCoordinatorResponse response;
      response.node_id = 1;
      response.host = broker_.address().host;
      response.port = broker_.address().port;
      if (version >= 4)
        response.coordinators.push_back(
            {request.coordinator_keys.at(0), 1, response.host, response.port, 0, {}});
      return response;
    });
    broker_.answer<wire::OffsetCommitRequest>([this](const auto& request, std::int16_t) {
      wire::OffsetCommitResponse response;
      for (const auto& topic : request.topics) {
        auto& told = response.topics.emplace_back();
        told.name = topic.name;
        for (const auto& one : topic.partitions) {
          const bool moved = std::exchange(moved_, true);
          if (moved) stored_[one.partition_index] = one.committed_offset;
          told.partitions.push_back(
              {one.partition_index, moved ? commit_error_ : number(ErrorCode::not_coordinator)});
        }
      }
      return response;
    });
    broker_.answer<wire::OffsetFetchRequest>([this](const auto& request, std::int16_t version) {
      wire::OffsetFetchResponse response;
      auto& group = response.groups.emplace_back();
      group.group_id = "g";
      auto& new_topic = group.topics.emplace_back();
      auto& old_topic = response.topics.emplace_back();
      new_topic.name = old_topic.name = "t";
      EXPECT_EQ(version >= 8 ? request.groups.at(0).group_id : request.group_id, "g");
      for (int partition = 2; partition >= 0; --partition) {
        const std::int64_t offset = stored_.contains(partition) ? stored_[partition] : -1;
        new_topic.partitions.push_back({partition, offset, 4, "m", 0});
        old_topic.partitions.push_back({partition, offset, 4, "m", 0});
      }
      return response;
    });
  }

  bool moved_ = false;
  std::int16_t commit_error_ = 0;
  std::map<std::int32_t, std::int64_t> stored_;
};

TEST_F(GroupTest, PositionsAreStoredAndReadBackThroughACoordinatorThatMoves) {
  const auto cluster = connect();
  const std::vector<GroupOffset> offsets{{"t", PartitionId{1}, Offset{55}, LeaderEpoch{4}, "m"},
                                         {"t", PartitionId{0}, Offset{44}, LeaderEpoch{4}, "m"}};
  const auto stored = cluster->commit_offsets("g", offsets);
  ASSERT_TRUE(stored) << to_string(stored.error());
  EXPECT_EQ(broker_.seen(wire::FindCoordinatorRequest::api_key), 2) << "asked again after NOT_COORDINATOR";
  const auto read = cluster->fetch_offsets("g");
  ASSERT_TRUE(read) << to_string(read.error());
  ASSERT_EQ(read->size(), 2u) << "a partition without a position is left out";
  EXPECT_EQ((*read)[0].partition, PartitionId{0});
  EXPECT_EQ((*read)[0].offset, Offset{44});
  EXPECT_EQ((*read)[1].offset, Offset{55});
  EXPECT_EQ((*read)[1].metadata, "m");
}

TEST_F(GroupTest, OldVersionsOfOffsetFetchAndFindCoordinatorAreSpokenToo) {
  broker_.limit_version(wire::OffsetFetchRequest::api_key, 5);
  broker_.limit_version(wire::FindCoordinatorRequest::api_key, 2);
  stored_ = {{2, 9}};
  const auto read = connect()->fetch_offsets("g", "t");
  ASSERT_TRUE(read) << to_string(read.error());
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ((*read)[0].partition, PartitionId{2});
  EXPECT_EQ((*read)[0].leader_epoch, LeaderEpoch{4});
}

TEST_F(GroupTest, AGroupWithMembersRefusesPositionsFromOutside) {
  moved_ = true;
  commit_error_ = number(ErrorCode::unknown_member_id);
  const std::vector<GroupOffset> offsets{{"t", PartitionId{1}, Offset{55}, LeaderEpoch{-1}, ""}};
  const auto stored = connect()->commit_offsets("g", offsets);
  ASSERT_FALSE(stored);
  EXPECT_THAT(stored.error().message, HasSubstr("group g, topic t, partition 1: no position was stored"));
  EXPECT_THAT(stored.error().hint, HasSubstr("stop its consumers"));
}

TEST_F(ClusterTest, TheBrokersOwnWordsStandInTheErrorOfATopicThatWasNotCreated) {
  broker_.answer<wire::CreateTopicsRequest>([](const auto& request, std::int16_t) {
    EXPECT_EQ(request.topics.at(0).num_partitions, 4);
    wire::CreateTopicsResponse response;
    auto& told = response.topics.emplace_back();
    told.name = "x";
    told.error_code = number(ErrorCode::topic_already_exists);
    told.error_message = "there is one";
    return response;
  });
  const auto made = connect()->create_topic({.name = "x", .partitions = 4, .configs = {}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::already_exists);
  EXPECT_THAT(made.error().message, HasSubstr("topic x was not created"));
  EXPECT_THAT(made.error().message, HasSubstr("there is one"));
}

}  // namespace
}  // namespace sluice::client
