#include "broker/consumer_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/consumer_group_fixture.h"
#include "broker/consumer_protocol.h"
#include "wire/writer.h"

namespace sluice::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using wire::ErrorCode;

constexpr int session_ms = 45'000;

class ConsumerGroupTest : public testing::Test {
 protected:
  static HeartbeatRequest joining(const std::string& member, std::set<std::string> topics = {"t"}) {
    HeartbeatRequest request;
    request.member_id = member;
    request.client_id = "c";
    request.rebalance_timeout_ms = 60'000;
    request.topics = std::move(topics);
    request.owned = TopicPartitions{};
    return request;
  }
  static HeartbeatRequest beat(const std::string& member, std::int32_t epoch,
                               std::optional<TopicPartitions> owned = std::nullopt) {
    HeartbeatRequest request;
    request.member_id = member;
    request.client_id = "c";
    request.epoch = epoch;
    request.owned = std::move(owned);
    return request;
  }
  HeartbeatAnswer ask(HeartbeatRequest request) {
    std::optional<HeartbeatAnswer> out;
    group->heartbeat(std::move(request), [&](HeartbeatAnswer answer) { out = std::move(answer); });
    EXPECT_TRUE(out) << "not answered";
    return out.value_or(HeartbeatAnswer{});
  }
  static std::size_t count(const std::optional<TopicPartitions>& partitions) {
    std::size_t n = 0;
    if (partitions)
      for (const auto& [topic, indexes] : *partitions) n += indexes.size();
    return n;
  }

  static Bytes subscription(const std::vector<std::string>& topics) {
    wire::Writer w;
    w.int16(1);
    w.array_length(topics.size(), false);
    for (const auto& topic : topics) w.string(topic, false);
    w.nullable_bytes(std::nullopt, false, true);
    w.array_length(0, false);
    return w.to_bytes();
  }
  static JoinRequest classic(const std::string& member, std::optional<std::string> instance = std::nullopt) {
    JoinRequest join;
    join.member_id = member;
    join.instance_id = std::move(instance);
    join.client_id = "old";
    join.session_timeout_ms = 10'000;
    join.rebalance_timeout_ms = 60'000;
    join.protocol_type = "consumer";
    join.protocols = {{"range", subscription({"t"})}};
    return join;
  }
  JoinAnswer ask(JoinRequest request) {
    std::optional<JoinAnswer> out;
    group->join(std::move(request), [&](JoinAnswer answer) { out = std::move(answer); });
    EXPECT_TRUE(out) << "not answered";
    return out.value_or(JoinAnswer{});
  }
  SyncAnswer sync(const JoinAnswer& joined) {
    SyncRequest request;
    request.member_id = joined.member_id;
    request.generation = joined.generation;
    std::optional<SyncAnswer> out;
    group->sync(request, [&](SyncAnswer answer) { out = std::move(answer); });
    EXPECT_TRUE(out) << "not answered";
    return out.value_or(SyncAnswer{});
  }

  FakeConsumerHost host;
  Uuid t = host.set_topic("t", 4);
  std::unique_ptr<ConsumerGroup> group = std::make_unique<ConsumerGroup>("g", host);
};

TEST_F(ConsumerGroupTest, TheFirstMemberGetsEverythingWithItsFirstHeartbeat) {
  const HeartbeatAnswer answer = ask(joining("a"));
  EXPECT_EQ(answer.error, ErrorCode::none) << answer.message;
  EXPECT_EQ(answer.epoch, 2);
  EXPECT_EQ(answer.heartbeat_interval_ms, 5'000);
  EXPECT_EQ(answer.assignment, (TopicPartitions{{t, {0, 1, 2, 3}}}));
  EXPECT_EQ(group->state_name(), "Stable");
  EXPECT_FALSE(ask(beat("a", 2)).assignment) << "nothing changed";
}

TEST_F(ConsumerGroupTest, AnAnswerWaitsForItsRecords) {
  host.hold = true;
  bool answered = false;
  group->heartbeat(joining("a"), [&](const HeartbeatAnswer&) { answered = true; });
  EXPECT_FALSE(answered);
  host.held.at(0)(ErrorCode::none);
  EXPECT_TRUE(answered);
}

TEST_F(ConsumerGroupTest, PartitionsAreRevokedBeforeAnotherMemberMayHaveThem) {
  ask(joining("a"));
  const HeartbeatAnswer b = ask(joining("b"));
  EXPECT_EQ(b.epoch, 3);
  EXPECT_EQ(b.assignment, TopicPartitions{}) << "a still holds all";
  const HeartbeatAnswer told = ask(beat("a", 2));
  EXPECT_EQ(told.epoch, 2) << "it keeps its epoch until it has revoked";
  ASSERT_EQ(count(told.assignment), 2u);
  EXPECT_EQ(group->state_name(), "Reconciling");
  EXPECT_EQ(count(ask(beat("b", 3)).assignment), 0u) << "not given up yet";
  EXPECT_EQ(ask(beat("a", 2)).epoch, 2) << "it did not say what it holds";
  const HeartbeatAnswer done = ask(beat("a", 2, told.assignment));
  EXPECT_EQ(done.epoch, 3);
  EXPECT_EQ(count(ask(beat("b", 3)).assignment), 2u);
  EXPECT_EQ(group->state_name(), "Stable");
}

TEST_F(ConsumerGroupTest, WhoDoesNotRevokeInTimeIsFenced) {
  ask(joining("a"));
  ask(joining("b"));
  ask(beat("a", 2));  // told to revoke two
  for (int i = 0; i < 13; ++i) {
    host.pass(5'000);
    ask(beat("b", group->members().at("b").current.epoch));
    if (i < 11) {
      EXPECT_EQ(ask(beat("a", 2)).error, ErrorCode::none);
    }
  }
  EXPECT_EQ(ask(beat("a", 2)).error, ErrorCode::unknown_member_id);
  EXPECT_THAT(group->members().at("b").current.assigned.at(t), testing::SizeIs(4));
}

TEST_F(ConsumerGroupTest, ASilentMemberIsFencedWhenItsSessionIsOver) {
  ask(joining("a"));
  ask(joining("b"));
  host.pass(session_ms - 1);
  ask(beat("b", 3));
  host.pass(2);
  EXPECT_THAT(group->members(), testing::SizeIs(1));
  EXPECT_EQ(count(ask(beat("b", 3)).assignment), 4u);
}

TEST_F(ConsumerGroupTest, AWrongEpochIsFencedAndTheOneBeforeIsTakenWhereTheAnswerWasLost) {
  ask(joining("a"));
  EXPECT_EQ(ask(beat("a", 7)).error, ErrorCode::fenced_member_epoch);
  EXPECT_EQ(ask(beat("a", 1, TopicPartitions{})).error, ErrorCode::fenced_member_epoch);
  host.set_topic("t", 6);
  EXPECT_EQ(ask(beat("a", 2)).epoch, 3);
  EXPECT_EQ(ask(beat("a", 2, TopicPartitions{{t, {0, 1}}})).epoch, 3) << "it holds no more than it may";
  EXPECT_EQ(ask(beat("a", 2, TopicPartitions{{t, {17}}})).error, ErrorCode::fenced_member_epoch);
  EXPECT_EQ(ask(beat("a", 2)).error, ErrorCode::fenced_member_epoch) << "it does not say what it holds";
  EXPECT_EQ(ask(beat("x", 2)).error, ErrorCode::unknown_member_id);
  EXPECT_EQ(ask(joining("a")).epoch, 3) << "epoch 0 joins again";
}

TEST_F(ConsumerGroupTest, LeavingGivesThePartitionsToTheRest) {
  ask(joining("a"));
  ask(joining("b"));
  const HeartbeatAnswer left = ask(beat("a", leave_epoch));
  EXPECT_EQ(left.error, ErrorCode::none);
  EXPECT_EQ(left.epoch, leave_epoch);
  EXPECT_EQ(count(ask(beat("b", 3)).assignment), 4u);
  EXPECT_EQ(ask(beat("b", leave_epoch)).error, ErrorCode::none);
  EXPECT_EQ(group->state_name(), "Empty");
  EXPECT_EQ(ask(beat("b", leave_epoch)).error, ErrorCode::unknown_member_id);
}

TEST_F(ConsumerGroupTest, AStaticMemberThatGoesToComeBackKeepsItsPartitions) {
  auto first = joining("a");
  first.instance_id = "i";
  ask(first);
  ask(joining("b"));
  const HeartbeatAnswer told = ask(beat("a", 2));
  ask(beat("a", 2, told.assignment));
  auto second = joining("a2");
  second.instance_id = "i";
  EXPECT_EQ(ask(second).error, ErrorCode::unreleased_instance_id) << "the first one is still there";
  auto gone = beat("a", static_leave_epoch);
  gone.instance_id = "i";
  EXPECT_EQ(ask(gone).epoch, static_leave_epoch);
  const std::int32_t before = group->epoch();
  const HeartbeatAnswer back = ask(second);
  EXPECT_EQ(back.error, ErrorCode::none) << back.message;
  EXPECT_EQ(back.assignment, told.assignment);
  EXPECT_EQ(group->epoch(), before) << "nobody else notices";
  auto former = beat("a", 3);
  former.instance_id = "i";
  EXPECT_EQ(ask(former).error, ErrorCode::fenced_instance_id);
  gone.member_id = "a2";
  ask(gone);
  host.pass(session_ms + 1);
  EXPECT_FALSE(group->members().contains("a2")) << "it did not come back";
}

TEST_F(ConsumerGroupTest, NewPartitionsAndTopicsAreAssignedAndThoseOfADeletedTopicTaken) {
  ask(joining("a", {"t", "later"}));
  host.set_topic("t", 6);
  EXPECT_EQ(count(ask(beat("a", 2)).assignment), 6u);
  const Uuid later = host.set_topic("later", 1);
  EXPECT_EQ(ask(beat("a", 3)).assignment->at(later), (std::set<std::int32_t>{0}));
  host.remove_topic("t");
  const HeartbeatAnswer told = ask(beat("a", 4));
  EXPECT_EQ(told.assignment, (TopicPartitions{{later, {0}}}));
  EXPECT_EQ(ask(beat("a", 4, told.assignment)).epoch, 5);
  host.set_topic("unrelated", 3);
  EXPECT_EQ(ask(beat("a", 5)).epoch, 5) << "not subscribed: no rebalance";
}

TEST_F(ConsumerGroupTest, APatternMeansTheTopicsWhoseWholeNameItMatches) {
  const Uuid t2 = host.set_topic("t2", 1);
  host.set_topic("xt", 1);
  auto request = joining("a", {});
  request.topics.reset();
  request.regex = "t[0-9]*";
  const HeartbeatAnswer first = ask(request);
  ASSERT_EQ(first.error, ErrorCode::none) << first.message;
  EXPECT_THAT(*first.assignment, UnorderedElementsAre(testing::Key(t), testing::Key(t2)));
  const Uuid t3 = host.set_topic("t3", 2);
  EXPECT_FALSE(ask(beat("a", first.epoch)).assignment) << "patterns are looked at every ten seconds";
  host.pass(10'001);
  EXPECT_EQ(ask(beat("a", first.epoch)).assignment->at(t3), (std::set<std::int32_t>{0, 1}));
}

TEST_F(ConsumerGroupTest, APatternThatMeansNothingIsNoReasonToAssignAnew) {
  auto request = joining("a", {});
  request.topics.reset();
  request.regex = "none";
  EXPECT_EQ(ask(request).epoch, 1);
  host.set_topic("none", 1);
  host.pass(10'001);
  EXPECT_EQ(ask(beat("a", 1)).epoch, 2);
}

TEST_F(ConsumerGroupTest, ABadPatternIsRefusedAndMakesNoMember) {
  auto request = joining("a");
  request.regex = "(";
  const HeartbeatAnswer answer = ask(request);
  EXPECT_EQ(answer.error, ErrorCode::invalid_regular_expression);
  EXPECT_THAT(answer.message, HasSubstr("SubscribedTopicRegex `(` is not a valid regular expression"));
  EXPECT_THAT(group->members(), IsEmpty());
  EXPECT_THAT(host.written, IsEmpty());
  request.regex = "((a{1000}){1000}){1000}";  // too large
  EXPECT_EQ(ask(request).error, ErrorCode::invalid_regular_expression);
}

TEST_F(ConsumerGroupTest, WhoIsNoMemberOrLeavesIsToldThatBeforeABadPattern) {
  ask(joining("a"));
  auto request = beat("nobody", 2);
  request.regex = "(";
  EXPECT_EQ(ask(request).error, ErrorCode::unknown_member_id);
  request = beat("a", 7);
  request.regex = "(";
  EXPECT_EQ(ask(request).error, ErrorCode::fenced_member_epoch);
  request.epoch = -1;
  EXPECT_EQ(ask(request).error, ErrorCode::none);
  EXPECT_THAT(group->members(), IsEmpty());
}

TEST_F(ConsumerGroupTest, UnsubscribedTopicsAreRevokedAtOnce) {
  const Uuid u = host.set_topic("u", 2);
  ask(joining("a", {"t", "u"}));
  host.limits.assignment_interval_ms = 60'000;  // no new target for a while
  auto change = beat("a", 2);
  change.topics = std::set<std::string>{"u"};
  EXPECT_EQ(ask(change).assignment, (TopicPartitions{{u, {0, 1}}}));
  EXPECT_EQ(group->state_name(), "Assigning");
}

TEST_F(ConsumerGroupTest, ATargetIsComputedNoMoreOftenThanTheIntervalSays) {
  host.limits.assignment_interval_ms = 1'000;
  ask(joining("a"));
  const HeartbeatAnswer b = ask(joining("b"));
  EXPECT_EQ(b.epoch, 2) << "in the target of before";
  EXPECT_EQ(count(b.assignment), 0u);
  host.pass(1'000);
  EXPECT_EQ(ask(beat("b", 2)).epoch, 3);
}

TEST_F(ConsumerGroupTest, AFullGroupTakesNobodyButItsMembers) {
  host.limits.members_max = 1;
  ask(joining("a"));
  EXPECT_EQ(ask(joining("b")).error, ErrorCode::group_max_size_reached);
  EXPECT_EQ(ask(beat("a", 2)).error, ErrorCode::none);
}

TEST_F(ConsumerGroupTest, TheAssignorThatMostMembersWantIsTaken) {
  auto a = joining("a");
  a.assignor = "range";
  ask(a);
  EXPECT_EQ(group->preferred_assignor(), Assignor::range);
  ask(joining("b"));
  EXPECT_EQ(group->target_of("b"), (TopicPartitions{{t, {2, 3}}}));
}

TEST_F(ConsumerGroupTest, CommitsAreAcceptedFromTheEpochInWhichThePartitionWasAssigned) {
  ask(joining("a"));  // partitions since epoch 2
  host.set_topic("t", 5);
  ask(beat("a", 2));  // epoch 3, partition 4 since then
  const auto check = [&](std::int32_t epoch, std::int32_t partition, bool transactional = false) {
    return group->check_commit({"a", std::nullopt, epoch, transactional, 9}, {{t, partition}});
  };
  EXPECT_EQ(check(3, 0), ErrorCode::none);
  EXPECT_EQ(check(2, 0), ErrorCode::none) << "held since then";
  EXPECT_EQ(check(2, 4), ErrorCode::stale_member_epoch) << "got it later";
  EXPECT_EQ(check(2, 9), ErrorCode::stale_member_epoch) << "never had it";
  EXPECT_EQ(check(4, 0), ErrorCode::stale_member_epoch);
  EXPECT_EQ(check(4, 0, true), ErrorCode::illegal_generation) << "in a transaction";
  EXPECT_EQ(group->check_commit({"x", std::nullopt, 3, false, 9}, {}), ErrorCode::unknown_member_id);
  EXPECT_EQ(group->check_commit({"a", std::nullopt, 3, false, 8}, {}), ErrorCode::unsupported_version);
  EXPECT_EQ(group->check_commit({"", std::nullopt, -1, false, 9}, {}), ErrorCode::unknown_member_id)
      << "only members may, while there are some";
  EXPECT_EQ(group->check_fetch("a", 3), ErrorCode::none);
  EXPECT_EQ(group->check_fetch("a", 2), ErrorCode::stale_member_epoch);
  EXPECT_EQ(group->check_fetch(std::nullopt, -1), ErrorCode::none);
}

TEST_F(ConsumerGroupTest, ARestartKeepsEpochsAssignmentsAndWhatHasToBeRevoked) {
  ask(joining("a"));
  ask(joining("b"));
  const HeartbeatAnswer told = ask(beat("a", 2));
  group = host.restored();
  EXPECT_EQ(count(ask(beat("b", 3)).assignment), 0u) << "a has not revoked yet";
  EXPECT_EQ(ask(beat("a", 2, told.assignment)).epoch, 3);
  EXPECT_EQ(count(ask(beat("b", 3)).assignment), 2u);
  group = host.restored();
  EXPECT_EQ(group->state_name(), "Stable");
  EXPECT_EQ(ask(beat("b", 3)).error, ErrorCode::none);
  host.pass(session_ms + 1);
  EXPECT_EQ(group->state_name(), "Empty") << "who does not come back in a session's time is gone";
}

TEST_F(ConsumerGroupTest, TheTopicsHashIsKafkas) {
  host.set_topic_id("t", Uuid{0x0123456789abcdef, 0xfedcba9876543210});
  host.set_topic("t", 2);
  ask(joining("a"));
  std::uint64_t hash = 0;
  for (const ConsumerGroupRecord& record : host.written)
    if (const auto* epoch = std::get_if<GroupEpochRecord>(&record)) hash = epoch->value->metadata_hash;
  EXPECT_EQ(hash, 0x3823106216664494u) << "as its coordinator computes it";
}

// ---- members of the classic protocol ----

TEST_F(ConsumerGroupTest, AClassicMemberIsServedBesideOthers) {
  ask(joining("a"));
  auto unknown = classic("");
  unknown.member_id_required = true;
  const JoinAnswer told = ask(unknown);
  ASSERT_EQ(told.error, ErrorCode::member_id_required);
  const JoinAnswer joined = ask(classic(told.member_id));
  ASSERT_EQ(joined.error, ErrorCode::none);
  EXPECT_EQ(joined.generation, 3);
  EXPECT_EQ(joined.protocol, "range");
  EXPECT_NE(joined.leader, joined.member_id) << "the broker assigns";
  EXPECT_THAT(parse_assignment(sync(joined).assignment)->partitions, IsEmpty());
  const auto heartbeat = [&](std::int32_t generation) {
    return group->classic_heartbeat(joined.member_id, std::nullopt, generation);
  };
  EXPECT_EQ(heartbeat(3), ErrorCode::none) << "it waits for what a still holds";
  const HeartbeatAnswer shrunk = ask(beat("a", 2));
  ask(beat("a", 2, shrunk.assignment));
  EXPECT_EQ(heartbeat(3), ErrorCode::rebalance_in_progress) << "now it may have them";
  const JoinAnswer again = ask(classic(joined.member_id));
  EXPECT_THAT(parse_assignment(sync(again).assignment)->partitions.at("t"), testing::SizeIs(2));
  EXPECT_EQ(heartbeat(2), ErrorCode::illegal_generation);
  EXPECT_EQ(heartbeat(3), ErrorCode::none);
  EXPECT_EQ(group->check_commit({joined.member_id, std::nullopt, 3, false, 8}, {}), ErrorCode::none);
}

TEST_F(ConsumerGroupTest, AClassicMemberThatDoesNotJoinAgainOrSyncIsFenced) {
  ask(joining("a"));
  const JoinAnswer c = ask(classic("c"));
  for (int i = 0; i < 13 && group->members().contains("c"); ++i) {
    host.pass(5'000);
    ask(beat("a", group->members().at("a").current.epoch));
    group->classic_heartbeat("c", std::nullopt, c.generation);
  }
  EXPECT_EQ(group->classic_heartbeat("c", std::nullopt, c.generation), ErrorCode::unknown_member_id)
      << "it never synced";
}

TEST_F(ConsumerGroupTest, TheLastMemberOfTheConsumerProtocolLeavingMakesAClassicGroup) {
  ask(joining("a"));
  ask(classic("c"));
  ask(beat("a", leave_epoch));
  EXPECT_EQ(host.downgraded_without, (std::set<std::string>{"a"}));
  EXPECT_TRUE(host.downgrade_rebalances);
}

TEST_F(ConsumerGroupTest, WhereDowngradesAreForbiddenTheGroupStays) {
  host.limits.downgrade_allowed = false;
  ask(joining("a"));
  ask(classic("c"));
  ask(beat("a", leave_epoch));
  EXPECT_FALSE(host.downgraded_without);
  EXPECT_THAT(group->members(), ElementsAre(testing::Key("c")));
}

TEST_F(ConsumerGroupTest, AClassicMemberMustOfferWhatTheOthersHave) {
  ask(joining("a"));
  ask(classic("c"));
  auto other = classic("d");
  other.protocols.front().name = "mine";
  EXPECT_EQ(ask(other).error, ErrorCode::inconsistent_group_protocol);
  other = classic("d");
  other.protocol_type = "connect";
  EXPECT_EQ(ask(other).error, ErrorCode::inconsistent_group_protocol);
  other = classic("d");
  other.protocols.front().metadata.resize(3);
  EXPECT_EQ(ask(other).error, ErrorCode::inconsistent_group_protocol) << "malformed";
}

TEST_F(ConsumerGroupTest, ClassicMembersLeaveTogether) {
  ask(joining("a"));
  ask(classic("c"));
  ask(classic("d", std::nullopt));
  const std::int32_t before = group->epoch();
  std::vector<ErrorCode> errors;
  group->leave({{"c", std::nullopt}, {"x", std::nullopt}, {"d", std::nullopt}},
               [&](std::vector<ErrorCode> answer) { errors = std::move(answer); });
  EXPECT_THAT(errors, ElementsAre(ErrorCode::none, ErrorCode::unknown_member_id, ErrorCode::none));
  EXPECT_EQ(group->epoch(), before + 1);
}

}  // namespace
}  // namespace sluice::broker
