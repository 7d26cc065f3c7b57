// The admin APIs: settings, log directories, leaders, features, credentials.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "broker/broker_fixture.h"
#include "wire/generated/alter_configs_request.h"
#include "wire/generated/alter_configs_response.h"
#include "wire/generated/alter_partition_reassignments_request.h"
#include "wire/generated/alter_partition_reassignments_response.h"
#include "wire/generated/alter_replica_log_dirs_request.h"
#include "wire/generated/alter_replica_log_dirs_response.h"
#include "wire/generated/alter_user_scram_credentials_request.h"
#include "wire/generated/alter_user_scram_credentials_response.h"
#include "wire/generated/api_versions_request.h"
#include "wire/generated/api_versions_response.h"
#include "wire/generated/create_partitions_request.h"
#include "wire/generated/create_partitions_response.h"
#include "wire/generated/describe_log_dirs_request.h"
#include "wire/generated/describe_log_dirs_response.h"
#include "wire/generated/describe_user_scram_credentials_request.h"
#include "wire/generated/describe_user_scram_credentials_response.h"
#include "wire/generated/elect_leaders_request.h"
#include "wire/generated/elect_leaders_response.h"
#include "wire/generated/incremental_alter_configs_request.h"
#include "wire/generated/incremental_alter_configs_response.h"
#include "wire/generated/list_config_resources_request.h"
#include "wire/generated/list_config_resources_response.h"
#include "wire/generated/update_features_request.h"
#include "wire/generated/update_features_response.h"

namespace sluice::broker {
namespace {

using testing::ElementsAre;
using wire::ErrorCode;
using wire::number;

constexpr std::int8_t topic_resource = 2;
constexpr std::int8_t broker_resource = 4;
constexpr std::int8_t group_resource = 32;
constexpr std::int8_t op_set = 0;
constexpr std::int8_t op_delete = 1;
constexpr std::int8_t op_append = 2;
constexpr std::int8_t op_subtract = 3;

class AdminTest : public BrokerTest {
 protected:
  using Config = wire::IncrementalAlterConfigsRequest::AlterableConfig;

  std::int16_t alter(std::int8_t type, const std::string& name, std::vector<Config> configs,
                     bool validate_only = false) {
    wire::IncrementalAlterConfigsRequest request;
    request.resources.push_back({type, name, std::move(configs)});
    request.validate_only = validate_only;
    TestClient c = client();
    return c.call(request).responses.at(0).error_code;
  }
  using Described = wire::DescribeConfigsResponse::DescribeConfigsResourceResult;
  std::map<std::string, Described> describe(std::int8_t type, const std::string& name) {
    wire::DescribeConfigsRequest request;
    request.resources.push_back({type, name, std::nullopt});
    request.include_synonyms = true;
    TestClient c = client();
    const auto response = c.call(request);
    EXPECT_EQ(response.results.at(0).error_code, 0);
    std::map<std::string, Described> out;
    for (const auto& config : response.results.at(0).configs) out[config.name] = config;
    return out;
  }
};

TEST_F(AdminTest, ATopicsSettingsAreSetRemovedAndKeptOverARestart) {
  start();
  create("t", 1);
  EXPECT_EQ(alter(topic_resource, "t", {{"retention.ms", op_set, "1000"}, {"flush.ms", op_set, "5"}}), 0);
  EXPECT_EQ(alter(topic_resource, "t", {{"retention.ms", op_set, "7"}}, true), 0) << "only looked at";
  stop();
  start();
  auto seen = describe(topic_resource, "t");
  EXPECT_EQ(seen["retention.ms"].value, "1000");
  EXPECT_EQ(seen["retention.ms"].config_source, 1);
  EXPECT_EQ(seen["flush.ms"].value, "5");
  EXPECT_EQ(alter(topic_resource, "t", {{"retention.ms", op_delete, std::nullopt}}), 0);
  seen = describe(topic_resource, "t");
  EXPECT_EQ(seen["retention.ms"].value, "604800000");
  EXPECT_EQ(seen["retention.ms"].config_source, 5);
}

TEST_F(AdminTest, AllChangesOfAResourceHappenOrNone) {
  start();
  create("t", 1);
  EXPECT_EQ(alter(topic_resource, "t", {{"retention.ms", op_set, "1000"}, {"segment.bytes", op_set, "-1"}}),
            number(ErrorCode::invalid_config));
  EXPECT_EQ(alter(topic_resource, "t", {{"retention.ms", op_set, "1000"}, {"no.such", op_set, "1"}}),
            number(ErrorCode::invalid_config));
  EXPECT_EQ(alter(topic_resource, "t", {{"retention.ms", op_set, "1"}, {"retention.ms", op_set, "2"}}),
            number(ErrorCode::invalid_request));
  EXPECT_EQ(alter(topic_resource, "t", {{"retention.ms", op_set, std::nullopt}}),
            number(ErrorCode::invalid_request));
  EXPECT_EQ(alter(topic_resource, "t", {{"remote.storage.enable", op_set, "true"}}),
            number(ErrorCode::invalid_config));
  EXPECT_EQ(describe(topic_resource, "t")["retention.ms"].value, "604800000");
  EXPECT_EQ(alter(topic_resource, "missing", {}), number(ErrorCode::unknown_topic_or_partition));
}

TEST_F(AdminTest, ListsGrowAndShrinkItemByItemAndOtherSettingsDoNot) {
  start();
  create("t", 1);
  const std::string list = "leader.replication.throttled.replicas";
  EXPECT_EQ(alter(topic_resource, "t", {{list, op_append, "0:1,1:1"}}), 0);
  EXPECT_EQ(alter(topic_resource, "t", {{list, op_append, "1:1,2:1"}}), 0);
  EXPECT_EQ(describe(topic_resource, "t")[list].value, "0:1,1:1,2:1");
  EXPECT_EQ(alter(topic_resource, "t", {{list, op_subtract, "1:1,9:9"}}), 0);
  EXPECT_EQ(describe(topic_resource, "t")[list].value, "0:1,2:1");
  EXPECT_EQ(alter(topic_resource, "t", {{"retention.ms", op_append, "1"}}),
            number(ErrorCode::invalid_config));
}

TEST_F(AdminTest, ABrokersSettingReachesTopicsThatDoNotSayAndSurvivesARestart) {
  start({{"log.retention.ms", "50"}});
  create("t", 1);
  EXPECT_EQ(describe(topic_resource, "t")["retention.ms"].value, "50");
  EXPECT_EQ(alter(broker_resource, "", {{"log.retention.ms", op_set, "60"}}), 0);
  EXPECT_EQ(describe(topic_resource, "t")["retention.ms"].config_source, 3);
  EXPECT_EQ(alter(broker_resource, "1", {{"log.retention.ms", op_set, "70"}}), 0);
  stop();
  start({{"log.retention.ms", "50"}});
  const auto seen = describe(topic_resource, "t")["retention.ms"];
  EXPECT_EQ(seen.value, "70");
  EXPECT_EQ(seen.config_source, 2);
  ASSERT_EQ(seen.synonyms.size(), 4u) << "this broker's, all brokers', the file's, the default";
  EXPECT_EQ(seen.synonyms[1].value, "60");
  EXPECT_EQ(seen.synonyms[2].value, "50");
  EXPECT_EQ(describe(broker_resource, "").size(), 1u);
}

TEST_F(AdminTest, WhatABrokerReadsAtItsStartOnlyIsNotChangedLater) {
  start();
  for (const char* name : {"log.dirs", "num.io.threads", "node.id", "auto.create.topics.enable"})
    EXPECT_EQ(alter(broker_resource, "1", {{name, op_set, "4"}}), number(ErrorCode::invalid_request)) << name;
  EXPECT_EQ(alter(broker_resource, "1", {{"message.max.bytes", op_set, "many"}}),
            number(ErrorCode::invalid_request));
  EXPECT_EQ(alter(broker_resource, "2", {{"message.max.bytes", op_set, "5"}}),
            number(ErrorCode::invalid_request));
}

TEST_F(AdminTest, SecretsAreNotTold) {
  start({{"ssl.key.password", "hush"}, {"num.io.threads", "9"}});
  auto seen = describe(broker_resource, "1");
  EXPECT_FALSE(seen["ssl.key.password"].value);
  EXPECT_TRUE(seen["ssl.key.password"].is_sensitive);
  for (const auto& synonym : seen["ssl.key.password"].synonyms) EXPECT_FALSE(synonym.value);
  EXPECT_EQ(seen["num.io.threads"].value, "9");
  EXPECT_THAT(notices(), testing::HasSubstr("num.io.threads")) << "said to have no effect";
}

TEST_F(AdminTest, AGroupsSettingsKeepToTheServersBounds) {
  start();
  const std::string name = "consumer.session.timeout.ms";
  EXPECT_EQ(alter(group_resource, "g", {{name, op_set, "50000"}}), 0);
  EXPECT_EQ(alter(group_resource, "g", {{name, op_set, "1"}}), number(ErrorCode::invalid_config));
  EXPECT_EQ(alter(group_resource, "g", {{"no.such", op_set, "1"}}), number(ErrorCode::invalid_config));
  EXPECT_EQ(alter(group_resource, "", {}), number(ErrorCode::invalid_request));
  const auto seen = describe(group_resource, "g")[name];
  EXPECT_EQ(seen.value, "50000");
  EXPECT_EQ(seen.config_source, 8);
  wire::ListConfigResourcesRequest list;
  list.resource_types = {group_resource};
  TestClient c = client();
  const auto listed = c.call(list);
  ASSERT_EQ(listed.config_resources.size(), 1u);
  EXPECT_EQ(listed.config_resources[0].resource_name, "g");
}

TEST_F(AdminTest, AlterConfigsTakesAwayWhatItDoesNotName) {
  start();
  create("t", 1);
  EXPECT_EQ(alter(topic_resource, "t", {{"retention.ms", op_set, "1000"}}), 0);
  wire::AlterConfigsRequest request;
  request.resources.push_back({topic_resource, "t", {{"segment.bytes", "1048576"}}});
  TestClient c = client();
  EXPECT_EQ(c.call(request).responses.at(0).error_code, 0);
  auto seen = describe(topic_resource, "t");
  EXPECT_EQ(seen["retention.ms"].value, "604800000");
  EXPECT_EQ(seen["segment.bytes"].value, "1048576");
}

TEST_F(AdminTest, TheLogDirectoryTellsTheBytesOfEachPartition) {
  start();
  create("t", 2);
  TestClient c = client();
  produce(c, "t", 1, {"a value"});
  wire::DescribeLogDirsRequest request;
  request.topics.emplace();
  request.topics->push_back({"t", {0, 1, 9}});
  request.topics->push_back({"missing", {0}});
  const auto response = c.call(request);
  ASSERT_EQ(response.results.size(), 1u);
  EXPECT_EQ(response.results[0].log_dir, "/data");
  ASSERT_EQ(response.results[0].topics.size(), 1u);
  const auto& partitions = response.results[0].topics[0].partitions;
  ASSERT_EQ(partitions.size(), 2u);
  EXPECT_EQ(partitions[0].partition_size, 0);
  EXPECT_GT(partitions[1].partition_size, 60);
  wire::AlterReplicaLogDirsRequest move;
  move.dirs.push_back({"/data", {{"t", {0, 7}}}});
  move.dirs.push_back({"/other", {{"t", {1}}}});
  const auto moved = c.call(move);
  ASSERT_EQ(moved.results.size(), 1u) << "one a topic";
  EXPECT_EQ(moved.results.at(0).partitions.at(0).error_code, 0);
  EXPECT_EQ(moved.results.at(0).partitions.at(1).error_code, number(ErrorCode::log_dir_not_found));
  EXPECT_EQ(moved.results.at(0).partitions.at(2).error_code, number(ErrorCode::unknown_topic_or_partition));
}

TEST_F(AdminTest, ATopicWhoseNameIsTooLongToBeMovedIsRefusedForItsName) {
  start();
  TestClient c = client();
  const auto error_of = [&](std::size_t letters) {
    wire::AlterReplicaLogDirsRequest move;
    move.dirs.push_back({"/other", {{std::string(letters, 'n'), {0}}}});
    return c.call(move).results.at(0).partitions.at(0).error_code;
  };
  EXPECT_EQ(error_of(213), number(ErrorCode::log_dir_not_found));
  EXPECT_EQ(error_of(214), number(ErrorCode::invalid_topic_exception));
}

TEST_F(AdminTest, EveryPartitionHasTheLeaderItPrefers) {
  start();
  create("t", 1);
  TestClient c = client();
  wire::ElectLeadersRequest all;
  EXPECT_TRUE(c.call(all).replica_election_results.empty());
  wire::ElectLeadersRequest some;
  some.topic_partitions.emplace();
  some.topic_partitions->push_back({"t", {0, 5}});
  const auto response = c.call(some);
  EXPECT_EQ(response.replica_election_results.at(0).partition_result.at(0).error_code,
            number(ErrorCode::election_not_needed));
  EXPECT_EQ(response.replica_election_results.at(0).partition_result.at(1).error_code,
            number(ErrorCode::unknown_topic_or_partition));
}

TEST_F(AdminTest, AResourceOfATypeThatDoesNotExistRefusesTheWholeDescription) {
  start();
  create("t", 1);
  TestClient c = client();
  wire::DescribeConfigsRequest request;
  request.resources.push_back({topic_resource, "t", std::nullopt});
  request.resources.push_back({99, "t", std::nullopt});
  for (const auto& result : c.call(request).results)
    EXPECT_EQ(result.error_code, number(ErrorCode::invalid_request)) << int{result.resource_type};
  request.resources.back().resource_type = 8;  // a broker's loggers: a type, of which there are none here
  EXPECT_EQ(c.call(request).results.at(0).error_code, 0);
}

TEST_F(AdminTest, APartitionCanOnlyBeMovedToWhereItIs) {
  start();
  create("t", 1);
  TestClient c = client();
  const auto move = [&](std::optional<std::vector<std::int32_t>> replicas) {
    wire::AlterPartitionReassignmentsRequest request;
    request.topics.push_back({"t", {{0, std::move(replicas)}}});
    return c.call(request).responses.at(0).partitions.at(0).error_code;
  };
  using Replicas = std::vector<std::int32_t>;
  EXPECT_EQ(move(Replicas{1}), 0);
  EXPECT_EQ(move(Replicas{2}), number(ErrorCode::invalid_replica_assignment));
  EXPECT_EQ(move(Replicas{1, 1}), number(ErrorCode::invalid_replica_assignment));
  EXPECT_EQ(move(Replicas{}), number(ErrorCode::invalid_replica_assignment));
  EXPECT_EQ(move(std::nullopt), number(ErrorCode::no_reassignment_in_progress));
}

TEST_F(AdminTest, FeaturesStayAtTheirLevel) {
  start();
  TestClient c = client();
  const auto told = c.call(wire::ApiVersionsRequest{}, 0);
  EXPECT_TRUE(told.finalized_features.empty()) << "not in version 0";
  wire::UpdateFeaturesRequest request;
  request.feature_updates.push_back({"metadata.version", 30, false, 1});
  EXPECT_EQ(c.call(request).error_code, 0);
  request.feature_updates[0].max_version_level = 29;
  EXPECT_EQ(c.call(request).error_code, number(ErrorCode::invalid_update_version));
  request.feature_updates[0] = {"metadata.version", 30, false, 4};
  EXPECT_EQ(c.call(request).error_code, number(ErrorCode::invalid_update_version)) << "no such upgrade type";
}

TEST_F(AdminTest, CredentialsAreListedWithoutTheirKeysAndRemovedOnce) {
  start();
  TestClient c = client();
  wire::AlterUserScramCredentialsRequest add;
  add.upsertions.push_back({"alice", 1, 4096, as_bytes("salt"), as_bytes("password")});
  add.upsertions.push_back({"bob", 1, 5, as_bytes("salt"), as_bytes("password")});
  const auto added = c.call(add);
  ASSERT_EQ(added.results.size(), 2u);
  EXPECT_EQ(added.results[0].error_code, 0);
  EXPECT_EQ(added.results[1].error_code, number(ErrorCode::unacceptable_credential));
  wire::AlterUserScramCredentialsRequest other;
  other.upsertions.push_back({"alice", 2, 8192, as_bytes("salt"), as_bytes("password")});
  EXPECT_EQ(c.call(other).results.at(0).error_code, 0);
  stop();
  start();
  TestClient d = client();
  const auto listed = d.call(wire::DescribeUserScramCredentialsRequest{});
  ASSERT_EQ(listed.results.size(), 1u);
  EXPECT_EQ(listed.results[0].credential_infos.at(1).iterations, 8192);
  wire::AlterUserScramCredentialsRequest remove;
  remove.deletions.push_back({"alice", 1});
  EXPECT_EQ(d.call(remove).results.at(0).error_code, 0);
  EXPECT_EQ(d.call(remove).results.at(0).error_code, number(ErrorCode::resource_not_found));
}

TEST_F(AdminTest, AUserWhoseCredentialsARequestChangesTwiceKeepsThemAll) {
  start();
  TestClient c = client();
  wire::AlterUserScramCredentialsRequest add;
  add.upsertions.push_back({"alice", 1, 4096, as_bytes("salt"), as_bytes("password")});
  ASSERT_EQ(c.call(add).results.at(0).error_code, 0);
  wire::AlterUserScramCredentialsRequest both;
  both.deletions.push_back({"alice", 1});
  both.upsertions.push_back({"alice", 2, 4096, as_bytes("salt"), as_bytes("password")});
  both.upsertions.push_back({"bob", 1, 4096, as_bytes("salt"), as_bytes("password")});
  both.upsertions.push_back({"bob", 2, 4096, as_bytes("salt"), as_bytes("password")});
  const auto answered = c.call(both);
  ASSERT_EQ(answered.results.size(), 2u) << "one result a user";
  EXPECT_EQ(answered.results[0].error_code, number(ErrorCode::duplicate_resource));
  EXPECT_EQ(answered.results[1].error_code, number(ErrorCode::duplicate_resource));
  const auto listed = c.call(wire::DescribeUserScramCredentialsRequest{});
  ASSERT_EQ(listed.results.size(), 1u);
  EXPECT_EQ(listed.results[0].credential_infos.size(), 1u);
  both.deletions[0].mechanism = 2;
  EXPECT_EQ(c.call(both).results.at(0).error_code, number(ErrorCode::resource_not_found))
      << "the first fault";
}

TEST_F(AdminTest, PartitionsThatCouldNotBeListedLeaveNoDirectories) {
  start();
  create("t", 1);
  const auto is_list = [](const sim::Operation& operation) {
    return operation.path.find("sluice-topics") != std::string::npos;
  };
  fs_.fail_when(is_list, sim::Fault::eio);
  wire::CreatePartitionsRequest request;
  request.topics.push_back({"t", 3, std::nullopt});
  TestClient c = client();
  EXPECT_EQ(c.call(request).results.at(0).error_code, number(ErrorCode::kafka_storage_error));
  const auto entries = fs_.list("/data");
  ASSERT_TRUE(entries);
  for (const auto& entry : *entries) EXPECT_NE(entry.name, "t-1");
}

}  // namespace
}  // namespace sluice::broker
