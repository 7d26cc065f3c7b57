#include "client/group_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/fake_broker.h"
#include "wire/generated/consumer_group_describe_request.h"
#include "wire/generated/consumer_group_describe_response.h"
#include "wire/generated/delete_groups_request.h"
#include "wire/generated/delete_groups_response.h"
#include "wire/generated/describe_groups_request.h"
#include "wire/generated/describe_groups_response.h"
#include "wire/generated/find_coordinator_request.h"
#include "wire/generated/find_coordinator_response.h"
#include "wire/generated/list_groups_request.h"
#include "wire/generated/list_groups_response.h"
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

/// Two brokers: groups whose names begin with 'a' or 'n' are on the first, others on the second.
class GroupBatchTest : public ::testing::Test {
 protected:
  GroupBatchTest() {
    for (FakeBroker* broker : {&one_, &two_}) set_up(*broker);
    fake_.logs[0] = {.leader = 1, .start = 5, .end = 50, .batches = {}, .aborted = {}};
    fake_.logs[1] = {.leader = 2, .start = 6, .end = 60, .batches = {}, .aborted = {}};
  }
  void set_up(FakeBroker& broker) {
    broker.answer<wire::FindCoordinatorRequest>([this](const auto& request, std::int16_t version) {
      wire::FindCoordinatorResponse response;
      const auto of = [&](const std::string& group) {
        const FakeBroker& to = group[0] == 'a' || group[0] == 'n' ? one_ : two_;
        return wire::FindCoordinatorResponse::Coordinator{
            group, &to == &one_ ? 1 : 2, to.address().host, to.address().port, 0, {}};
      };
      for (const auto& key : request.coordinator_keys) response.coordinators.push_back(of(key));
      if (version < 4) {
        const auto told = of(request.key);
        response.node_id = told.node_id;
        response.host = told.host;
        response.port = told.port;
      }
      return response;
    });
    broker.answer<wire::OffsetFetchRequest>([this, &broker](const auto& request, std::int16_t) {
      wire::OffsetFetchResponse response;
      for (const auto& asked : request.groups) {
        auto& told = response.groups.emplace_back();
        told.group_id = asked.group_id;
        if (asked.group_id == "b-moved" && broker.seen(wire::OffsetFetchRequest::api_key) == 1) {
          told.error_code = number(ErrorCode::not_coordinator);
          continue;
        }
        if (asked.group_id == "b-denied") {
          told.error_code = number(ErrorCode::group_authorization_failed);
          continue;
        }
        auto& topic = told.topics.emplace_back();
        topic.name = "t";
        topic.partitions.push_back({1, 44, 3, "m", 0});
        topic.partitions.push_back({0, -1, -1, "", 0});
        topic.partitions.push_back({2, -1, -1, "", number(ErrorCode::topic_authorization_failed)});
      }
      return response;
    });
  }
  std::unique_ptr<Cluster> connect() {
    ClusterOptions options;
    options.connection.request_timeout = options.retry_timeout = std::chrono::seconds(5);
    options.backoff_min = options.backoff_max = std::chrono::milliseconds(2);
    return Cluster::connect(env::posix_env(), one_.bootstrap(), options).value();
  }

  FakeCluster fake_;
  FakeBroker one_{fake_, 1};
  FakeBroker two_{fake_, 2};
};

TEST_F(GroupBatchTest, PositionsOfAllGroupsTakeOneRequestACoordinator) {
  const auto cluster = connect();
  std::vector<std::string> groups;
  for (int i = 0; i < 50; ++i) groups.push_back((i % 2 == 0 ? "a" : "c") + std::to_string(i));
  const auto told = fetch_positions(*cluster, groups);
  ASSERT_EQ(told.size(), 50u);
  for (const auto& group : told) {
    ASSERT_TRUE(group) << to_string(group.error());
    ASSERT_EQ(group->offsets.size(), 1u) << "a partition without a position is left out";
    EXPECT_EQ(group->offsets[0].offset, Offset{44});
    ASSERT_EQ(group->errors.size(), 1u) << "one that may not be read is not";
    EXPECT_EQ(group->errors[0].first, (TopicPartition{"t", PartitionId{2}}));
  }
  EXPECT_EQ(one_.seen(wire::OffsetFetchRequest::api_key), 1);
  EXPECT_EQ(two_.seen(wire::OffsetFetchRequest::api_key), 1);
  EXPECT_EQ(
      one_.seen(wire::FindCoordinatorRequest::api_key) + two_.seen(wire::FindCoordinatorRequest::api_key), 1);
}

TEST_F(GroupBatchTest, AGroupThatMovedIsAskedAgainAndOneThatIsDeniedFailsAlone) {
  const auto cluster = connect();
  const std::vector<std::string> groups{"a", "b-denied", "b-moved"};
  const auto told = fetch_positions(*cluster, groups);
  EXPECT_TRUE(told[0]);
  ASSERT_FALSE(told[1]);
  EXPECT_EQ(told[1].error().kafka_error, number(ErrorCode::group_authorization_failed));
  ASSERT_TRUE(told[2]) << to_string(told[2].error());
  EXPECT_EQ(two_.seen(wire::OffsetFetchRequest::api_key), 2);
}

TEST_F(GroupBatchTest, ABrokerThatTakesOneGroupARequestIsAskedForEach) {
  for (FakeBroker* broker : {&one_, &two_}) {
    broker->limit_version(wire::OffsetFetchRequest::api_key, 7);
    broker->limit_version(wire::FindCoordinatorRequest::api_key, 3);
    broker->answer<wire::OffsetFetchRequest>([](const auto& request, std::int16_t) {
      wire::OffsetFetchResponse response;
      response.topics.emplace_back().name = "t";
      response.topics[0].partitions.push_back({0, request.group_id == "a1" ? 1 : 2, -1, "", 0});
      return response;
    });
  }
  const auto cluster = connect();
  const std::vector<std::string> groups{"a1", "a2"};
  const auto told = fetch_positions(*cluster, groups);
  ASSERT_TRUE(told[0] && told[1]);
  EXPECT_EQ(told[0]->offsets[0].offset, Offset{1});
  EXPECT_EQ(told[1]->offsets[0].offset, Offset{2});
}

TEST_F(GroupBatchTest, ADeadBrokerIsAnErrorBesideTheGroupsOfTheOthers) {
  ClusterOptions options;
  options.retry_timeout = std::chrono::milliseconds(30);
  one_.answer<wire::ListGroupsRequest>([](const auto&, std::int16_t) {
    wire::ListGroupsResponse response;
    response.groups.push_back({"g", "consumer", "Stable", "classic"});
    return response;
  });
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.brokers[3] = {"127.0.0.1", 1};
  }
  two_.answer<wire::ListGroupsRequest>([](const auto&, std::int16_t) { return wire::ListGroupsResponse{}; });
  const auto cluster = Cluster::connect(env::posix_env(), one_.bootstrap(), options).value();
  const auto listed = list_groups(*cluster);
  ASSERT_EQ(listed.groups.size(), 1u);
  EXPECT_EQ(listed.groups[0].group, "g");
  EXPECT_EQ(listed.groups[0].coordinator, BrokerId{1});
  ASSERT_EQ(listed.errors.size(), 1u);
  EXPECT_THAT(listed.errors[0].message, HasSubstr("broker 3: its groups were not listed"));
}

TEST_F(GroupBatchTest, GroupsOfBothProtocolsAreDescribedAndOneThatIsNotThereIsNotFound) {
  one_.answer<wire::ConsumerGroupDescribeRequest>([](const auto& request, std::int16_t) {
    wire::ConsumerGroupDescribeResponse response;
    for (const auto& id : request.group_ids) {
      auto& told = response.groups.emplace_back();
      told.group_id = id;
      if (id == "new") {
        told.group_state = "Stable";
        auto& member = told.members.emplace_back();
        member.member_id = "m";
        member.assignment.topic_partitions.push_back({{}, "t", {1, 0}});
      } else {
        told.error_code = number(ErrorCode::group_id_not_found);
      }
    }
    return response;
  });
  one_.answer<wire::DescribeGroupsRequest>([](const auto& request, std::int16_t) {
    static const std::array<std::byte, 21> assignment = [] {
      std::array<std::byte, 21> out{};  // version 0, one topic "t", one partition 7, no user data
      out[5] = std::byte{1};
      out[7] = std::byte{1};
      out[8] = std::byte{'t'};
      out[12] = std::byte{1};
      out[16] = std::byte{7};
      return out;
    }();
    wire::DescribeGroupsResponse response;
    for (const auto& id : request.groups) {
      auto& told = response.groups.emplace_back();
      told.group_id = id;
      told.group_state = id == "all-old" ? "Stable" : "Dead";
      told.protocol_type = "consumer";
      told.members.emplace_back().member_assignment = BytesView(assignment);
    }
    return response;
  });
  const auto cluster = connect();
  const std::vector<std::string> groups{"all-old", "a-none", "new"};
  const auto told = describe_groups(*cluster, groups);
  ASSERT_TRUE(told[0]) << to_string(told[0].error());
  EXPECT_EQ(told[0]->type, "classic");
  EXPECT_EQ(told[0]->members[0].assigned, (std::vector<TopicPartition>{{"t", PartitionId{7}}}));
  EXPECT_FALSE(told[0]->is_empty());
  ASSERT_FALSE(told[1]);
  EXPECT_EQ(told[1].error().code, Code::not_found);
  ASSERT_TRUE(told[2]) << to_string(told[2].error());
  EXPECT_EQ(told[2]->type, "consumer");
  EXPECT_EQ(told[2]->members[0].assigned.size(), 2u);
  EXPECT_EQ(one_.seen(wire::ConsumerGroupDescribeRequest::api_key), 1);
  EXPECT_EQ(one_.seen(wire::DescribeGroupsRequest::api_key), 1);
}

TEST_F(GroupBatchTest, EachPositionThatWasNotStoredIsTold) {
  one_.answer<wire::OffsetCommitRequest>([](const auto& request, std::int16_t) {
    wire::OffsetCommitResponse response;
    for (const auto& topic : request.topics) {
      auto& told = response.topics.emplace_back();
      told.name = topic.name;
      for (const auto& one : topic.partitions) {
        if (one.partition_index == 2) continue;  // left out
        told.partitions.push_back({one.partition_index, one.partition_index == 1
                                                            ? number(ErrorCode::unknown_member_id)
                                                            : std::int16_t{0}});
      }
    }
    return response;
  });
  const auto cluster = connect();
  std::vector<GroupOffset> offsets;
  for (int i = 0; i < 3; ++i) offsets.push_back({"t", PartitionId{i}, Offset{9}, LeaderEpoch{-1}, ""});
  const auto done = store_positions(*cluster, "a", offsets);
  ASSERT_EQ(done.size(), 3u);
  EXPECT_TRUE(done[0]);
  ASSERT_FALSE(done[1]);
  EXPECT_THAT(done[1].error().message, HasSubstr("partition 1: no position was stored"));
  EXPECT_THAT(done[1].error().hint, HasSubstr("stop its consumers"));
  ASSERT_FALSE(done[2]);
  EXPECT_EQ(done[2].error().code, Code::corrupt);
}

TEST_F(GroupBatchTest, OffsetsOfManyPartitionsTakeOneRequestALeader) {
  const auto cluster = connect();
  TopicMap topics;
  const std::vector<TopicPartition> asked{
      {"nope", PartitionId{0}}, {"t", PartitionId{0}}, {"t", PartitionId{1}}, {"t", PartitionId{9}}};
  const auto found = list_offsets(*cluster, topics, asked, OffsetSpec::latest(), Isolation::read_committed);
  ASSERT_FALSE(found[0]);
  EXPECT_EQ(found[0].error().code, Code::not_found);
  EXPECT_EQ(found[1].value().offset, Offset{50});
  EXPECT_EQ(found[2].value().offset, Offset{60});
  EXPECT_FALSE(found[3]);
  EXPECT_EQ(one_.seen(wire::ListOffsetsRequest::api_key), 1);
  EXPECT_EQ(two_.seen(wire::ListOffsetsRequest::api_key), 1);
}

TEST_F(GroupBatchTest, AMovedLeaderIsFoundAndOnlyWhatIsMissingIsAskedAgain) {
  const auto cluster = connect();
  TopicMap topics = cluster->describe_topics(std::vector<std::string>{"t"}).value();
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.logs[1].leader = 1;
  }
  const std::vector<TopicPartition> asked{{"t", PartitionId{0}}, {"t", PartitionId{1}}};
  const auto found = list_offsets(*cluster, topics, asked, OffsetSpec::latest(), Isolation::read_committed);
  ASSERT_TRUE(found[1]) << to_string(found[1].error());
  EXPECT_EQ(found[1]->offset, Offset{60});
  EXPECT_EQ(one_.seen(wire::ListOffsetsRequest::api_key), 2);
}

TEST_F(GroupBatchTest, AGroupThatWasNotDeletedIsTold) {
  one_.answer<wire::DeleteGroupsRequest>([](const auto& request, std::int16_t) {
    wire::DeleteGroupsResponse response;
    for (const auto& group : request.groups_names)
      response.results.push_back(
          {group, group == "a-full" ? number(ErrorCode::non_empty_group) : std::int16_t{0}});
    return response;
  });
  const auto cluster = connect();
  const std::vector<std::string> groups{"a", "a-full"};
  const auto done = delete_groups(*cluster, groups);
  EXPECT_TRUE(done[0]);
  ASSERT_FALSE(done[1]);
  EXPECT_THAT(done[1].error().message, HasSubstr("group a-full was not deleted"));
}

}  // namespace
}  // namespace sluice::client
