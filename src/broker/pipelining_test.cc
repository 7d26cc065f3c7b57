// Clients may send their next requests before the last one is answered, and some hold a connection up for
// long: what an answer sets free must not run in the middle of what gave it.
#include <gtest/gtest.h>

#include "broker/broker_fixture.h"
#include "wire/generated/delete_topics_request.h"
#include "wire/generated/delete_topics_response.h"
#include "wire/generated/heartbeat_request.h"
#include "wire/generated/heartbeat_response.h"
#include "wire/generated/join_group_request.h"
#include "wire/generated/join_group_response.h"
#include "wire/generated/leave_group_request.h"
#include "wire/generated/leave_group_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

class Pipelining : public BrokerTest {
 protected:
  static wire::JoinGroupRequest join(const std::string& member_id) {
    wire::JoinGroupRequest request;
    request.group_id = "readers";
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 10'000;
    request.member_id = member_id;
    request.protocol_type = "consumer";
    request.protocols.push_back({"range", as_bytes(std::string_view("topics"))});
    return request;
  }
  static wire::LeaveGroupRequest leave(const std::vector<std::string>& member_ids) {
    wire::LeaveGroupRequest request;
    request.group_id = "readers";
    for (const std::string& id : member_ids) {
      auto& member = request.members.emplace_back();
      member.member_id = id;
    }
    return request;
  }
};

TEST_F(Pipelining, MembersMayLeaveInTheRequestBehindTheirJoin) {
  start({{"group.initial.rebalance.delay.ms", "100"}});
  TestClient a = client();
  TestClient b = client();
  const std::string first = a.call(join(""), 5).member_id;
  const std::string second = b.call(join(""), 5).member_id;
  // When the join phase ends, the first answer makes both members leave while others are still to be told.
  const TestClient* earlier = first < second ? &a : &b;
  for (TestClient* c : {&a, &b}) {
    c->send(join(c == &a ? first : second), 5);
    if (c == earlier) c->send(leave({first, second}), 4);
  }
  EXPECT_EQ(a.receive<wire::JoinGroupResponse>(5).error_code, 0);
  EXPECT_EQ(b.receive<wire::JoinGroupResponse>(5).error_code, 0);
  const auto left = (earlier == &a ? a : b).receive<wire::LeaveGroupResponse>(4);
  ASSERT_EQ(left.members.size(), 2u);
  for (const auto& member : left.members) EXPECT_EQ(member.error_code, 0);
}

TEST_F(Pipelining, ATopicMayBeDeletedAndMadeAgainBehindAFetchThatWaitsForIt) {
  start();
  create("events", 3);
  TestClient waiting = client();
  wire::FetchRequest fetch = fetch_request("events", 0, 0);
  fetch.max_wait_ms = 20'000;
  waiting.send(fetch, 12);
  wire::CreateTopicsRequest again;
  again.topics.push_back({"events", 2, 1, {}, {}});
  waiting.send(again, 7);
  TestClient c = client();
  EXPECT_EQ(produce(c, "events", 1, {"old"}).error_code, 0);
  wire::DeleteTopicsRequest deletion;
  deletion.topics.push_back({"events", {}});
  EXPECT_EQ(c.call(deletion).responses[0].error_code, 0);
  const auto fetched = waiting.receive<wire::FetchResponse>(12);
  EXPECT_EQ(fetched.responses[0].partitions[0].error_code, number(ErrorCode::unknown_topic_or_partition));
  EXPECT_EQ(waiting.receive<wire::CreateTopicsResponse>(7).topics[0].error_code, 0);
  EXPECT_EQ(produce(c, "events", 1, {"new"}).base_offset, 0);
  EXPECT_EQ(read_all("events", 1), std::vector<std::string>{"new"});
}

}  // namespace
}  // namespace sluice::broker
