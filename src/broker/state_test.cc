// What is kept over restarts: topics, settings, groups' offsets, producer ids.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "broker/broker_fixture.h"
#include "broker/topic_table.h"
#include "wire/generated/delete_topics_request.h"
#include "wire/generated/delete_topics_response.h"
#include "wire/generated/describe_configs_request.h"
#include "wire/generated/describe_configs_response.h"
#include "wire/generated/find_coordinator_request.h"
#include "wire/generated/find_coordinator_response.h"
#include "wire/generated/incremental_alter_configs_request.h"
#include "wire/generated/incremental_alter_configs_response.h"
#include "wire/generated/init_producer_id_request.h"
#include "wire/generated/init_producer_id_response.h"
#include "wire/generated/join_group_request.h"
#include "wire/generated/join_group_response.h"
#include "wire/generated/metadata_request.h"
#include "wire/generated/metadata_response.h"
#include "wire/generated/offset_commit_request.h"
#include "wire/generated/offset_commit_response.h"
#include "wire/generated/offset_fetch_request.h"
#include "wire/generated/offset_fetch_response.h"
#include "wire/generated/sync_group_request.h"
#include "wire/generated/sync_group_response.h"

namespace sluice::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::ErrorCode;

class State : public BrokerTest {
 protected:
  wire::MetadataResponse::MetadataResponseTopic metadata(const std::string& topic, bool create = false) {
    wire::MetadataRequest request;
    request.topics.emplace().push_back({{}, topic});
    request.allow_auto_topic_creation = create;
    TestClient c = client();
    return c.call(request, 12).topics.at(0);
  }
  std::int16_t remove(const std::string& topic) {
    wire::DeleteTopicsRequest request;
    request.topics.push_back({topic, {}});
    TestClient c = client();
    return c.call(request).responses.at(0).error_code;
  }
  std::int16_t commit(const std::string& group, std::int64_t offset, const std::string& metadata = "note") {
    wire::OffsetCommitRequest request;
    request.group_id = group;
    wire::OffsetCommitRequest::OffsetCommitRequestPartition partition;
    partition.committed_offset = offset;
    partition.committed_metadata = metadata;
    request.topics.push_back({"events", {}, {partition}});
    TestClient c = client();
    return c.call(request, 9).topics.at(0).partitions.at(0).error_code;
  }
  wire::OffsetFetchResponse::OffsetFetchResponsePartitions committed(const std::string& group) {
    wire::OffsetFetchRequest request;
    auto& asked = request.groups.emplace_back();
    asked.group_id = group;
    asked.topics.emplace().push_back({"events", {}, {0}});
    TestClient c = client();
    return c.call(request, 8).groups.at(0).topics.at(0).partitions.at(0);
  }
};

TEST_F(State, CommittedOffsetsSurviveAPowerCut) {
  start();
  create("events", 1);
  EXPECT_EQ(committed("g").committed_offset, -1);
  for (std::int64_t offset = 1; offset <= 30; ++offset) ASSERT_EQ(commit("g", offset), 0);
  EXPECT_EQ(commit("other", 7), 0);
  crash(sim::Crash::all_lost);
  start();
  EXPECT_EQ(committed("g").committed_offset, 30);
  EXPECT_EQ(committed("g").metadata, "note");
  EXPECT_EQ(committed("other").committed_offset, 7);
}

TEST_F(State, ACommitThatIsTooLongOrForNoTopicIsRefused) {
  start({{"offset.metadata.max.bytes", "10"}});
  create("events", 1);
  EXPECT_EQ(commit("g", 1, std::string(11, 'x')), wire::number(ErrorCode::offset_metadata_too_large));
  EXPECT_EQ(remove("events"), 0);
  EXPECT_EQ(commit("g", 1), wire::number(ErrorCode::unknown_topic_or_partition));
}

TEST_F(State, AMemberKeepsItsGenerationOverARestart) {
  start();
  create("events", 1);
  std::string member;
  {
    TestClient c = client();
    wire::JoinGroupRequest join;
    join.group_id = "g";
    join.session_timeout_ms = 30'000;
    join.rebalance_timeout_ms = 30'000;
    join.protocol_type = "consumer";
    join.protocols.push_back({"range", as_bytes(std::string_view("m"))});
    const auto told = c.call(join);
    ASSERT_EQ(told.error_code, wire::number(ErrorCode::member_id_required));
    join.member_id = member = told.member_id;
    const auto joined = c.call(join);
    ASSERT_EQ(joined.error_code, 0);
    EXPECT_EQ(joined.members.size(), 1u);
    wire::SyncGroupRequest sync;
    sync.group_id = "g";
    sync.member_id = member;
    sync.generation_id = joined.generation_id;
    sync.protocol_type = joined.protocol_type;
    sync.protocol_name = joined.protocol_name;
    sync.assignments.push_back({member, as_bytes(std::string_view("part 0"))});
    EXPECT_EQ(as_text(c.call(sync).assignment), "part 0");
  }
  crash(sim::Crash::all_lost);
  start();
  TestClient c = client();
  wire::SyncGroupRequest sync;
  sync.group_id = "g";
  sync.member_id = member;
  sync.generation_id = 1;
  sync.protocol_type = "consumer";
  sync.protocol_name = "range";
  const auto synced = c.call(sync);
  EXPECT_EQ(synced.error_code, 0);
  EXPECT_EQ(as_text(synced.assignment), "part 0");
  EXPECT_EQ(commit("g", 5), wire::number(ErrorCode::unknown_member_id)) << "the group has a member";
}

TEST_F(State, ATopicMadeAgainHasAnotherIdAndNoneOfItsRecords) {
  start();
  create("events", 1);
  const Uuid first = metadata("events").topic_id;
  TestClient c = client();
  produce(c, "events", 0, {"old"});
  commit("g", 1);
  EXPECT_EQ(remove("events"), 0);
  EXPECT_EQ(remove("events"), wire::number(ErrorCode::unknown_topic_or_partition));
  EXPECT_EQ(metadata("events").error_code, wire::number(ErrorCode::unknown_topic_or_partition));
  create("events", 1);
  EXPECT_NE(metadata("events").topic_id, first);
  EXPECT_TRUE(read_all("events", 0).empty());
  EXPECT_EQ(committed("g").committed_offset, -1);
  auto by_id = fetch_request("", 0, 0);
  by_id.topics[0].topic_id = first;
  EXPECT_EQ(c.call(by_id, 13).responses[0].partitions[0].error_code,
            wire::number(ErrorCode::unknown_topic_id));
}

TEST_F(State, ADeletedTopicStaysDeletedAfterAPowerCutAndAWaitingFetchIsTold) {
  start();
  create("events", 1);
  TestClient waiting = client();
  auto request = fetch_request("events", 0, 0);
  request.max_wait_ms = 15'000;
  waiting.send(request, 12);
  while (metadata("events").error_code != 0) {
  }
  EXPECT_EQ(remove("events"), 0);
  EXPECT_EQ(waiting.receive<wire::FetchResponse>(12).responses[0].partitions[0].error_code,
            wire::number(ErrorCode::unknown_topic_or_partition));
  crash(sim::Crash::all_lost);
  start();
  EXPECT_EQ(metadata("events").error_code, wire::number(ErrorCode::unknown_topic_or_partition));
}

TEST_F(State, EveryMomentOfMakingAndDeletingATopicSurvivesADeath) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  {
    start();
    first = fs_.operations();
    create("events", 2);
    ASSERT_EQ(remove("events"), 0);
    last = fs_.operations();
    stop();
  }
  ASSERT_GT(last, first);
  for (std::uint64_t step = 0; step < last - first; ++step) {
    start();
    fs_.fail_operation(fs_.operations() + step, sim::Fault::die);
    {
      TestClient c = client();
      wire::CreateTopicsRequest request;
      request.topics.push_back({"again", 2, 1, {}, {}});
      static_cast<void>(c.call(request));
      static_cast<void>(remove("again"));
    }
    broker_.reset();
    fs_.restart(step % 2 == 0 ? sim::Crash::all_lost : sim::Crash::torn);
    start();  // whatever was half done is finished or undone
    const auto there = metadata("again");
    if (there.error_code == 0) {
      EXPECT_EQ(there.partitions.size(), 2u) << step;
      EXPECT_EQ(remove("again"), 0) << step;
    }
    create("again", 1);
    TestClient c = client();
    EXPECT_EQ(produce(c, "again", 0, {"x"}).base_offset, 0) << step;
    EXPECT_EQ(remove("again"), 0) << step;
    stop();
  }
}

TEST_F(State, ADirectoryThatCannotBeReadIsNeverTakenForAnEmptyOne) {
  start();
  create("events", 1);
  TestClient c = client();
  ASSERT_EQ(produce(c, "events", 0, {"kept"}).error_code, 0);
  stop();
  const std::string dir = "/data/events-0";
  for (const std::string damaged : {"partition.metadata", "00000000000000000000.log"}) {
    // The list of topics is one from before the topic was made.
    auto table = *fs_.open("/data/sluice-topics", env::OpenMode::create_truncate);
    const std::string before = encode(TopicTable{});
    ASSERT_TRUE(table->write_at(0, as_bytes(before)));
    const Bytes whole = *fs_.read_file(dir + "/" + damaged, 1 << 20);
    Bytes bent = whole;
    bent[0] ^= std::byte{1};
    bent[bent.size() / 2] ^= std::byte{1};
    auto file = *fs_.open(dir + "/" + damaged, env::OpenMode::read_write);
    ASSERT_TRUE(file->write_at(0, bent));
    const auto refused = try_start();
    ASSERT_FALSE(refused) << damaged;
    EXPECT_THAT(to_string(refused.error()), HasSubstr("nothing was opened or removed"));
    ASSERT_TRUE(*fs_.exists(dir)) << damaged;
    ASSERT_TRUE(file->write_at(0, whole));
  }
}

TEST_F(State, ASecondProcessIsRefusedWithTheOwner) {
  start();
  const sim::FileSystem& disk = fs_;
  sim::FileSystem other(disk, 2);
  Options options;
  options.listen = {"127.0.0.1", 0};
  options.data_dir = "/data";
  const auto refused = Broker::start(std::move(options),
                                     {&env::posix_clock(), &other, &env::posix_net(), &env::posix_random()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("the broker was not started"));
}

TEST_F(State, AnIdThatALogKnowsIsNotGivenToANewProducer) {
  start();
  create("events", 1);
  TestClient c = client();
  const auto next = [&] {
    wire::InitProducerIdRequest idempotent;
    idempotent.transactional_id.reset();
    return client().call(idempotent, 4).producer_id;
  };
  const std::int64_t first = next();
  // As those of another cluster, whose partition was moved here.
  for (const std::int64_t id :
       {std::int64_t{1001}, std::int64_t{1002}, std::numeric_limits<std::int64_t>::max()})
    EXPECT_EQ(produce(c, "events", 0, batch({"v"}, record::Codec::none, id, 0, 0)).error_code, 0);
  stop();
  start();
  EXPECT_EQ(first, 0);
  EXPECT_EQ(next(), 1000);
  EXPECT_EQ(next(), 1003);
}

TEST_F(State, ProducerIdsAreNeverGivenTwice) {
  std::int64_t last = -1;
  for (const auto how : {sim::Crash::plain, sim::Crash::all_lost, sim::Crash::torn}) {
    start();
    TestClient c = client();
    for (int i = 0; i < 5; ++i) {
      wire::InitProducerIdRequest idempotent;
      idempotent.transactional_id.reset();
      const auto given = c.call(idempotent, 4);
      ASSERT_EQ(given.error_code, 0);
      EXPECT_GT(given.producer_id, last);
      EXPECT_EQ(given.producer_epoch, 0);
      last = given.producer_id;
    }
    crash(how);
  }
  start();
  TestClient c = client();
  wire::InitProducerIdRequest transactional;
  transactional.transactional_id = "t";
  transactional.transaction_timeout_ms = 1000;
  EXPECT_GT(c.call(transactional, 4).producer_id, last);
}

TEST_F(State, TopicSettingsAreCheckedAndKept) {
  start();
  create("events", 1);
  wire::IncrementalAlterConfigsRequest alter;
  auto& resource = alter.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "events";
  const auto set = [&](const std::string& name, const std::string& value) {
    resource.configs = {{name, 0, value}};
    TestClient c = client();
    return c.call(alter).responses.at(0);
  };
  EXPECT_EQ(set("retention.ms", "1000").error_code, 0);
  EXPECT_EQ(set("retention.ms", "soon").error_code, wire::number(ErrorCode::invalid_config));
  EXPECT_EQ(set("cleanup.policy", "compact,delete").error_code, 0);
  EXPECT_EQ(set("cleanup.policy", "compress").error_code, wire::number(ErrorCode::invalid_config));
  EXPECT_EQ(set("min.cleanable.dirty.ratio", "1.5").error_code, wire::number(ErrorCode::invalid_config));
  const auto unknown = set("retention.msec", "1");
  EXPECT_EQ(unknown.error_code, wire::number(ErrorCode::invalid_config));
  EXPECT_THAT(unknown.error_message.value_or(""), HasSubstr("did you mean retention.ms?"));
  crash(sim::Crash::all_lost);
  start();
  wire::DescribeConfigsRequest describe;
  describe.resources.push_back({2, "events", std::vector<std::string>{"retention.ms", "segment.ms"}});
  TestClient c = client();
  const auto configs = c.call(describe).results.at(0).configs;
  ASSERT_EQ(configs.size(), 2u);
  EXPECT_EQ(configs[0].value, "1000");
  EXPECT_EQ(configs[0].config_source, 1);
  EXPECT_EQ(configs[1].value, "604800000");
  EXPECT_EQ(configs[1].config_source, 5);
}

TEST_F(State, AMissingTopicIsMadeForWhoAsksIfThatIsAllowed) {
  start({{"num.partitions", "3"}});
  EXPECT_EQ(metadata("made", true).partitions.size(), 3u);
  EXPECT_EQ(metadata("not-made").error_code, wire::number(ErrorCode::unknown_topic_or_partition));
  EXPECT_EQ(metadata("not/legal", true).error_code, wire::number(ErrorCode::invalid_topic_exception));
  stop();
  start({{"auto.create.topics.enable", "false"}});
  EXPECT_EQ(metadata("other", true).error_code, wire::number(ErrorCode::unknown_topic_or_partition));
  EXPECT_EQ(metadata("made").partitions.size(), 3u);
}

TEST_F(State, BadOptionsAreRefusedWithTheNearestName) {
  const auto misspelt = try_start({{"num.partition", "3"}});
  ASSERT_FALSE(misspelt);
  EXPECT_THAT(to_string(misspelt.error()), HasSubstr("did you mean num.partitions?"));
  EXPECT_FALSE(try_start({{"num.partitions", "0"}}));
  EXPECT_FALSE(try_start({{"log.cleanup.policy", "compress"}}));
  EXPECT_FALSE(try_start({{"listeners", "PLAINTEXT://0.0.0.0:9092"}}));
  Options open;
  open.listen = {"0.0.0.0", 0};
  open.data_dir = "/data";
  const auto refused =
      Broker::start(open, {&env::posix_clock(), &fs_, &env::posix_net(), &env::posix_random()});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("only SASL_SSL"));
}

TEST_F(State, WhatIsDamagedAboveTheDurableWatermarkComesBackFromTheJournal) {
  start();
  create("events", 1);
  {
    TestClient c = client();
    produce(c, "events", 0, {"a"});
    produce(c, "events", 0, {"b"});
  }
  crash(sim::Crash::all_lost);
  start();
  EXPECT_THAT(notices(), HasSubstr("came back from the journal"));
  EXPECT_THAT(read_all("events", 0), ElementsAre("a", "b"));
}

TEST_F(State, DamageBelowTheDurableWatermarkHaltsThatPartitionAlone) {
  start();
  create("events", 2);
  {
    TestClient c = client();
    produce(c, "events", 0, {"a"});
    produce(c, "events", 0, {"b"});
    produce(c, "events", 1, {"fine"});
  }
  stop();  // so that the segments are durable by themselves, without the journal
  ASSERT_TRUE(fs_.remove_file("/data/.kafka_cleanshutdown"));  // or they would be trusted unread
  auto file = fs_.open("/data/events-0/00000000000000000000.log", env::OpenMode::read_write);
  ASSERT_TRUE(file);
  const auto size = (*file)->size();
  ASSERT_TRUE(size);
  Bytes last(1);
  ASSERT_TRUE((*file)->read_at(*size - 2, last));
  last[0] ^= std::byte{0x40};
  ASSERT_TRUE((*file)->write_at(*size - 2, last));
  file->reset();
  start();
  EXPECT_THAT(notices(), HasSubstr("events-0: halted"));
  TestClient c = client();
  EXPECT_EQ(produce(c, "events", 0, {"c"}).error_code, wire::number(ErrorCode::kafka_storage_error));
  EXPECT_EQ(produce(c, "events", 1, {"more"}).base_offset, 1);
  const auto damaged = c.call(fetch_request("events", 0, 1), 12).responses[0].partitions[0];
  EXPECT_EQ(damaged.error_code, wire::number(ErrorCode::kafka_storage_error))
      << "never served, never skipped";
  const auto beyond = c.call(fetch_request("events", 0, 2), 12).responses[0].partitions[0];
  EXPECT_EQ(beyond.error_code, wire::number(ErrorCode::kafka_storage_error))
      << "out of range would be a reset";
  EXPECT_THAT(read_all("events", 0), testing::Contains("a")) << "what lies before is served";
}

}  // namespace
}  // namespace sluice::broker
