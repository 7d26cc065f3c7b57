// Consumer groups (KIP-848) over real sockets and a simulated disk: with classic groups, over crashes, and
// where the disk is full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/broker_fixture.h"
#include "wire/generated/consumer_group_describe_request.h"
#include "wire/generated/consumer_group_describe_response.h"
#include "wire/generated/consumer_group_heartbeat_request.h"
#include "wire/generated/consumer_group_heartbeat_response.h"
#include "wire/generated/delete_groups_request.h"
#include "wire/generated/delete_groups_response.h"
#include "wire/generated/describe_groups_request.h"
#include "wire/generated/describe_groups_response.h"
#include "wire/generated/heartbeat_request.h"
#include "wire/generated/heartbeat_response.h"
#include "wire/generated/join_group_request.h"
#include "wire/generated/join_group_response.h"
#include "wire/generated/list_groups_request.h"
#include "wire/generated/list_groups_response.h"
#include "wire/generated/offset_commit_request.h"
#include "wire/generated/offset_commit_response.h"
#include "wire/generated/offset_delete_request.h"
#include "wire/generated/offset_delete_response.h"
#include "wire/generated/offset_fetch_request.h"
#include "wire/generated/offset_fetch_response.h"
#include "wire/generated/sync_group_request.h"
#include "wire/generated/sync_group_response.h"
#include "wire/writer.h"

namespace sluice::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using wire::ErrorCode;

class ConsumerGroups : public BrokerTest {
 protected:
  using Heard = wire::ConsumerGroupHeartbeatResponse;

  static wire::ConsumerGroupHeartbeatRequest joining(const std::string& member) {
    wire::ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member;
    request.rebalance_timeout_ms = 60'000;
    request.subscribed_topic_names.emplace().push_back("events");
    request.topic_partitions.emplace();
    return request;
  }
  static wire::ConsumerGroupHeartbeatRequest beat(const std::string& member, std::int32_t epoch) {
    wire::ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member;
    request.member_epoch = epoch;
    return request;
  }
  Heard ask(const wire::ConsumerGroupHeartbeatRequest& request, std::int16_t version = 1) {
    TestClient c = client();
    return c.call(request, version);
  }
  static std::size_t count(const Heard& heard) {
    std::size_t n = 0;
    if (heard.assignment)
      for (const auto& topic : heard.assignment->topic_partitions) n += topic.partitions.size();
    return n;
  }
  wire::ConsumerGroupDescribeResponse::DescribedGroup describe(const std::string& group = "g") {
    wire::ConsumerGroupDescribeRequest request;
    request.group_ids = {group, group};
    TestClient c = client();
    const auto response = c.call(request);
    EXPECT_THAT(response.groups, SizeIs(1)) << "asked for twice, answered once";
    return response.groups.at(0);
  }
  std::vector<std::string> list(std::vector<std::string> states = {}, std::vector<std::string> types = {}) {
    wire::ListGroupsRequest request;
    request.states_filter = std::move(states);
    request.types_filter = std::move(types);
    TestClient c = client();
    std::vector<std::string> out;
    for (const auto& group : c.call(request).groups)
      out.push_back(group.group_id + " " + group.group_type + " " + group.group_state + " " +
                    group.protocol_type);
    return out;
  }

  wire::JoinGroupRequest joining_classic(const std::string& member) {
    wire::JoinGroupRequest join;
    join.group_id = "g";
    join.member_id = member;
    join.session_timeout_ms = 30'000;
    join.rebalance_timeout_ms = 30'000;
    join.protocol_type = "consumer";
    wire::Writer w;
    w.int16(1);
    w.array_length(1, false);
    w.string("events", false);
    w.nullable_bytes(std::nullopt, false, true);
    w.array_length(0, false);
    subscription_ = w.to_bytes();
    join.protocols.push_back({"range", BytesView(subscription_)});
    return join;
  }
  /// A classic group "g" with one member that holds partition 0 of "events".
  std::string make_classic() {
    TestClient c = client();
    const auto told = c.call(joining_classic(""));
    EXPECT_EQ(told.error_code, wire::number(ErrorCode::member_id_required));
    const std::string member = told.member_id;
    const auto joined = c.call(joining_classic(member));
    EXPECT_EQ(joined.error_code, 0);
    wire::SyncGroupRequest sync;
    sync.group_id = "g";
    sync.member_id = member;
    sync.generation_id = joined.generation_id;
    sync.protocol_type = joined.protocol_type;
    sync.protocol_name = joined.protocol_name;
    wire::Writer w;
    w.int16(1);
    w.array_length(1, false);
    w.string("events", false);
    w.array_length(1, false);
    w.int32(0);
    w.nullable_bytes(std::nullopt, false, true);
    const Bytes assignment = w.to_bytes();
    sync.assignments.push_back({member, BytesView(assignment)});
    EXPECT_EQ(c.call(sync).error_code, 0);
    return member;
  }
  std::int16_t classic_heartbeat(const std::string& member, std::int32_t generation) {
    wire::HeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member;
    request.generation_id = generation;
    TestClient c = client();
    return c.call(request).error_code;
  }

  std::int16_t commit(const std::string& member, std::int32_t epoch, std::int16_t version = 9,
                      const std::string& group = "g") {
    wire::OffsetCommitRequest request;
    request.group_id = group;
    request.member_id = member;
    request.generation_id_or_member_epoch = epoch;
    wire::OffsetCommitRequest::OffsetCommitRequestPartition partition;
    partition.committed_offset = 5;
    request.topics.push_back({"events", {}, {partition}});
    TestClient c = client();
    return c.call(request, version).topics.at(0).partitions.at(0).error_code;
  }

  std::int64_t fetched(const std::string& group = "g") {
    wire::OffsetFetchRequest fetch;
    auto& asked = fetch.groups.emplace_back();
    asked.group_id = group;
    asked.topics.emplace().push_back({"events", {}, {0}});
    TestClient c = client();
    return c.call(fetch, 9).groups.at(0).topics.at(0).partitions.at(0).committed_offset;
  }

  Bytes subscription_;
};

TEST_F(ConsumerGroups, AGroupIsServedAndOutlivesAPowerCut) {
  start();
  create("events", 3);
  const Heard a = ask(joining("a"));
  ASSERT_EQ(a.error_code, 0) << a.error_message.value_or("");
  EXPECT_EQ(a.member_epoch, 2);
  EXPECT_EQ(count(a), 3u);
  crash(sim::Crash::all_lost);
  start();
  EXPECT_EQ(ask(beat("a", 2)).error_code, 0);
  const auto group = describe();
  EXPECT_EQ(group.group_state, "Stable");
  EXPECT_EQ(group.group_epoch, 2);
  EXPECT_EQ(group.assignment_epoch, 2);
  EXPECT_EQ(group.assignor_name, "uniform");
  ASSERT_THAT(group.members, SizeIs(1));
  EXPECT_EQ(group.members[0].member_type, 1);
  EXPECT_EQ(group.members[0].client_host, "/127.0.0.1");
  EXPECT_THAT(group.members[0].subscribed_topic_names, ElementsAre("events"));
  ASSERT_THAT(group.members[0].assignment.topic_partitions, SizeIs(1));
  EXPECT_EQ(group.members[0].assignment.topic_partitions[0].topic_name, "events");
  EXPECT_THAT(group.members[0].target_assignment.topic_partitions[0].partitions, ElementsAre(0, 1, 2));
}

TEST_F(ConsumerGroups, MalformedHeartbeatsAreRefusedWithTheReason) {
  start();
  const auto refused = [&](const wire::ConsumerGroupHeartbeatRequest& request, ErrorCode error,
                           const std::string& message) {
    const Heard heard = ask(request);
    EXPECT_EQ(heard.error_code, wire::number(error));
    EXPECT_EQ(heard.error_message, message);
  };
  auto request = joining("");
  refused(request, ErrorCode::invalid_request, "MemberId can't be empty.");
  request = joining("a");
  request.group_id = "";
  refused(request, ErrorCode::invalid_request, "GroupId can't be empty.");
  request = joining("a");
  request.topic_partitions.reset();
  refused(request, ErrorCode::invalid_request, "TopicPartitions must be empty when (re-)joining.");
  request = joining("a");
  request.rebalance_timeout_ms = -1;
  refused(request, ErrorCode::invalid_request, "RebalanceTimeoutMs must be provided in first request.");
  request = joining("a");
  request.subscribed_topic_names.reset();
  refused(request, ErrorCode::invalid_request,
          "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
  refused(beat("a", -2), ErrorCode::invalid_request, "InstanceId can't be null.");
  refused(beat("a", -3), ErrorCode::invalid_request, "MemberEpoch is invalid.");
  request = joining("a");
  request.server_assignor = "sticky";
  refused(request, ErrorCode::unsupported_assignor,
          "ServerAssignor sticky is not supported. Supported assignors: uniform, range.");
  refused(beat("a", 3), ErrorCode::group_id_not_found, "Consumer group g not found.");
  EXPECT_THAT(list(), IsEmpty()) << "none of them made a group";
  request = joining("");
  EXPECT_FALSE(ask(request, 0).member_id.value_or("").empty()) << "version 0 is given an id";
}

TEST_F(ConsumerGroups, OnlyMembersCommitAndFetchByTheirEpoch) {
  start();
  create("events", 1);
  EXPECT_EQ(commit("a", 3), wire::number(ErrorCode::group_id_not_found));
  EXPECT_EQ(commit("a", 3, 8), wire::number(ErrorCode::illegal_generation));
  ASSERT_EQ(ask(joining("a")).member_epoch, 2);
  EXPECT_EQ(commit("a", 2), 0);
  EXPECT_EQ(commit("a", 3), wire::number(ErrorCode::stale_member_epoch));
  EXPECT_EQ(commit("b", 2), wire::number(ErrorCode::unknown_member_id));
  wire::OffsetFetchRequest fetch;
  auto& asked = fetch.groups.emplace_back();
  asked.group_id = "g";
  asked.member_id = "a";
  asked.member_epoch = 2;
  asked.topics.emplace().push_back({"events", {}, {0, 0, 0}});
  TestClient c = client();
  const auto found = c.call(fetch, 9).groups.at(0);
  ASSERT_THAT(found.topics.at(0).partitions, SizeIs(1)) << "asked for thrice, answered once";
  EXPECT_EQ(found.topics[0].partitions[0].committed_offset, 5);
  fetch.groups[0].member_epoch = 1;
  EXPECT_EQ(c.call(fetch, 9).groups.at(0).error_code, wire::number(ErrorCode::stale_member_epoch));
}

TEST_F(ConsumerGroups, AClassicGroupBecomesAConsumerGroupAndGoesBackWithItsMembers) {
  start({{"group.consumer.assignment.interval.ms", "0"}});
  create("events", 2);
  const std::string old = make_classic();
  EXPECT_THAT(list({}, {"Classic"}), ElementsAre("g classic Stable consumer"));
  EXPECT_EQ(describe().error_code, wire::number(ErrorCode::group_id_not_found));
  const Heard a = ask(joining("a"));
  ASSERT_EQ(a.error_code, 0) << a.error_message.value_or("");
  EXPECT_EQ(count(a), 1u) << "partition 1 is free; the old member keeps 0";
  EXPECT_THAT(list({}, {"consumer"}), SizeIs(1));
  EXPECT_THAT(list({}, {"classic"}), IsEmpty());
  EXPECT_EQ(classic_heartbeat(old, 1), wire::number(ErrorCode::rebalance_in_progress));
  crash(sim::Crash::all_lost);
  start({{"group.consumer.assignment.interval.ms", "0"}});
  TestClient c = client();
  const auto again = c.call(joining_classic(old));
  EXPECT_EQ(again.error_code, 0);
  EXPECT_EQ(again.generation_id, a.member_epoch);
  ASSERT_EQ(ask(beat("a", -1)).error_code, 0);
  EXPECT_THAT(list({"preparingrebalance"}, {"classic"}), SizeIs(1));
  crash(sim::Crash::all_lost);
  start();
  EXPECT_THAT(list(), ElementsAre("g classic Stable consumer"));
  EXPECT_EQ(describe().error_code, wire::number(ErrorCode::group_id_not_found));
}

TEST_F(ConsumerGroups, WhereThePolicyForbidsItNoGroupChangesItsKind) {
  start({{"group.consumer.migration.policy", "disabled"}});
  create("events", 1);
  make_classic();
  const Heard refused = ask(joining("a"));
  EXPECT_EQ(refused.error_code, wire::number(ErrorCode::group_id_not_found));
  EXPECT_EQ(refused.error_message,
            "Cannot upgrade classic group g to consumer group because online upgrade is disabled.");
  EXPECT_THAT(list(), ElementsAre("g classic Stable consumer"));
}

TEST_F(ConsumerGroups, WhatTheFullDiskDidNotTakeDidNotHappen) {
  start({{"group.consumer.assignment.interval.ms", "0"}});
  create("events", 2);
  ASSERT_EQ(ask(joining("a")).member_epoch, 2);
  fs_.fail_when(
      [](const sim::Operation& operation) {
        return operation.verb == sim::Verb::write && operation.path.ends_with(".log");
      },
      sim::Fault::enospc);
  EXPECT_EQ(ask(joining("b")).error_code, wire::number(ErrorCode::coordinator_not_available));
  fs_.clear_faults();
  EXPECT_THAT(describe().members, SizeIs(1));
  EXPECT_EQ(describe().group_epoch, 2);
  EXPECT_EQ(ask(beat("a", 2)).error_code, 0);
  EXPECT_EQ(ask(joining("b")).member_epoch, 3);
}

TEST_F(ConsumerGroups, AnEmptyGroupIsDeletedAndAnEmptyOneBecomesClassicAtAJoin) {
  start();
  create("events", 1);
  ASSERT_EQ(ask(joining("a")).member_epoch, 2);
  wire::DeleteGroupsRequest deletion;
  deletion.groups_names = {"g", "g"};
  TestClient c = client();
  auto results = c.call(deletion).results;
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].error_code, wire::number(ErrorCode::non_empty_group));
  ASSERT_EQ(ask(beat("a", -1)).error_code, 0);
  EXPECT_THAT(list(), ElementsAre("g consumer Empty consumer"));
  make_classic();
  EXPECT_THAT(list(), ElementsAre("g classic Stable consumer"));
  crash(sim::Crash::all_lost);
  start();
  EXPECT_THAT(list(), ElementsAre("g classic Stable consumer"));
}

TEST_F(ConsumerGroups, ADeletedGroupStaysAway) {
  start();
  create("events", 1);
  ASSERT_EQ(ask(joining("a")).member_epoch, 2);
  ASSERT_EQ(commit("a", 2), 0);
  ASSERT_EQ(ask(beat("a", -1)).error_code, 0);
  wire::DeleteGroupsRequest deletion;
  deletion.groups_names = {"g"};
  {
    TestClient c = client();
    EXPECT_EQ(c.call(deletion).results.at(0).error_code, 0);
    EXPECT_EQ(c.call(deletion).results.at(0).error_code, wire::number(ErrorCode::group_id_not_found));
  }
  crash(sim::Crash::all_lost);
  start();
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(ConsumerGroups, PositionsOfSubscribedTopicsAreNotDeleted) {
  start();
  create("events", 1);
  create("others", 1);
  ASSERT_EQ(ask(joining("a")).member_epoch, 2);
  wire::OffsetDeleteRequest request;
  request.group_id = "g";
  request.topics.push_back({"events", {{0}}});
  request.topics.push_back({"others", {{0}}});
  TestClient c = client();
  const auto response = c.call(request);
  EXPECT_EQ(response.error_code, 0);
  EXPECT_EQ(response.topics.at(0).partitions.at(0).error_code,
            wire::number(ErrorCode::group_subscribed_to_topic));
  EXPECT_EQ(response.topics.at(1).partitions.at(0).error_code, 0);
}

TEST_F(ConsumerGroups, PositionsExpireOnceNobodySubscribesAndTheGroupGoesWithTheLastOne) {
  start({{"offsets.retention.check.interval.ms", "1"}});
  create("events", 1);
  ASSERT_EQ(ask(joining("a")).member_epoch, 2);
  ASSERT_EQ(commit("a", 2), 0);
  ASSERT_EQ(commit("", -1, 9, "other"), 0);
  constexpr std::int64_t day_ms = 86'400'000;
  clock_.shift(8 * day_ms);
  for (const auto deadline = soon(); fetched("other") != -1 && env::posix_clock().now() < deadline;) continue;
  EXPECT_EQ(fetched("other"), -1) << "what nobody subscribes to is gone";
  EXPECT_EQ(fetched(), 5) << "a subscribes to it";
  ASSERT_EQ(ask(beat("a", -1)).error_code, 0);
  for (const auto deadline = soon(); !list().empty() && env::posix_clock().now() < deadline;) continue;
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_EQ(fetched(), -1);
}

TEST_F(ConsumerGroups, AClassicGroupsPositionsExpireARetentionAfterItsLastMemberLeft) {
  start({{"offsets.retention.check.interval.ms", "1"}});
  create("events", 1);
  EXPECT_EQ(commit("", -1), 0) << "without members";
  EXPECT_EQ(fetched(), 5);
  clock_.shift(std::int64_t{8} * 86'400'000);
  for (const auto deadline = soon(); fetched() != -1 && env::posix_clock().now() < deadline;) continue;
  EXPECT_EQ(fetched(), -1);
  for (const auto deadline = soon(); !list().empty() && env::posix_clock().now() < deadline;) continue;
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(ConsumerGroups, JoinsThatAreRefusedOrNeverComeBackLeaveEmptyGroups) {
  start({{"group.min.session.timeout.ms", "1"}});
  TestClient c = client();
  for (int i = 0; i < 20; ++i) {
    wire::JoinGroupRequest join = joining_classic("");
    join.group_id = "random-" + std::to_string(i);
    join.session_timeout_ms = 10;
    if (i % 2 == 0) join.protocols.clear();
    EXPECT_NE(c.call(join).error_code, 0);
  }
  EXPECT_THAT(list(), SizeIs(20)) << "as in Kafka, until offsets.retention.check.interval.ms is over";
  EXPECT_EQ(list().front(), "random-0 classic Empty ");
}

TEST_F(ConsumerGroups, AGroupDescribedManyTimesIsAnsweredOnce) {
  start();
  create("events", 1);
  make_classic();
  wire::DescribeGroupsRequest request;
  request.groups = std::vector<std::string>(1000, "g");
  TestClient c = client();
  const auto response = c.call(request);
  ASSERT_THAT(response.groups, SizeIs(1));
  EXPECT_THAT(response.groups[0].members, SizeIs(1));
}

}  // namespace
}  // namespace sluice::broker
