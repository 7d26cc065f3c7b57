// What groups keep, when topics go, disks fill up, and names are longer than they may be.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <span>

#include "broker/broker_fixture.h"
#include "broker/group_records.h"
#include "wire/generated/delete_groups_request.h"
#include "wire/generated/delete_groups_response.h"
#include "wire/generated/delete_topics_request.h"
#include "wire/generated/delete_topics_response.h"
#include "wire/generated/describe_groups_request.h"
#include "wire/generated/describe_groups_response.h"
#include "wire/generated/join_group_request.h"
#include "wire/generated/join_group_response.h"
#include "wire/generated/list_groups_request.h"
#include "wire/generated/list_groups_response.h"
#include "wire/generated/offset_commit_request.h"
#include "wire/generated/offset_commit_response.h"
#include "wire/generated/offset_fetch_request.h"
#include "wire/generated/offset_fetch_response.h"
#include "wire/generated/sync_group_request.h"
#include "wire/generated/sync_group_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

class GroupState : public BrokerTest {
 protected:
  static wire::OffsetCommitRequest commit_request(const std::string& group, std::int64_t offset) {
    wire::OffsetCommitRequest request;
    request.group_id = group;
    wire::OffsetCommitRequest::OffsetCommitRequestPartition partition;
    partition.committed_offset = offset;
    request.topics.push_back({"events", {}, {partition}});
    return request;
  }
  std::int16_t commit(const std::string& group, std::int64_t offset) {
    TestClient c = client();
    return c.call(commit_request(group, offset), 9).topics.at(0).partitions.at(0).error_code;
  }
  std::int64_t committed(const std::string& group) {
    wire::OffsetFetchRequest request;
    auto& asked = request.groups.emplace_back();
    asked.group_id = group;
    asked.topics.emplace().push_back({"events", {}, {0}});
    TestClient c = client();
    return c.call(request, 8).groups.at(0).topics.at(0).partitions.at(0).committed_offset;
  }
  std::int16_t remove_topic(const std::string& topic) {
    wire::DeleteTopicsRequest request;
    request.topics.push_back({topic, {}});
    TestClient c = client();
    return c.call(request).responses.at(0).error_code;
  }
};

TEST_F(GroupState, APositionInATopicThatWasMadeAgainIsNotThere) {
  start();
  create("events", 1);
  ASSERT_EQ(commit("g", 1'000'000), 0);
  ASSERT_EQ(remove_topic("events"), 0);
  create("events", 1);
  EXPECT_EQ(committed("g"), -1);
  crash(sim::Crash::plain);
  start();
  EXPECT_EQ(committed("g"), -1) << "of another topic, whatever the disk still says";
}

TEST_F(GroupState, APositionOutlivesNoTopicEvenWhereTheDeathCameBetween) {
  start();
  create("events", 1);
  ASSERT_EQ(commit("g", 7), 0);
  ASSERT_EQ(remove_topic("events"), 0);
  crash(sim::Crash::all_lost);  // what took the position away may be lost, the deletion is not
  start();
  create("events", 1);
  EXPECT_EQ(committed("g"), -1);
  ASSERT_EQ(commit("g", 3), 0);
  crash(sim::Crash::all_lost);
  start();
  EXPECT_EQ(committed("g"), 3);
}

TEST_F(GroupState, ACommitThatIsAnsweredBehindTheGroupsDeletionCounts) {
  start();
  create("events", 1);
  ASSERT_EQ(commit("g", 1), 0);
  TestClient c = client();
  wire::DeleteGroupsRequest deletion;
  deletion.groups_names.push_back("g");
  for (int i = 0; i < 20; ++i) {  // on two connections at once, so that a sync holds both
    TestClient d = client();
    d.send(deletion, 2);
    c.send(commit_request("g", 100 + i), 9);
    static_cast<void>(d.receive<wire::DeleteGroupsResponse>(2));
    ASSERT_EQ(c.receive<wire::OffsetCommitResponse>(9).topics.at(0).partitions.at(0).error_code, 0);
    const std::int64_t before = committed("g");
    if (i % 5 != 4) continue;
    crash(sim::Crash::plain);
    start();
    c = client();
    ASSERT_EQ(committed("g"), before) << "a restart neither loses nor brings back a position";
  }
}

TEST_F(GroupState, TheTopicOfPositionsIsNotDeleted) {
  start();
  create("events", 1);
  ASSERT_EQ(commit("g", 5), 0);
  EXPECT_EQ(remove_topic("__consumer_offsets"), number(ErrorCode::invalid_topic_exception));
  crash(sim::Crash::all_lost);
  start();
  EXPECT_EQ(committed("g"), 5);
}

/// An OffsetCommit v9 with a group of so many letters, which the writer would refuse.
Bytes commit_by_long_group(std::uint32_t letters) {
  wire::Writer body;
  body.int16(8);
  body.int16(9);
  body.int32(1);
  body.int16(-1);  // client id
  body.int8(0);    // tagged fields
  body.varint(letters + 1);
  const Bytes name(letters, std::byte{'g'});
  body.raw(name);
  body.int32(-1);
  body.varint(1);  // member id: empty
  body.varint(0);  // instance id: null
  body.varint(2);
  body.string("events", true);
  body.varint(2);
  body.int32(0);
  body.int64(9);
  body.int32(-1);
  body.varint(0);  // metadata: null
  body.int8(0);
  body.int8(0);
  body.int8(0);
  const Bytes message = body.to_bytes();
  Bytes frame(4);
  store_be(frame.data(), static_cast<std::int32_t>(message.size()));
  frame.insert(frame.end(), message.begin(), message.end());
  return frame;
}

TEST_F(GroupState, ANameLongerThanAnyStringMayBeHarmsNobodyElse) {
  start({{"offsets.topic.num.partitions", "1"}});
  create("events", 1);
  ASSERT_EQ(commit("before", 1), 0);
  {
    TestClient c = client();
    c.send(commit_by_long_group(40'000));
    EXPECT_TRUE(c.is_closed());
  }
  {
    TestClient c = client();
    c.send(commit_by_long_group(32'767));
    EXPECT_FALSE(c.is_closed());
  }
  ASSERT_EQ(commit("behind", 2), 0);
  crash(sim::Crash::all_lost);
  start({{"offsets.topic.num.partitions", "1"}});
  EXPECT_EQ(committed("before"), 1);
  EXPECT_EQ(committed("behind"), 2);
  EXPECT_EQ(notices().find("not known"), std::string::npos) << notices();
}

TEST_F(GroupState, LargeMetadataAndAssignmentsComeBackAsTheyWereGiven) {
  start({{"group.initial.rebalance.delay.ms", "0"}});
  const std::string metadata(5000, 'm');
  const std::string given(6000, 'a');
  wire::JoinGroupRequest join;
  join.group_id = "g";
  join.session_timeout_ms = 10'000;
  join.rebalance_timeout_ms = 10'000;
  join.protocol_type = "consumer";
  join.protocols.push_back({"range", as_bytes(metadata)});
  TestClient c = client();
  const auto joined = c.call(join, 3);
  ASSERT_EQ(joined.members.size(), 1u);
  EXPECT_EQ(as_text(joined.members[0].metadata), metadata);
  wire::SyncGroupRequest sync;
  sync.group_id = "g";
  sync.generation_id = joined.generation_id;
  sync.member_id = joined.member_id;
  sync.assignments.push_back({sync.member_id, as_bytes(given)});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(as_text(c.call(sync, 3).assignment), given) << "also asked for again";
  wire::DescribeGroupsRequest describe;
  describe.groups.push_back("g");
  const auto described = c.call(describe, 5);
  ASSERT_EQ(described.groups.at(0).members.size(), 1u);
  EXPECT_EQ(as_text(described.groups[0].members[0].member_metadata), metadata);
  EXPECT_EQ(as_text(described.groups[0].members[0].member_assignment), given);
}

TEST_F(GroupState, AMemberThatJoinsAgainIsStillDescribedAsTheClientItWasMadeForWithWhatItHad) {
  start({{"group.initial.rebalance.delay.ms", "0"}});
  wire::JoinGroupRequest join;
  join.group_id = "g";
  join.session_timeout_ms = 10'000;
  join.rebalance_timeout_ms = 10'000;
  join.group_instance_id = "i";
  join.protocol_type = "consumer";
  join.protocols.push_back({"range", as_bytes(std::string_view("topics"))});
  TestClient c = client();
  const auto joined = c.call(join, 5, "first");
  wire::SyncGroupRequest sync;
  sync.group_id = "g";
  sync.generation_id = joined.generation_id;
  sync.member_id = joined.member_id;
  sync.group_instance_id = "i";
  sync.assignments.push_back({sync.member_id, as_bytes(std::string_view("all"))});
  ASSERT_EQ(c.call(sync, 3).error_code, 0);
  wire::DescribeGroupsRequest describe;
  describe.groups.push_back("g");
  for (const std::string& id :
       {joined.member_id, std::string{}}) {  // as it is known, then as a static member
    join.member_id = id;
    ASSERT_EQ(c.call(join, 5, "second").error_code, 0);
    const auto described = c.call(describe, 5);
    EXPECT_EQ(described.groups.at(0).group_state, "CompletingRebalance");
    const auto& member = described.groups[0].members.at(0);
    EXPECT_EQ(member.client_id, "first");
    EXPECT_EQ(as_text(member.member_assignment), id.empty() ? "" : "all")
        << "nobody's, where the sync failed";
    EXPECT_TRUE(member.member_metadata.empty());
  }
}

TEST_F(GroupState, AMemberWhoseClientHasALongNameStillGetsItsId) {
  start();
  wire::JoinGroupRequest join;
  join.group_id = "g";
  join.session_timeout_ms = 10'000;
  join.rebalance_timeout_ms = 10'000;
  join.protocol_type = "consumer";
  join.protocols.push_back({"range", as_bytes(std::string_view("topics"))});
  TestClient c = client();
  const auto joined = c.call(join, 3, std::string(32'767, 'c'));
  EXPECT_EQ(joined.error_code, 0);
  EXPECT_FALSE(joined.member_id.empty());
}

TEST_F(GroupState, APositionCommittedWithARetentionTimeGoesThenAndNoSooner) {
  const std::vector<std::pair<std::string, std::string>> often{{"offsets.retention.check.interval.ms", "1"}};
  constexpr std::int64_t day_ms = 86'400'000;
  start(often);
  create("events", 1);
  TestClient c = client();
  for (const auto& [group, days] : {std::pair{"short", 2}, std::pair{"long", 20}}) {
    wire::OffsetCommitRequest request = commit_request(group, 5);
    request.retention_time_ms = days * day_ms;
    ASSERT_EQ(c.call(request, 4).topics.at(0).partitions.at(0).error_code, 0);
  }
  ASSERT_EQ(commit("usual", 5), 0);
  crash(sim::Crash::plain);
  start(often);
  const auto is_gone = [&](const std::string& group) {
    for (const auto deadline = soon(); committed(group) != -1 && env::posix_clock().now() < deadline;)
      continue;
    return committed(group) == -1;
  };
  clock_.shift(3 * day_ms);
  EXPECT_TRUE(is_gone("short"));
  EXPECT_EQ(committed("usual"), 5);
  clock_.shift(10 * day_ms);
  EXPECT_TRUE(is_gone("usual")) << "offsets.retention.minutes are 7 days";
  EXPECT_EQ(committed("long"), 5);
  clock_.shift(10 * day_ms);
  EXPECT_TRUE(is_gone("long"));
}

TEST_F(GroupState, APositionThatIsOnItsWayToTheDiskIsNotTakenAwayAsNothing) {
  start({{"offsets.retention.check.interval.ms", "1"}});
  create("events", 1);
  ASSERT_EQ(commit("other", 1), 0);
  std::mutex mutex;
  std::condition_variable changed;
  bool hold = true;
  bool waits = false;
  fs_.before_operation([&](const sim::Operation& operation) {
    if (operation.verb != sim::Verb::sync || operation.path.find("sluice-journal") == std::string::npos)
      return;
    std::unique_lock lock(mutex);
    waits = true;
    changed.notify_all();
    changed.wait(lock, [&] { return !hold; });
  });
  TestClient c = client();
  c.send(commit_request("g", 5), 9);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waits; });
  }
  TestClient d = client();
  const env::Instant until = env::posix_clock().now() + std::chrono::milliseconds(300);
  while (env::posix_clock().now() < until)
    d.call(wire::ListGroupsRequest{});  // groups are looked through meanwhile
  {
    const std::scoped_lock lock(mutex);
    hold = false;
  }
  changed.notify_all();
  EXPECT_EQ(c.receive<wire::OffsetCommitResponse>(9).topics.at(0).partitions.at(0).error_code, 0);
  fs_.before_operation(nullptr);
  EXPECT_EQ(committed("g"), 5);
  crash(sim::Crash::plain);
  start();
  EXPECT_EQ(committed("g"), 5);
}

TEST(GroupRecordsOfKafka, APositionWithAnEndOfItsOwnIsKafkasOldestValueThatHasOne) {
  const CommittedOffset committed{Offset{7}, {}, "m", 5, Uuid{1, 2}, 9};
  const GroupRecord record = offset_record("g", {"events", PartitionId{3}}, committed);
  const unsigned char expected[] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 'm', 0, 0,
                                    0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,   9};
  EXPECT_EQ(*record.value, to_owned(std::as_bytes(std::span(expected))));
  const auto parsed = parse_group_record(record.key, BytesView{*record.value});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(std::get<OffsetChange>(*parsed).committed->expire_ms, 9);
}

TEST(GroupRecordsOfKafka, PositionsCarryTheirTopicsIdAsKafkaWritesIt) {
  const Uuid id{1, 2};
  const GroupRecord record =
      offset_record("g", {"events", PartitionId{3}}, CommittedOffset{Offset{7}, LeaderEpoch{1}, "m", 5, id});
  ASSERT_TRUE(record.value);
  EXPECT_EQ(load_be<std::int16_t>(record.value->data()), 4);
  const auto parsed = parse_group_record(record.key, BytesView{*record.value});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(std::get<OffsetChange>(*parsed).committed->topic_id, id);
  const GroupRecord without =
      offset_record("g", {"events", PartitionId{3}}, CommittedOffset{Offset{7}, LeaderEpoch{1}, "m", 5, {}});
  EXPECT_EQ(load_be<std::int16_t>(without.value->data()), 3) << "as before there were ids";
}

}  // namespace
}  // namespace sluice::broker
