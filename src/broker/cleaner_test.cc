// Retention and compaction in a whole broker.
#include "broker/cleaner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "broker/broker_fixture.h"
#include "sim/env.h"
#include "wire/generated/delete_records_request.h"
#include "wire/generated/delete_records_response.h"
#include "wire/generated/list_offsets_request.h"
#include "wire/generated/list_offsets_response.h"

namespace sluice::broker {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;
using wire::ErrorCode;

class CleanerTest : public BrokerTest {
 protected:
  void create_with(const std::string& topic, const Values& values) {
    wire::CreateTopicsRequest request;
    auto& asked = request.topics.emplace_back();
    asked.name = topic;
    asked.num_partitions = 1;
    asked.replication_factor = 1;
    for (const auto& [name, value] : values) asked.configs.push_back({name, value});
    TestClient c = client();
    const auto response = c.call(request);
    ASSERT_EQ(response.topics.at(0).error_code, 0) << response.topics[0].error_message.value_or("");
  }
  static Bytes keyed(const std::string& key, std::optional<std::string> value) {
    record::BatchBuilder builder;
    std::optional<BytesView> bytes;
    if (value) bytes = as_bytes(*value);
    builder.add(env::posix_clock().wall_ms(), as_bytes(key), bytes);
    return to_owned(*builder.finish());
  }
  void put(TestClient& c, const std::string& key, std::optional<std::string> value) {
    ASSERT_EQ(produce(c, "table", 0, keyed(key, std::move(value))).error_code, 0);
  }
  /// Asks again and again until `done`, for at most 20 seconds.
  static bool eventually(const std::function<bool()>& done) {
    const env::Instant deadline = soon();
    while (!done()) {
      if (env::posix_clock().now() > deadline) return false;
      env::posix_clock().sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  /// The values of all records, with as many fetches as it takes: each reads one segment.
  std::vector<std::string> read_through() {
    std::vector<std::string> values;
    TestClient c = client();
    const std::int64_t end = offset_at(-1);
    for (std::int64_t at = offset_at(-2); at < end;) {
      const auto response = c.call(fetch_request("table", 0, at), 12);
      BytesView rest = *response.responses.at(0).partitions.at(0).records;
      const auto some = values_of(rest);
      values.insert(values.end(), some.begin(), some.end());
      const std::int64_t from = at;
      while (const auto batch = *record::next_batch(rest)) at = batch->end_offset().value;
      if (at == from) break;  // the rest of the log is a hole
    }
    return values;
  }
  std::size_t files(std::string_view suffix) {
    std::size_t count = 0;
    const auto entries = fs_.list("/data/table-0");
    for (const auto& entry : *entries) count += entry.name.ends_with(suffix) ? 1u : 0u;
    return count;
  }
  std::int64_t offset_at(std::int64_t timestamp) {
    wire::ListOffsetsRequest request;
    request.replica_id = -1;
    wire::ListOffsetsRequest::ListOffsetsPartition asked;
    asked.timestamp = timestamp;
    request.topics.push_back({"table", {asked}});
    TestClient c = client();
    return c.call(request, 6).topics.at(0).partitions.at(0).offset;
  }
};

TEST_F(CleanerTest, ACompactedTopicKeepsTheNewestRecordOfEachKeyOverRestarts) {
  const std::vector<std::pair<std::string, std::string>> quick{{"log.cleaner.backoff.ms", "10"}};
  start(quick);
  create_with("table",
              {{"cleanup.policy", "compact"}, {"segment.bytes", "1048576"}, {"delete.retention.ms", "0"}});
  const std::string large(100'000, 'x');
  {
    TestClient c = client();
    put(c, "gone", "value");
    for (int i = 0; i < 30; ++i) put(c, "key " + std::to_string(i % 3), large + std::to_string(i));
    put(c, "gone", std::nullopt);
    for (int i = 30; i < 60; ++i) put(c, "key " + std::to_string(i % 3), large + std::to_string(i));
  }
  const auto records = [&] { return read_through().size(); };
  EXPECT_TRUE(eventually([&] { return records() < 30; })) << records();
  const auto values = read_through();
  ASSERT_GE(values.size(), 3u);
  EXPECT_EQ(values.back(), large + "59");
  crash(sim::Crash::all_lost);
  start(quick);
  EXPECT_EQ(read_through().back(), large + "59");
  EXPECT_EQ(offset_at(-1), 62);
  stop();
  const auto checkpoint = fs_.read_file("/data/cleaner-offset-checkpoint", 1000);
  ASSERT_TRUE(checkpoint);
  EXPECT_THAT(std::string{as_text(*checkpoint)}, testing::StartsWith("0\n1\ntable 0 "));
}

TEST_F(CleanerTest, ACompactedTopicTakesNoRecordWithoutAKey) {
  start();
  create_with("table", {{"cleanup.policy", "compact,delete"}});
  TestClient c = client();
  EXPECT_EQ(produce(c, "table", 0, {"no key"}).error_code, wire::number(ErrorCode::invalid_record));
  put(c, "key", "value");
  EXPECT_EQ(offset_at(-1), 1);
}

TEST_F(CleanerTest, WhatIsTooOldGoesWithTheActiveSegmentAndItsFilesFollow) {
  start({{"log.retention.check.interval.ms", "10"}});
  create_with("table", {{"retention.ms", "50"}, {"file.delete.delay.ms", "0"}});
  {
    TestClient c = client();
    for (int i = 0; i < 5; ++i) ASSERT_EQ(produce(c, "table", 0, {"value"}).error_code, 0);
  }
  EXPECT_TRUE(eventually([&] { return offset_at(-2) == 5; }));
  EXPECT_EQ(offset_at(-1), 5);
  EXPECT_TRUE(eventually([&] { return files(".deleted") == 0 && files(".log") == 1; }));
  crash(sim::Crash::all_lost);
  start();
  EXPECT_EQ(offset_at(-2), 5);
  EXPECT_EQ(offset_at(-1), 5);
}

TEST_F(CleanerTest, WithoutAPolicyNothingGoesButWhatDeleteRecordsTook) {
  start({{"log.retention.check.interval.ms", "10"}, {"log.cleaner.backoff.ms", "10"}});
  create_with("table", {{"cleanup.policy", ""},
                        {"retention.ms", "1"},
                        {"segment.bytes", "1048576"},
                        {"file.delete.delay.ms", "0"}});
  const std::string large(300'000, 'x');
  {
    TestClient c = client();
    for (int i = 0; i < 10; ++i) ASSERT_EQ(produce(c, "table", 0, {large}).error_code, 0);
    wire::DeleteRecordsRequest request;
    request.timeout_ms = 10'000;
    request.topics.push_back({"table", {{0, 7}}});
    ASSERT_EQ(c.call(request, 2).topics.at(0).partitions.at(0).error_code, 0);
  }
  EXPECT_TRUE(eventually([&] { return files(".deleted") == 0 && files(".log") < 4; }));
  EXPECT_EQ(offset_at(-2), 7);
  EXPECT_EQ(read_through().size(), 3u);
}

TEST_F(CleanerTest, ADamagedSegmentIsNamedOnceAndTheOthersAreCompacted) {
  start();
  create_with("table", {{"cleanup.policy", "compact"}, {"segment.bytes", "1048576"}});
  const std::string large(400'000, 'x');
  {
    TestClient c = client();
    for (int i = 0; i < 8; ++i) put(c, "key", large + std::to_string(i));
  }
  stop();
  {
    const auto file = fs_.open("/data/table-0/00000000000000000000.log", env::OpenMode::read_write);
    ASSERT_TRUE((*file)->write_at(1000, as_bytes("y")));
  }
  start({{"log.cleaner.backoff.ms", "10"}});
  EXPECT_TRUE(eventually([&] { return notices().find("was not compacted") != std::string::npos; }));
  EXPECT_THAT(notices(), HasSubstr("00000000000000000000.log is damaged at byte"));
  EXPECT_EQ(offset_at(-1), 8) << "it is served as before";
}

TEST(UptimeClock, PassesWithTheMonotonicClockAlone) {
  sim::World world{1};
  ASSERT_TRUE(world.fs.create_dirs_durable("/data"));
  const auto clock = UptimeClock::open(world.env(), "/data");
  ASSERT_TRUE(clock);
  const std::int64_t begin = clock->now_ms();
  EXPECT_EQ(begin, world.clock.wall_ms()) << "a new directory begins with the time of day";
  world.clock.jump_wall_ms(1'000'000'000'000);
  EXPECT_EQ(clock->now_ms(), begin);
  world.clock.advance(std::chrono::seconds(5));
  EXPECT_EQ(clock->now_ms(), begin + 5000);
  world.clock.jump_wall_ms(-1'500'000'000'000);
  EXPECT_EQ(clock->now_ms(), begin + 5000);
}

TEST(UptimeClock, StandsStillWhileNoBrokerRuns) {
  sim::World world{1};
  ASSERT_TRUE(world.fs.create_dirs_durable("/data"));
  const auto first = UptimeClock::open(world.env(), "/data");
  ASSERT_TRUE(first->save());
  world.clock.advance(std::chrono::hours(1));
  ASSERT_TRUE(first->save());
  const std::int64_t saved = first->now_ms();
  world.fs.restart(sim::Crash::all_lost);
  world.clock.advance(std::chrono::hours(24 * 365));
  world.clock.jump_wall_ms(1'000'000'000'000);
  const auto second = UptimeClock::open(world.env(), "/data");
  ASSERT_TRUE(second) << to_string(second.error());
  EXPECT_EQ(second->now_ms(), saved);
}

TEST(UptimeClock, AFileThatIsNotItsOwnIsRefused) {
  sim::World world{1};
  ASSERT_TRUE(world.fs.create_dirs_durable("/data"));
  ASSERT_TRUE(UptimeClock::open(world.env(), "/data")->save());
  const Bytes saved = *world.fs.read_file("/data/sluice-uptime", 1000);
  for (std::size_t i = 0; i < saved.size(); ++i) {
    Bytes text = saved;
    text[i] ^= std::byte{1};
    ASSERT_TRUE(world.fs.replace_file_durable("/data/sluice-uptime", text));
    const auto opened = UptimeClock::open(world.env(), "/data");
    ASSERT_FALSE(opened) << i;
    EXPECT_EQ(opened.error().code, Code::corrupt);
  }
}

}  // namespace
}  // namespace sluice::broker
