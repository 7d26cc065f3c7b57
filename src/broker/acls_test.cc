#include "broker/acls.h"

#include <gtest/gtest.h>

#include "broker/settings.h"

namespace sluice::broker {
namespace {

Session session_of(const std::string& user, const std::string& host = "10.0.0.1") {
  return {nullptr, {"User", user}, host};
}

Acl rule(const std::string& user, AclOperation operation, const std::string& topic,
         Permission permission = Permission::allow, PatternType pattern = PatternType::literal,
         const std::string& host = "*") {
  return {ResourceType::topic, topic, pattern, "User:" + user, host, operation, permission};
}

Acls enforced(std::set<Acl> rules, std::string_view super_users = "", bool allow_without_rule = false) {
  Acls acls;
  acls.configure(true, super_users, allow_without_rule);
  acls.replace(std::move(rules));
  return acls;
}

bool may(const Acls& acls, const Session& session, AclOperation operation, std::string_view topic) {
  return acls.allows(session, operation, ResourceType::topic, topic);
}

TEST(Acls, WithoutAnAuthorizerEverythingIsAllowed) {
  const Acls acls;
  EXPECT_TRUE(may(acls, session_of("alice"), AclOperation::write, "t"));
  EXPECT_FALSE(may(enforced({}), session_of("alice"), AclOperation::write, "t"));
}

TEST(Acls, WhatIsDeniedStaysDeniedWhateverAllowsIt) {
  const Acls acls = enforced({rule("alice", AclOperation::all, "*"), rule("alice", AclOperation::read, "t"),
                              rule("*", AclOperation::read, "t", Permission::deny)});
  EXPECT_FALSE(may(acls, session_of("alice"), AclOperation::read, "t"));
  EXPECT_TRUE(may(acls, session_of("alice"), AclOperation::write, "t"));
  EXPECT_TRUE(may(acls, session_of("alice"), AclOperation::read, "other"));
}

TEST(Acls, ReadingAllowsDescribingAndNotTheOtherWayRound) {
  const Acls acls =
      enforced({rule("alice", AclOperation::read, "t"), rule("bob", AclOperation::describe, "t"),
                rule("carol", AclOperation::alter_configs, "t")});
  EXPECT_TRUE(may(acls, session_of("alice"), AclOperation::describe, "t"));
  EXPECT_FALSE(may(acls, session_of("alice"), AclOperation::write, "t"));
  EXPECT_FALSE(may(acls, session_of("bob"), AclOperation::read, "t"));
  EXPECT_TRUE(may(acls, session_of("carol"), AclOperation::describe_configs, "t"));
}

TEST(Acls, APrefixCoversWhatBeginsWithItAndAHostOnlyItself) {
  const Acls acls =
      enforced({rule("alice", AclOperation::write, "app-", Permission::allow, PatternType::prefixed),
                rule("bob", AclOperation::write, "t", Permission::allow, PatternType::literal, "10.0.0.2")});
  EXPECT_TRUE(may(acls, session_of("alice"), AclOperation::write, "app-1"));
  EXPECT_FALSE(may(acls, session_of("alice"), AclOperation::write, "app"));
  EXPECT_FALSE(may(acls, session_of("bob"), AclOperation::write, "t"));
  EXPECT_TRUE(may(acls, session_of("bob", "10.0.0.2"), AclOperation::write, "t"));
}

TEST(Acls, ASuperUserIsAskedNothingAndAResourceWithoutRulesFollowsTheSetting) {
  const Acls acls = enforced({rule("bob", AclOperation::read, "t")}, "User:root; User:ops", true);
  EXPECT_TRUE(may(acls, session_of("root"), AclOperation::alter, "t"));
  EXPECT_TRUE(may(acls, session_of("ops"), AclOperation::alter, "t"));
  EXPECT_FALSE(may(acls, session_of("alice"), AclOperation::read, "t")) << "others have a rule for it";
  EXPECT_TRUE(may(acls, session_of("alice"), AclOperation::read, "untold"));
}

TEST(Acls, SomeTopicMayBeWrittenWhereOneRuleIsNotWhollyDenied) {
  const auto some = [](std::set<Acl> rules) {
    return enforced(std::move(rules))
        .allows_any(session_of("alice"), AclOperation::write, ResourceType::topic);
  };
  EXPECT_FALSE(some({}));
  EXPECT_TRUE(some({rule("alice", AclOperation::write, "t")}));
  EXPECT_FALSE(some(
      {rule("alice", AclOperation::write, "t"), rule("alice", AclOperation::write, "t", Permission::deny)}));
  EXPECT_FALSE(some({rule("alice", AclOperation::write, "app-1"),
                     rule("alice", AclOperation::all, "app", Permission::deny, PatternType::prefixed)}));
  EXPECT_FALSE(
      some({rule("alice", AclOperation::write, "t"), rule("*", AclOperation::all, "*", Permission::deny)}));
}

TEST(AclFilter, MatchFindsEveryRuleThatAppliesToAName) {
  const Acl literal = rule("a", AclOperation::read, "app-1");
  const Acl prefix = rule("a", AclOperation::read, "app-", Permission::allow, PatternType::prefixed);
  const Acl star = rule("a", AclOperation::read, "*");
  AclFilter filter;
  filter.resource_name = "app-1";
  filter.pattern_type = PatternType::match;
  for (const Acl& acl : {literal, prefix, star}) EXPECT_TRUE(filter.matches(acl));
  EXPECT_FALSE(filter.matches(rule("a", AclOperation::read, "app-2")));
  filter.pattern_type = PatternType::any;
  EXPECT_TRUE(filter.matches(literal));
  EXPECT_FALSE(filter.matches(prefix));
  filter = {};
  filter.principal = "User:b";
  EXPECT_FALSE(filter.matches(literal));
}

SettingsState some_state() {
  SettingsState state;
  state.values[{ConfigResource::broker, ""}] = {{"log.retention.ms", "5"}};
  state.values[{ConfigResource::group, "a group\n%"}] = {{"consumer.session.timeout.ms", "50000"}};
  state.acls = {rule("al ice", AclOperation::read, "t"), rule("", AclOperation::write, "\xc3\xa9")};
  state.scram[{"user", ScramMechanism::sha_512}] = {to_owned(as_bytes("salt")), Bytes(64), Bytes(64), 4096};
  return state;
}

TEST(Settings, AreReadBackAndAnyChangedByteIsSeen) {
  const std::string text = encode(some_state());
  const auto read = parse_settings(text);
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(*read, some_state());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string bad = text;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(parse_settings(bad)) << i;
    EXPECT_FALSE(parse_settings(text.substr(0, i))) << i;
  }
}

}  // namespace
}  // namespace sluice::broker
