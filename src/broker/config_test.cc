#include "broker/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/fetch_session.h"
#include "broker/group_records.h"
#include "broker/options.h"
#include "broker/properties_file.h"
#include "broker/topic_table.h"

namespace sluice::broker {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Config, ATopicFallsBackToTheServersValueInItsFinestUnit) {
  ServerConfig server;
  EXPECT_EQ(resolve(server, {}).retention_ms, 168LL * 3600 * 1000);
  ASSERT_TRUE(server.set("log.retention.hours", "2"));
  EXPECT_EQ(resolve(server, {}).retention_ms, 7'200'000);
  ASSERT_TRUE(server.set("log.retention.minutes", "3"));
  EXPECT_EQ(resolve(server, {}).retention_ms, 180'000);
  ASSERT_TRUE(server.set("log.retention.ms", "5"));
  EXPECT_EQ(resolve(server, {}).retention_ms, 5);
  EXPECT_EQ(resolve(server, {{"retention.ms", "-1"}}).retention_ms, -1);
}

TEST(Config, ACleanupPolicyIsAListOfWords) {
  ServerConfig server;
  EXPECT_TRUE(resolve(server, {}).deletes);
  EXPECT_FALSE(resolve(server, {}).compacts);
  const auto policy = [&](const char* text) { return resolve(server, {{"cleanup.policy", text}}); };
  for (const char* const both : {"compact,delete", "delete, compact", " compact ,delete"}) {
    ASSERT_TRUE(check_topic_values({{"cleanup.policy", both}}));
    EXPECT_TRUE(policy(both).deletes && policy(both).compacts) << both;
  }
  EXPECT_TRUE(policy("compact").compacts && !policy("compact").deletes);
  EXPECT_FALSE(policy("").compacts || policy("").deletes) << "neither: everything stays";
  for (const char* const bad : {"Compact", "compact;delete", "compact,", "none"})
    EXPECT_FALSE(check_topic_values({{"cleanup.policy", bad}})) << bad;
}

TEST(Config, EveryTopicPropertyHasItsServerProperty) {
  for (const TopicProperty& property : topic_properties())
    EXPECT_NE(find_server_property(property.server_name), nullptr) << property.name;
}

TEST(Config, ANameOfKafkasWithoutEffectIsTakenCheckedAndNamed) {
  ServerConfig server;
  ASSERT_TRUE(server.set("num.network.threads", "5"));
  EXPECT_FALSE(server.set("num.network.threads", "many"));
  EXPECT_THAT(server.without_effect(), ElementsAre("num.network.threads"));
  EXPECT_EQ(server.value("num.network.threads"), "5");
  EXPECT_FALSE(server.set("num.network.thread", "5"));
  EXPECT_FALSE(ServerConfig::knows("num.network.thread"));
  ASSERT_TRUE(server.set("listener.name.sasl_ssl.ssl.client.auth", "required"));
  EXPECT_FALSE(server.set("listener.name.sasl_ssl.ssl.client.auth", "maybe"));
  EXPECT_FALSE(server.set("listener.name.sasl_ssl.log.dirs", "x"));
}

TEST(Config, EveryDefaultIsAValueThatIsAllowed) {
  for (const ServerProperty& property : server_properties()) {
    if (property.default_value == nullptr) continue;
    EXPECT_TRUE(check_value(property, property.default_value)) << property.name;
  }
}

TEST(PropertiesFile, IsReadAsKafkaReadsIt) {
  const auto properties = parse_properties_file("# comment\n a = b \r\n\nc:d=e\n! more\n", "f");
  ASSERT_TRUE(properties);
  EXPECT_THAT(*properties, ElementsAre(Pair("a", "b"), Pair("c", "d=e")));
  const auto bad = parse_properties_file("a=b\nnothing\n", "f");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message.substr(0, 4), "f:2:");
}

TEST(PropertiesFile, ValuesGoOnOverLinesAndHoldEscapes) {
  const auto properties =
      parse_properties_file("key = one \\\n   two\npem=a\\nb\nback\\\\=x\\\\\nlast=1\n", "f");
  ASSERT_TRUE(properties);
  EXPECT_THAT(*properties, ElementsAre(Pair("key", "one two"), Pair("pem", "a\nb"), Pair("back\\", "x\\"),
                                       Pair("last", "1")));
}

TEST(TopicSpec, IsANameWithOrWithoutPartitions) {
  EXPECT_EQ(parse_topic_spec("events:4")->partition_count, 4);
  EXPECT_EQ(parse_topic_spec("events")->partition_count, 0);
  for (const char* bad : {"", ":4", "events:", "events:0", "events:x", "a/b:1"})
    EXPECT_FALSE(parse_topic_spec(bad)) << bad;
}

TEST(TopicValues, ListsThatHaveNoEffectHaveTheirFormAllTheSame) {
  for (const char* name :
       {"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"}) {
    for (const char* good : {"", "*", "0:1", "0:1, 2:3"})
      EXPECT_TRUE(check_topic_values({{name, good}})) << good;
    for (const char* bad : {"x", "0", "0:", ":1", "0:1\n", "*,0:1", "x\ntopic deleted"})
      EXPECT_FALSE(check_topic_values({{name, bad}})) << bad << ": the table of topics has lines";
  }
  ServerConfig config;
  EXPECT_FALSE(config.set("group.consumer.assignors", "")) << "the first one is the default";
}

TEST(TopicValues, NumbersThatHaveNoEffectKeepToKafkasBoundsAllTheSame) {
  EXPECT_TRUE(check_topic_values({{"flush.messages", "1"}}));
  EXPECT_FALSE(check_topic_values({{"flush.messages", "0"}}));
  EXPECT_TRUE(check_topic_values({{"flush.ms", "0"}}));
  EXPECT_FALSE(check_topic_values({{"flush.ms", "-1"}}));
  EXPECT_TRUE(check_topic_values({{"local.retention.ms", "-2"}, {"local.retention.bytes", "-2"}}));
  EXPECT_FALSE(check_topic_values({{"local.retention.ms", "-3"}}));
}

TEST(TopicTable, IsReadBackAndAnyChangedByteIsSeen) {
  TopicTable table;
  table.starts = 7;
  table.topics.push_back({"events", Uuid{1, 2}, 4, 3, false, {{"retention.ms", "5"}, {"segment.ms", "9"}}});
  table.topics.push_back({"gone", Uuid{3, 4}, 1, 0, true, {}});
  const std::string text = encode(table);
  const auto read = parse_topic_table(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, table);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string bad = text;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(parse_topic_table(bad)) << i;
    EXPECT_FALSE(parse_topic_table(text.substr(0, i))) << i;
  }
}

TEST(GroupRecords, AreReadBackAndCutOnesRefused) {
  const CommittedOffset committed{Offset{42}, LeaderEpoch{3}, "note", 1234};
  const GroupRecord offset = offset_record("g", {"events", PartitionId{2}}, committed);
  const auto change = parse_group_record(offset.key, BytesView(*offset.value));
  ASSERT_TRUE(change);
  EXPECT_EQ(std::get<OffsetChange>(*change).committed, committed);
  GroupSnapshot snapshot;
  snapshot.protocol_type = "consumer";
  snapshot.generation = 5;
  snapshot.protocol = "range";
  snapshot.members.push_back({"m", "i", "c", "/h", 1, 2, Bytes(3), Bytes(4)});
  const GroupRecord group = group_record("g", snapshot);
  const auto read = parse_group_record(group.key, BytesView(*group.value));
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<GroupChange>(*read).snapshot->members.at(0).assignment.size(), 4u);
  for (std::size_t i = 0; i < group.value->size(); ++i)
    EXPECT_FALSE(parse_group_record(group.key, BytesView(*group.value).first(i))) << i;
}

TEST(GroupRecords, AGroupsPartitionIsThatOfJavasHash) {
  EXPECT_EQ(group_partition("g1", 50), ('g' * 31 + '1') % 50);
  EXPECT_EQ(group_partition("polygenelubricants", 50), 0)
      << "its hash is the smallest int, which has no absolute";
}

TEST(FetchSessions, ACacheThatIsFullOfUsedSessionsGivesNone) {
  FetchSessions sessions;
  sessions.set_slots_max(2);
  const env::Instant now{std::chrono::hours(1)};
  const auto a = sessions.create(5, now);
  ASSERT_TRUE(a);
  EXPECT_TRUE(sessions.create(5, now)) << "another id where it is taken";
  EXPECT_FALSE(sessions.create(6, now));
  EXPECT_TRUE(sessions.create(6, now + std::chrono::minutes(3)))
      << "the oldest goes when nobody used it lately";
  EXPECT_EQ(next_session_epoch(2147483647), 1);
}

TEST(FetchSessions, AllOfThemTogetherRememberABoundedNumberOfPartitions) {
  FetchSessions sessions;
  const auto session = sessions.create(5, env::Instant{});
  for (int i = 0; i < 10; ++i) {
    FetchEntry entry;
    entry.partition = i;
    session->put(entry);
  }
  EXPECT_TRUE(sessions.has_room(FetchSessions::entries_of_all_max - 10));
  EXPECT_FALSE(sessions.has_room(FetchSessions::entries_of_all_max - 9));
}

TEST(FetchSessions, APartitionThatGaveRecordsLetsOthersGoFirst) {
  FetchSession session;
  for (int i = 0; i < 3; ++i) {
    FetchEntry entry;
    entry.topic = "t";
    entry.partition = i;
    session.put(entry);
  }
  session.tell({Uuid{}, 0, "t"}, 10, 0, true);
  session.drop({Uuid{}, 1, "t"});
  ASSERT_EQ(session.entries.size(), 2u);
  EXPECT_EQ(session.entries.front().partition, 2);
  EXPECT_EQ(session.entries.back().told_high_watermark, 10);
}

}  // namespace
}  // namespace sluice::broker
