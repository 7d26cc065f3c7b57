#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>

#include "broker/broker_fixture.h"
#include "log/partition_log.h"
#include "wire/generated/list_offsets_request.h"
#include "wire/generated/list_offsets_response.h"
#include "wire/generated/metadata_request.h"
#include "wire/generated/metadata_response.h"
#include "wire/generated/offset_for_leader_epoch_request.h"
#include "wire/generated/offset_for_leader_epoch_response.h"

namespace sluice::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::ErrorCode;

class ProduceFetch : public BrokerTest {
 protected:
  wire::ListOffsetsResponse::ListOffsetsPartitionResponse list_offset(std::int64_t time) {
    wire::ListOffsetsRequest request;
    request.replica_id = -1;
    wire::ListOffsetsRequest::ListOffsetsPartition partition;
    partition.timestamp = time;
    request.topics.push_back({"events", {partition}});
    TestClient c = client();
    return c.call(request, 7).topics[0].partitions[0];
  }
};

TEST_F(ProduceFetch, EachCodecComesBackByteForByte) {
  start();
  create("events", 1);
  TestClient c = client();
  std::int64_t offset = 0;
  for (const auto codec : {record::Codec::none, record::Codec::gzip, record::Codec::snappy,
                           record::Codec::lz4, record::Codec::zstd}) {
    const std::string padding(3000, 'x');
    const Bytes sent = batch({"a" + padding, "b" + padding}, codec);
    EXPECT_EQ(produce(c, "events", 0, sent).base_offset, offset);
    const auto response = c.call(fetch_request("events", 0, offset), 12);
    const BytesView got = *response.responses[0].partitions[0].records;
    ASSERT_EQ(got.size(), sent.size());
    // Offset and leader epoch are the broker's; from the magic byte on all is the producer's.
    EXPECT_TRUE(std::ranges::equal(got.subspan(16), BytesView(sent).subspan(16)));
    EXPECT_EQ(load_be<std::int64_t>(got.data()), offset);
    offset += 2;
  }
}

TEST_F(ProduceFetch, WhereATopicAsksForACodecItsBatchesAreStoredWithIt) {
  start();
  TestClient c = client();
  const auto make = [&](const std::string& topic, std::vector<std::pair<std::string, std::string>> values) {
    wire::CreateTopicsRequest request;
    auto& asked = request.topics.emplace_back();
    asked.name = topic;
    asked.num_partitions = 1;
    asked.replication_factor = 1;
    for (auto& [name, value] : values) asked.configs.push_back({name, value});
    return c.call(request).topics.at(0).error_code;
  };
  const auto stored = [&](const std::string& topic) {
    const auto response = c.call(fetch_request(topic, 0, 0), 12);
    return to_owned(*response.responses[0].partitions[0].records);
  };
  const std::string padding(3000, 'x');
  const std::vector<std::string> values{"a" + padding, "b" + padding};
  for (const std::string codec : {"uncompressed", "gzip", "snappy", "lz4", "zstd"}) {
    ASSERT_EQ(make(codec, {{"compression.type", codec}, {"message.timestamp.type", "LogAppendTime"}}), 0);
    for (std::int32_t i = 0; i < 2; ++i) {
      const Bytes sent = batch(values, i == 0 ? record::Codec::none : record::Codec::zstd, 7, 0, 2 * i);
      EXPECT_EQ(produce(c, codec, 0, sent).base_offset, 2 * i);
      EXPECT_EQ(produce(c, codec, 0, sent).base_offset, 2 * i) << "sent again";
    }
    Bytes all = stored(codec);
    EXPECT_THAT(values_of(all), ElementsAre(values[0], values[1], values[0], values[1]));
    for (BytesView rest = all; const auto next = *record::next_batch(rest);) {
      EXPECT_EQ(record::name(next->codec()), codec == "uncompressed" ? "none" : codec);
      EXPECT_TRUE(next->is_log_append_time());
    }
  }
  ASSERT_EQ(make("small", {{"compression.type", "uncompressed"}, {"max.message.bytes", "1000"}}), 0);
  EXPECT_EQ(produce(c, "small", 0, batch(values, record::Codec::zstd)).error_code,
            wire::number(ErrorCode::message_too_large))
      << "as it would be stored";
  EXPECT_EQ(make("bad", {{"compression.gzip.level", "0"}}), wire::number(ErrorCode::invalid_config));
  EXPECT_EQ(make("bad", {{"compression.type", "none"}}), wire::number(ErrorCode::invalid_config));
  ASSERT_EQ(make("slow", {{"compression.type", "gzip"}, {"compression.gzip.level", "9"}}), 0);
  ASSERT_EQ(make("fast", {{"compression.type", "gzip"}, {"compression.gzip.level", "1"}}), 0);
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += "line " + std::to_string(i) + " has the square " + std::to_string(i * i) + "\n";
  for (const std::string topic : {"slow", "fast"})
    EXPECT_EQ(produce(c, topic, 0, batch({text})).error_code, 0);
  EXPECT_LT(stored("slow").size(), stored("fast").size());
}

TEST_F(ProduceFetch, ABatchSentAgainGetsItsFirstOffsetAlsoAfterARestart) {
  start();
  create("events", 1);
  const Bytes first = batch({"a", "b"}, record::Codec::none, 7, 0, 0);
  {
    TestClient c = client();
    EXPECT_EQ(produce(c, "events", 0, first).base_offset, 0);
    EXPECT_EQ(produce(c, "events", 0, batch({"c"}, record::Codec::none, 7, 0, 2)).base_offset, 2);
    const Produced again = produce(c, "events", 0, first);
    EXPECT_EQ(again.error_code, 0);
    EXPECT_EQ(again.base_offset, 0);
  }
  for (const auto how : {sim::Crash::plain, sim::Crash::all_lost}) {
    crash(how);
    start();
    TestClient c = client();
    EXPECT_EQ(produce(c, "events", 0, first).base_offset, 0) << name(how);
    const Produced gap = produce(c, "events", 0, batch({"z"}, record::Codec::none, 7, 0, 9));
    EXPECT_EQ(gap.error_code, wire::number(ErrorCode::out_of_order_sequence_number));
  }
  stop();
  start();
  TestClient c = client();
  EXPECT_EQ(produce(c, "events", 0, first).base_offset, 0);
  EXPECT_THAT(read_all("events", 0), ElementsAre("a", "b", "c"));
}

TEST_F(ProduceFetch, WhatIsAcknowledgedSurvivesAPowerCut) {
  start();
  create("events", 2);
  TestClient c = client();
  for (int i = 0; i < 20; ++i) ASSERT_EQ(produce(c, "events", i % 2, {std::to_string(i)}).error_code, 0);
  crash(sim::Crash::all_lost);
  start();
  EXPECT_THAT(read_all("events", 1), ElementsAre("1", "3", "5", "7", "9", "11", "13", "15", "17", "19"));
  EXPECT_EQ(read_all("events", 0).size(), 10u);
}

TEST_F(ProduceFetch, NothingIsVisibleBeforeItIsDurableWhateverTheAcks) {
  start();
  create("events", 1);
  // The first sync of the journal hangs until the test has looked.
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
  const auto written = c.call(produce_request("events", 0, batch({"a"}), 1), 9);
  EXPECT_EQ(written.responses[0].partition_responses[0].error_code, 0);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waits; });
  }
  EXPECT_THAT(read_all("events", 0), IsEmpty());
  EXPECT_EQ(list_offset(-1).offset, 0);
  {
    const std::scoped_lock lock(mutex);
    hold = false;
  }
  changed.notify_all();
  auto wait = fetch_request("events", 0, 0);
  wait.max_wait_ms = 15'000;
  const auto response = c.call(wait, 12);
  EXPECT_THAT(values_of(*response.responses[0].partitions[0].records), ElementsAre("a"));
  fs_.before_operation(nullptr);
}

TEST_F(ProduceFetch, AStopWhileASyncRunsIsClean) {
  start();
  create("events", 1);
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
  c.send(produce_request("events", 0, batch({"a"})), 9);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waits; });
  }
  std::thread stopping([&] { stop(); });
  EXPECT_TRUE(c.is_closed()) << "unanswered, since the broker stops";
  {
    const std::scoped_lock lock(mutex);
    hold = false;
  }
  changed.notify_all();
  stopping.join();
  fs_.before_operation(nullptr);
  start();
  EXPECT_THAT(read_all("events", 0), ElementsAre("a"));
}

TEST_F(ProduceFetch, AWaitingFetchIsWokenByAProduce) {
  start();
  create("events", 1);
  TestClient consumer = client();
  auto request = fetch_request("events", 0, 0);
  request.max_wait_ms = 15'000;
  consumer.send(request, 12);
  TestClient producer = client();
  const auto began = env::posix_clock().now();
  EXPECT_EQ(produce(producer, "events", 0, {"news"}).error_code, 0);
  const auto response = consumer.receive<wire::FetchResponse>(12);
  EXPECT_THAT(values_of(*response.responses[0].partitions[0].records), ElementsAre("news"));
  EXPECT_LT(env::posix_clock().now() - began, std::chrono::seconds(10));
}

TEST_F(ProduceFetch, AFetchThatFindsNothingEndsWhenItsTimeIsOver) {
  start();
  create("events", 1);
  TestClient c = client();
  auto request = fetch_request("events", 0, 0);
  request.max_wait_ms = 50;
  const auto response = c.call(request, 12);
  EXPECT_THAT(values_of(*response.responses[0].partitions[0].records), IsEmpty());
  EXPECT_EQ(response.responses[0].partitions[0].high_watermark, 0);
}

TEST_F(ProduceFetch, AcksZeroHasNoAnswerAndHoldsNothingUp) {
  start();
  create("events", 1);
  TestClient c = client();
  c.send(produce_request("events", 0, batch({"a"}), 0), 9);
  c.expect_none();
  EXPECT_EQ(produce(c, "events", 0, {"b"}).base_offset, 1);
  c.send(produce_request("nowhere", 0, batch({"a"}), 0), 9);
  EXPECT_TRUE(c.is_closed()) << "the only way to tell";
}

TEST_F(ProduceFetch, PipelinedRequestsAreAnsweredInOrder) {
  start();
  create("events", 1);
  TestClient c = client();
  for (int i = 0; i < 50; ++i) {
    c.send(produce_request("events", 0, batch({std::to_string(i)})), 9);
    c.send(fetch_request("events", 0, 0), 12);
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(c.receive<wire::ProduceResponse>(9).responses[0].partition_responses[0].base_offset, i);
    c.receive<wire::FetchResponse>(12);
  }
}

TEST_F(ProduceFetch, TheFirstBatchComesWholeAndOthersKeepToTheLimits) {
  start();
  create("events", 1);
  TestClient c = client();
  const std::string value(10'000, 'x');
  for (int i = 0; i < 3; ++i) produce(c, "events", 0, {value, value});
  auto request = fetch_request("events", 0, 1);  // inside the first batch
  request.topics[0].partitions[0].partition_max_bytes = 100;
  auto response = c.call(request, 12);
  EXPECT_EQ(values_of(*response.responses[0].partitions[0].records).size(), 2u);
  request.topics[0].partitions[0].partition_max_bytes = 45'000;
  response = c.call(request, 12);
  EXPECT_EQ(values_of(*response.responses[0].partitions[0].records).size(), 4u);
  request.max_bytes = 1;
  response = c.call(request, 12);
  EXPECT_EQ(values_of(*response.responses[0].partitions[0].records).size(), 2u);
}

TEST_F(ProduceFetch, OutOfRangeIsSaidAndNeverReset) {
  start();
  create("events", 1);
  TestClient c = client();
  produce(c, "events", 0, {"a", "b"});
  const auto at_end = c.call(fetch_request("events", 0, 2), 12);
  EXPECT_EQ(at_end.responses[0].partitions[0].error_code, 0);
  for (const std::int64_t offset : {3, -1}) {
    const auto response = c.call(fetch_request("events", 0, offset), 12);
    EXPECT_EQ(response.responses[0].partitions[0].error_code, wire::number(ErrorCode::offset_out_of_range));
  }
}

TEST_F(ProduceFetch, BadBatchesAreRefusedEachWithItsCode) {
  start({{"message.max.bytes", "2000"}});
  create("events", 1);
  TestClient c = client();
  Bytes damaged = batch({"hello"});
  damaged[70] ^= std::byte{1};
  EXPECT_EQ(produce(c, "events", 0, damaged).error_code, wire::number(ErrorCode::corrupt_message));
  EXPECT_EQ(produce(c, "events", 0, batch({std::string(3000, 'x')})).error_code,
            wire::number(ErrorCode::message_too_large));
  Bytes two = batch({"a"});
  const Bytes more = batch({"b"});
  two.insert(two.end(), more.begin(), more.end());
  EXPECT_EQ(produce(c, "events", 0, two).error_code, wire::number(ErrorCode::invalid_record));
  EXPECT_EQ(produce(c, "events", 5, {"a"}).error_code, wire::number(ErrorCode::unknown_topic_or_partition));
  EXPECT_EQ(produce(c, "__consumer_offsets", 0, {"a"}).error_code,
            wire::number(ErrorCode::unknown_topic_or_partition));
  const Bytes one = batch({"a"});
  auto acks = produce_request("events", 0, one);
  acks.acks = 2;
  EXPECT_EQ(c.call(acks, 9).responses[0].partition_responses[0].error_code,
            wire::number(ErrorCode::invalid_required_acks));
  EXPECT_THAT(read_all("events", 0), IsEmpty());
}

TEST_F(ProduceFetch, LogAppendTimeStampsRecordsWithTheBrokersClock) {
  start({{"log.message.timestamp.type", "LogAppendTime"}});
  create("events", 1);
  TestClient c = client();
  record::BatchBuilder builder;
  builder.add(12345, std::nullopt, as_bytes(std::string_view("old")));
  const Produced produced = produce(c, "events", 0, to_owned(*builder.finish()));
  EXPECT_GT(produced.log_append_time_ms, 1'600'000'000'000);
  const auto response = c.call(fetch_request("events", 0, 0), 12);
  const auto view = record::BatchView::parse(*response.responses[0].partitions[0].records);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->crc_ok());
  EXPECT_EQ(view->timestamp_ms(0), produced.log_append_time_ms);
}

TEST_F(ProduceFetch, OffsetsAreFoundByTimeAndByTheSpecialTimes) {
  start();
  create("events", 1);
  EXPECT_EQ(list_offset(-1).offset, 0);
  EXPECT_EQ(list_offset(-3).offset, -1);
  TestClient c = client();
  record::BatchBuilder builder;
  const std::int64_t now_ms = env::posix_clock().wall_ms();
  for (const std::int64_t age : {5000, 1000, 3000}) builder.add(now_ms - age, std::nullopt, BytesView{});
  produce(c, "events", 0, to_owned(*builder.finish()));
  EXPECT_EQ(list_offset(-1).offset, 3);
  EXPECT_EQ(list_offset(-2).offset, 0);
  EXPECT_EQ(list_offset(-3).offset, 1);
  EXPECT_EQ(list_offset(-3).timestamp, now_ms - 1000);
  EXPECT_EQ(list_offset(now_ms - 4000).offset, 1);
  EXPECT_EQ(list_offset(now_ms).offset, -1);
  EXPECT_EQ(list_offset(now_ms).timestamp, -1);
  EXPECT_EQ(list_offset(-4).error_code, wire::number(ErrorCode::unsupported_version)) << "version 7 has none";
}

TEST_F(ProduceFetch, APartitionThatWasMovedHereWithHigherLeaderEpochsIsWrittenTo) {
  start();
  create("events", 1);
  stop();
  {
    auto opened = log::PartitionLog::open(fs_, "/data", {"events", PartitionId{0}}, {}, {});
    ASSERT_TRUE(opened) << to_string(opened.error());
    Bytes moved = batch({"of another broker"});
    ASSERT_TRUE((*opened)->append(moved, LeaderEpoch{7}, {1, 1}));
    ASSERT_TRUE((*opened)->sync());
  }
  for (const std::int32_t epoch : {8, 9}) {
    start();
    TestClient c = client();
    wire::MetadataRequest metadata;
    metadata.topics.emplace().push_back({{}, "events"});
    EXPECT_EQ(c.call(metadata, 12).topics[0].partitions[0].leader_epoch, epoch);
    EXPECT_EQ(produce(c, "events", 0, {"a"}).error_code, 0);
    stop();
  }
}

TEST_F(ProduceFetch, TheLeaderEpochGrowsWithEveryStartAndFencesOlderOnes) {
  start();
  create("events", 1);
  {
    TestClient c = client();
    produce(c, "events", 0, {"a", "b"});
  }
  crash(sim::Crash::plain);
  start();
  TestClient c = client();
  wire::MetadataRequest metadata;
  metadata.topics.emplace().push_back({{}, "events"});
  EXPECT_EQ(c.call(metadata, 12).topics[0].partitions[0].leader_epoch, 1);
  produce(c, "events", 0, {"c"});
  auto request = fetch_request("events", 0, 0);
  request.topics[0].partitions[0].current_leader_epoch = 0;
  EXPECT_EQ(c.call(request, 12).responses[0].partitions[0].error_code,
            wire::number(ErrorCode::fenced_leader_epoch));
  request.topics[0].partitions[0].current_leader_epoch = 2;
  EXPECT_EQ(c.call(request, 12).responses[0].partitions[0].error_code,
            wire::number(ErrorCode::unknown_leader_epoch));
  wire::OffsetForLeaderEpochRequest epochs;
  wire::OffsetForLeaderEpochRequest::OffsetForLeaderPartition asked;
  asked.leader_epoch = 0;
  epochs.topics.push_back({"events", {asked}});
  auto end = c.call(epochs).topics[0].partitions[0];
  EXPECT_EQ(end.leader_epoch, 0);
  EXPECT_EQ(end.end_offset, 2);
  epochs.topics[0].partitions[0].leader_epoch = 1;
  end = c.call(epochs).topics[0].partitions[0];
  EXPECT_EQ(end.end_offset, 3);
}

TEST_F(ProduceFetch, AFetchSessionTellsOnlyWhatChanged) {
  start();
  create("events", 2);
  TestClient c = client();
  auto request = fetch_request("events", 0, 0);
  auto second = request.topics[0].partitions[0];
  second.partition = 1;
  request.topics[0].partitions.push_back(second);
  request.session_epoch = 0;
  const auto opened = c.call(request, 12);
  ASSERT_NE(opened.session_id, 0);
  EXPECT_EQ(opened.responses[0].partitions.size(), 2u);
  request.session_id = opened.session_id;
  request.session_epoch = 1;
  request.topics.clear();
  EXPECT_TRUE(c.call(request, 12).responses.empty());
  produce(c, "events", 1, {"a"});
  request.session_epoch = 2;
  const auto changed = c.call(request, 12);
  ASSERT_EQ(changed.responses.size(), 1u);
  EXPECT_EQ(changed.responses[0].partitions[0].partition_index, 1);
  EXPECT_EQ(c.call(request, 12).error_code, wire::number(ErrorCode::invalid_fetch_session_epoch));
  request.session_id ^= 1;
  EXPECT_EQ(c.call(request, 12).error_code, wire::number(ErrorCode::fetch_session_id_not_found));
}

TEST_F(ProduceFetch, APartitionThatAFetchAsksForAndForgetsIsForgotten) {
  start();
  create("events", 1);
  TestClient c = client();
  auto request = fetch_request("events", 0, 0);
  request.session_epoch = 0;
  request.session_id = c.call(request, 12).session_id;
  ASSERT_NE(request.session_id, 0);
  produce(c, "events", 0, {"a"});
  request.session_epoch = 1;
  request.forgotten_topics_data.push_back({"events", {}, {0}});
  EXPECT_TRUE(c.call(request, 12).responses.empty());
}

TEST_F(ProduceFetch, AFullDiskRefusesRecordsServesReadsAndGoesOnWhenThereIsRoom) {
  start();
  create("events", 1);
  TestClient c = client();
  ASSERT_EQ(produce(c, "events", 0, {"kept"}).error_code, 0);
  const auto is_append = [](const sim::Operation& operation) {
    return operation.verb == sim::Verb::write && operation.path.find(".log") != std::string::npos;
  };
  fs_.fail_when(is_append, sim::Fault::enospc);
  EXPECT_EQ(produce(c, "events", 0, {"lost"}).error_code, wire::number(ErrorCode::kafka_storage_error));
  EXPECT_THAT(read_all("events", 0), ElementsAre("kept"));
  fs_.clear_faults();
  EXPECT_EQ(produce(c, "events", 0, {"again"}).base_offset, 1);
  EXPECT_THAT(read_all("events", 0), ElementsAre("kept", "again"));
}

TEST_F(ProduceFetch, AfterAFailedSyncNothingIsAcknowledgedAnyMore) {
  start();
  create("events", 2);
  TestClient c = client();
  ASSERT_EQ(produce(c, "events", 0, {"kept"}).error_code, 0);
  const auto is_sync = [](const sim::Operation& operation) {
    return operation.verb == sim::Verb::sync && (operation.path.find("events-0") != std::string::npos ||
                                                 operation.path.find("sluice-journal") != std::string::npos);
  };
  fs_.fail_when(is_sync, sim::Fault::eio);
  EXPECT_EQ(produce(c, "events", 0, {"lost"}).error_code, wire::number(ErrorCode::kafka_storage_error));
  fs_.clear_faults();
  EXPECT_EQ(produce(c, "events", 0, {"lost too"}).error_code, wire::number(ErrorCode::kafka_storage_error));
  EXPECT_THAT(read_all("events", 0), ElementsAre("kept"));
  EXPECT_EQ(produce(c, "events", 1, {"other"}).error_code, 0) << "other partitions are served";
  EXPECT_THAT(notices(), testing::HasSubstr("events-0: nothing after offset 1 is acknowledged any more"));
}

TEST_F(ProduceFetch, WhereTheJournalFailsEveryPartitionSyncsItsOwnSegments) {
  start();
  create("events", 1);
  TestClient c = client();
  ASSERT_EQ(produce(c, "events", 0, {"a"}).error_code, 0);
  const auto is_journal = [](const sim::Operation& operation) {
    return operation.verb == sim::Verb::sync && operation.path.find("sluice-journal") != std::string::npos;
  };
  fs_.fail_when(is_journal, sim::Fault::eio);
  EXPECT_EQ(produce(c, "events", 0, {"b"}).error_code, 0);
  fs_.clear_faults();
  EXPECT_EQ(produce(c, "events", 0, {"c"}).error_code, 0);
  EXPECT_THAT(notices(), testing::HasSubstr("the journal is not used any more"));
  crash(sim::Crash::all_lost);
  start();
  EXPECT_THAT(read_all("events", 0), ElementsAre("a", "b", "c"));
}

}  // namespace
}  // namespace sluice::broker
