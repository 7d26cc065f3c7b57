#include "broker/group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace sluice::broker {
namespace {

using testing::ElementsAre;
using testing::SizeIs;
using wire::ErrorCode;

// Time that passes when a test says so, and a disk that answers at once unless it is held.
class FakeHost final : public GroupHost {
 public:
  env::Instant now() override { return now_; }
  std::int64_t wall_ms() override { return now_.time_since_epoch() / std::chrono::milliseconds(1); }
  env::EventLoop::Timer after(env::Duration delay, std::function<void()> action) override {
    timers_.emplace(now_ + delay, std::pair{++last_timer_, std::move(action)});
    return last_timer_;
  }
  void cancel(env::EventLoop::Timer timer) override {
    std::erase_if(timers_, [&](const auto& entry) { return entry.second.first == timer; });
  }
  std::string unique_text() override { return std::to_string(++names_); }
  void unused(const std::string&) override { ++unused_calls; }
  void persist(const std::string&, std::function<void(ErrorCode)> done) override {
    ++persisted;
    if (hold) {
      held.push_back(std::move(done));
    } else {
      done(disk_error);
    }
  }
  void pass(std::int64_t ms) {
    const env::Instant end = now_ + std::chrono::milliseconds(ms);
    while (!timers_.empty() && timers_.begin()->first <= end) {
      auto node = timers_.extract(timers_.begin());
      now_ = node.key();
      node.mapped().second();
    }
    now_ = end;
  }

  bool hold = false;
  ErrorCode disk_error = ErrorCode::none;
  std::vector<std::function<void(ErrorCode)>> held;
  int persisted = 0;
  int unused_calls = 0;

 private:
  env::Instant now_{std::chrono::hours(1)};
  std::multimap<env::Instant, std::pair<env::EventLoop::Timer, std::function<void()>>> timers_;
  env::EventLoop::Timer last_timer_ = 0;
  int names_ = 0;
};

constexpr int session_ms = 10'000;
constexpr int rebalance_ms = 60'000;

struct Joining {
  std::optional<JoinAnswer> answer;
};

class GroupTest : public testing::Test {
 protected:
  static JoinRequest request(const std::string& member_id,
                             std::optional<std::string> instance_id = std::nullopt) {
    JoinRequest join;
    join.member_id = member_id;
    join.instance_id = std::move(instance_id);
    join.client_id = "c";
    join.session_timeout_ms = session_ms;
    join.rebalance_timeout_ms = rebalance_ms;
    join.protocol_type = "consumer";
    join.protocols = {{"range", to_owned(as_bytes(std::string_view("meta")))}};
    join.skip_assignment_supported = true;
    return join;
  }
  std::shared_ptr<Joining> join(JoinRequest request) {
    auto joining = std::make_shared<Joining>();
    group.join(std::move(request), [joining](JoinAnswer answer) { joining->answer = std::move(answer); });
    return joining;
  }
  std::shared_ptr<std::optional<SyncAnswer>> sync(
      const JoinAnswer& joined, std::vector<std::pair<std::string, Bytes>> assignments = {}) {
    auto answer = std::make_shared<std::optional<SyncAnswer>>();
    SyncRequest request;
    request.member_id = joined.member_id;
    request.generation = joined.generation;
    request.assignments = std::move(assignments);
    group.sync(std::move(request), [answer](SyncAnswer synced) { *answer = std::move(synced); });
    return answer;
  }
  /// A group of one member in state Stable.
  JoinAnswer stable(std::optional<std::string> instance_id = std::nullopt) {
    const auto joining = join(request("", std::move(instance_id)));
    host.pass(3000);
    EXPECT_TRUE(joining->answer);
    sync(*joining->answer, {{joining->answer->member_id, to_owned(as_bytes(std::string_view("all")))}});
    EXPECT_EQ(group.state(), GroupState::stable);
    return *joining->answer;
  }

  FakeHost host;
  Group group{"g", host, {100, 3000}};
};

TEST_F(GroupTest, TheFirstJoinWaitsForMoreMembersAndTheLeaderLearnsOfAll) {
  const auto a = join(request(""));
  host.pass(2000);
  const auto b = join(request(""));
  host.pass(1500);
  EXPECT_FALSE(a->answer) << "a newcomer extends the wait";
  host.pass(3000);
  ASSERT_TRUE(a->answer && b->answer);
  EXPECT_EQ(a->answer->generation, 1);
  EXPECT_EQ(a->answer->leader, a->answer->member_id);
  EXPECT_THAT(a->answer->members, SizeIs(2));
  EXPECT_THAT(b->answer->members, SizeIs(0));
  EXPECT_EQ(group.state(), GroupState::completing_rebalance);
}

TEST_F(GroupTest, AnUnknownMemberIsToldItsIdFirst) {
  auto first = request("");
  first.member_id_required = true;
  const auto told = join(first);
  ASSERT_TRUE(told->answer);
  EXPECT_EQ(told->answer->error, ErrorCode::member_id_required);
  EXPECT_EQ(group.member_count(), 0u);
  first.member_id = told->answer->member_id;
  const auto joined = join(first);
  host.pass(3000);
  ASSERT_TRUE(joined->answer);
  EXPECT_EQ(joined->answer->error, ErrorCode::none);
  EXPECT_EQ(joined->answer->member_id, told->answer->member_id);
}

TEST_F(GroupTest, MembersGetTheirAssignmentOnceItIsDurable) {
  const auto a = join(request(""));
  const auto b = join(request(""));
  host.pass(6000);
  const auto b_synced = sync(*b->answer);
  host.hold = true;
  const auto a_synced = sync(*a->answer, {{a->answer->member_id, to_owned(as_bytes(std::string_view("A")))},
                                          {b->answer->member_id, to_owned(as_bytes(std::string_view("B")))}});
  EXPECT_FALSE(*a_synced || *b_synced);
  host.held.at(0)(ErrorCode::none);
  ASSERT_TRUE(*a_synced && *b_synced);
  EXPECT_EQ(as_text((*a_synced)->assignment), "A");
  EXPECT_EQ(as_text((*b_synced)->assignment), "B");
  EXPECT_EQ(group.state(), GroupState::stable);
}

TEST_F(GroupTest, AnAssignmentThatIsNotDurableStartsAnotherRebalance) {
  const auto a = join(request(""));
  host.pass(3000);
  host.disk_error = ErrorCode::coordinator_not_available;
  const auto synced = sync(*a->answer);
  ASSERT_TRUE(*synced);
  EXPECT_EQ((*synced)->error, ErrorCode::coordinator_not_available);
  EXPECT_EQ(group.state(), GroupState::preparing_rebalance);
}

TEST_F(GroupTest, ANewcomerRebalancesAndOldMembersHearOfItByHeartbeat) {
  const JoinAnswer a = stable();
  const auto b = join(request(""));
  EXPECT_FALSE(b->answer) << "waits for the others";
  EXPECT_EQ(group.heartbeat(a.member_id, std::nullopt, 1), ErrorCode::rebalance_in_progress);
  const auto again = join(request(a.member_id));
  ASSERT_TRUE(again->answer && b->answer);
  EXPECT_EQ(b->answer->generation, 2);
  EXPECT_EQ(group.heartbeat(a.member_id, std::nullopt, 1), ErrorCode::illegal_generation);
  EXPECT_EQ(group.check_commit(a.member_id, std::nullopt, 2), ErrorCode::rebalance_in_progress);
}

TEST_F(GroupTest, WhoDoesNotRejoinInTimeIsLeftBehind) {
  const JoinAnswer a = stable();
  const auto b = join(request(""));
  for (int i = 0; i < 12; ++i) {  // a lives, but does not join
    host.pass(5000);
    group.heartbeat(a.member_id, std::nullopt, 1);
  }
  ASSERT_TRUE(b->answer);
  EXPECT_THAT(b->answer->members, SizeIs(1));
  EXPECT_EQ(group.heartbeat(a.member_id, std::nullopt, 2), ErrorCode::unknown_member_id);
}

TEST_F(GroupTest, ASilentMemberIsRemovedAndAnEmptyGroupStaysWithItsGeneration) {
  const JoinAnswer a = stable();
  host.pass(session_ms - 1);
  EXPECT_EQ(group.heartbeat(a.member_id, std::nullopt, 1), ErrorCode::none);
  host.pass(session_ms - 1);
  EXPECT_EQ(group.state(), GroupState::stable);
  host.pass(2);
  EXPECT_EQ(group.state(), GroupState::empty);
  EXPECT_EQ(group.generation(), 2);
  EXPECT_EQ(group.check_commit("", std::nullopt, -1), ErrorCode::none)
      << "anyone may set an empty group's offsets";
}

TEST_F(GroupTest, AMemberThatNeverSyncsHoldsTheOthersUpNoLongerThanTheTimeOut) {
  const auto a = join(request(""));
  const auto b = join(request(""));
  host.pass(6000);
  const auto a_synced = sync(*a->answer);
  for (int i = 0; i < 14; ++i) {
    host.pass(5000);
    group.heartbeat(b->answer->member_id, std::nullopt, 1);
  }
  EXPECT_EQ(group.heartbeat(b->answer->member_id, std::nullopt, 1), ErrorCode::unknown_member_id);
}

TEST_F(GroupTest, AMemberThatNeverSyncsKeepsItsPartitionsNoLongerEitherOnceTheOthersHaveTheirs) {
  const auto a = join(request(""));
  const auto b = join(request(""));
  host.pass(6000);
  ASSERT_TRUE(a->answer && b->answer);
  const JoinAnswer& leader = a->answer->leader == a->answer->member_id ? *a->answer : *b->answer;
  const JoinAnswer& silent = a->answer->leader == a->answer->member_id ? *b->answer : *a->answer;
  ASSERT_TRUE(*sync(leader, {}));
  EXPECT_EQ(group.state(), GroupState::stable);
  for (int passed = 0; passed < rebalance_ms; passed += session_ms / 2) {
    EXPECT_EQ(group.heartbeat(leader.member_id, {}, leader.generation), ErrorCode::none);
    EXPECT_EQ(group.heartbeat(silent.member_id, {}, silent.generation), ErrorCode::none);
    host.pass(session_ms / 2);
  }
  EXPECT_EQ(group.state(), GroupState::preparing_rebalance);
  EXPECT_EQ(group.heartbeat(silent.member_id, {}, silent.generation), ErrorCode::unknown_member_id);
}

TEST_F(GroupTest, WhoSyncsAfterTheLeaderStays) {
  const auto a = join(request(""));
  const auto b = join(request(""));
  host.pass(6000);
  ASSERT_TRUE(a->answer && b->answer);
  const JoinAnswer& leader = a->answer->leader == a->answer->member_id ? *a->answer : *b->answer;
  const JoinAnswer& late = a->answer->leader == a->answer->member_id ? *b->answer : *a->answer;
  ASSERT_TRUE(*sync(leader, {}));
  ASSERT_TRUE(*sync(late));
  for (int passed = 0; passed < 2 * rebalance_ms; passed += session_ms / 2) {
    EXPECT_EQ(group.heartbeat(leader.member_id, {}, leader.generation), ErrorCode::none);
    EXPECT_EQ(group.heartbeat(late.member_id, {}, late.generation), ErrorCode::none);
    host.pass(session_ms / 2);
  }
  EXPECT_EQ(group.state(), GroupState::stable);
}

TEST_F(GroupTest, TheTypeOfAGroupThatLostItsMembersWhileItWaitedIsTheNextOnes) {
  const auto first = join(request(""));
  JoinRequest ask = request("");
  ask.member_id_required = true;
  const auto told = join(ask);  // knows its id, and joins with it below
  ASSERT_TRUE(told->answer);
  // Its connection is gone: it leaves by the id that it had given itself.
  ASSERT_FALSE(first->answer);
  EXPECT_EQ(group.leave(group.snapshot().members.at(0).id, {}), ErrorCode::none);
  JoinRequest other = request(told->answer->member_id);
  other.protocol_type = "connect";
  const auto second = join(other);
  host.pass(2 * 3000);
  ASSERT_TRUE(second->answer);
  EXPECT_EQ(second->answer->error, ErrorCode::none);
  EXPECT_EQ(second->answer->protocol_type, "connect");
}

TEST_F(GroupTest, LeavingRebalancesTheRest) {
  const auto a = join(request(""));
  const auto b = join(request(""));
  host.pass(6000);
  sync(*a->answer);
  EXPECT_EQ(group.leave(b->answer->member_id, std::nullopt), ErrorCode::none);
  EXPECT_EQ(group.leave(b->answer->member_id, std::nullopt), ErrorCode::unknown_member_id);
  EXPECT_EQ(group.state(), GroupState::preparing_rebalance);
}

TEST_F(GroupTest, ABatchLeavesBeforeTheRestRebalances) {
  const auto a = join(request(""));
  const auto b = join(request(""));
  const auto c = join(request(""));
  host.pass(6000);
  sync(*a->answer);
  const auto again = join(request(a->answer->member_id));  // a rebalance: it waits for b and c
  EXPECT_FALSE(again->answer);
  EXPECT_THAT(
      group.leave({{b->answer->member_id, std::nullopt}, {"x", std::nullopt}, {c->answer->member_id, {}}}),
      ElementsAre(ErrorCode::none, ErrorCode::unknown_member_id, ErrorCode::none));
  ASSERT_TRUE(again->answer);
  EXPECT_EQ(again->answer->generation, 2) << "one rebalance, without both";
  EXPECT_THAT(again->answer->members, SizeIs(1));
}

TEST_F(GroupTest, IdsThatNobodyJoinsWithAreBoundedAndForgotten) {
  Group small("s", host, {100, 3000, 2});
  std::vector<ErrorCode> answers;
  auto first = request("");
  first.member_id_required = true;
  for (int i = 0; i < 3; ++i) small.join(first, [&](JoinAnswer answer) { answers.push_back(answer.error); });
  EXPECT_THAT(answers, ElementsAre(ErrorCode::member_id_required, ErrorCode::member_id_required,
                                   ErrorCode::group_max_size_reached));
  EXPECT_EQ(small.pending_count(), 2u);
  host.pass(session_ms + 1);
  EXPECT_EQ(small.pending_count(), 0u);
  EXPECT_EQ(host.unused_calls, 1) << "the group may go";
}

TEST_F(GroupTest, ItsTopicsAreReadFromWhatAllVersionsOfASubscriptionHave) {
  using namespace std::string_view_literals;
  // Version 1, topic "t0", no user data, and null for what is owned, which the version does not allow.
  JoinRequest ask = request("");
  ask.protocols = {{"range", to_owned(as_bytes("\0\1\0\0\0\1\0\2t0\0\0\0\0\xff\xff\xff\xff"sv))}};
  const auto joining = join(ask);
  host.pass(3000);
  ASSERT_TRUE(joining->answer);
  EXPECT_TRUE(group.is_subscribed_to("t0"));
  EXPECT_FALSE(group.is_subscribed_to("t1")) << "its positions may be deleted, as in Kafka";
}

TEST_F(GroupTest, InATransactionPositionsMayBeCommittedWithoutAMember) {
  const JoinAnswer a = stable();
  EXPECT_EQ(group.check_commit("", std::nullopt, -1), ErrorCode::unknown_member_id);
  EXPECT_EQ(group.check_pending_commit("", std::nullopt, -1), ErrorCode::none);
  EXPECT_EQ(group.check_pending_commit(a.member_id, std::nullopt, 7), ErrorCode::illegal_generation);
  join(request(""));
  EXPECT_EQ(group.check_pending_commit(a.member_id, std::nullopt, 1), ErrorCode::none)
      << "also while a rebalance is on";
}

TEST_F(GroupTest, AStaticMemberComesBackWithoutARebalanceAndFencesItsFormerSelf) {
  const JoinAnswer first = stable("i1");
  const auto second = join(request("", "i1"));
  ASSERT_TRUE(second->answer);
  EXPECT_EQ(second->answer->error, ErrorCode::none);
  EXPECT_EQ(second->answer->generation, 1);
  EXPECT_TRUE(second->answer->skip_assignment);
  EXPECT_EQ(second->answer->leader, second->answer->member_id);
  EXPECT_NE(second->answer->member_id, first.member_id);
  EXPECT_EQ(group.heartbeat(first.member_id, "i1", 1), ErrorCode::fenced_instance_id);
  EXPECT_EQ(group.check_commit(first.member_id, "i1", 1), ErrorCode::fenced_instance_id);
  const auto synced = sync(*second->answer);
  ASSERT_TRUE(*synced);
  EXPECT_EQ(as_text((*synced)->assignment), "all") << "the slot keeps its assignment";
  EXPECT_EQ(group.leave("", "i1"), ErrorCode::none) << "by the instance id alone";
  EXPECT_EQ(group.state(), GroupState::empty);
}

TEST_F(GroupTest, MembersVoteForAProtocolThatAllHave) {
  auto a = request("");
  a.protocols = {{"sticky", {}}, {"range", {}}};
  auto b = request("");
  b.protocols = {{"range", {}}};
  const auto a_joined = join(a);
  const auto b_joined = join(b);
  auto c = request("");
  c.protocols = {{"sticky", {}}};
  EXPECT_EQ(join(c)->answer->error, ErrorCode::inconsistent_group_protocol);
  host.pass(6000);
  EXPECT_EQ(a_joined->answer->protocol, "range");
}

TEST_F(GroupTest, ARepeatedJoinGetsTheSameGeneration) {
  const auto a = join(request(""));
  const auto b = join(request(""));
  host.pass(6000);
  const auto again = join(request(b->answer->member_id));
  ASSERT_TRUE(again->answer);
  EXPECT_EQ(again->answer->generation, 1);
  sync(*a->answer);
  EXPECT_EQ(join(request(b->answer->member_id))->answer->generation, 1);
  EXPECT_FALSE(join(request(a->answer->member_id))->answer) << "the leader asks for a new assignment";
}

TEST_F(GroupTest, AFullGroupTakesNobody) {
  Group small("s", host, {1, 3000});
  std::vector<ErrorCode> answers;
  for (int i = 0; i < 2; ++i)
    small.join(request(""), [&](JoinAnswer answer) { answers.push_back(answer.error); });
  EXPECT_THAT(answers, ElementsAre(ErrorCode::group_max_size_reached));
}

TEST_F(GroupTest, ARestoredGroupIsStableUntilASessionIsOver) {
  const JoinAnswer a = stable();
  Group restored("g", host, {100, 3000});
  restored.restore(group.snapshot());
  EXPECT_EQ(restored.heartbeat(a.member_id, std::nullopt, 1), ErrorCode::none);
  host.pass(2 * session_ms);
  EXPECT_EQ(restored.state(), GroupState::empty);
}

}  // namespace
}  // namespace sluice::broker
