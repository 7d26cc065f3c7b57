#include "audit/rdkafka_topic.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <string>

namespace sluice::audit {
namespace {

constexpr int records = 1000;

/// librdkafka's own scripted cluster with one partition of a thousand records.
class RdKafkaTopicTest : public testing::Test {
 protected:
  void SetUp() override {
    std::array<char, 256> why{};
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why.data(), why.size());
    rd_kafka_conf_set(conf, "log_level", "0", why.data(), why.size());
    rd_kafka_conf_set(conf, "linger.ms", "0", why.data(), why.size());
    rd_kafka_conf_set(conf, "batch.num.messages", "7", why.data(), why.size());
    kafka_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
    mock_ = rd_kafka_handle_mock_cluster(kafka_);
    rd_kafka_mock_topic_create(mock_, "events", 1, 1);
    for (int i = 0; i < records; ++i) send(i);
    ASSERT_EQ(rd_kafka_flush(kafka_, 10'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    options_.bootstrap_server = rd_kafka_mock_cluster_bootstraps(mock_);
    options_.topic = "events";
  }
  void TearDown() override { rd_kafka_destroy(kafka_); }

  /// Record 3 has no value, record 4 an empty one and a header.
  void send(int i) {
    const auto text = std::to_string(i);
    const char* const value = i == 3 ? nullptr : text.c_str();
    const std::size_t size = i == 3 || i == 4 ? 0 : text.size();
    rd_kafka_headers_t* const headers = rd_kafka_headers_new(1);
    if (i == 4) rd_kafka_header_add(headers, "h", -1, "x", 1);
    std::array<rd_kafka_vu_t, 6> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = "events";
    parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    parts[1].u.i32 = 0;
    parts[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[2].u.i = RD_KAFKA_MSG_F_COPY;
    parts[3].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[3].u.mem.ptr = const_cast<char*>(value);
    parts[3].u.mem.size = size;
    parts[4].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    parts[4].u.i64 = 1'700'000'000'000 + i;
    parts[5].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[5].u.headers = headers;
    ASSERT_EQ(rd_kafka_produceva(kafka_, parts.data(), parts.size()), nullptr);
  }

  /// The offsets that reading `range` shows.
  static std::vector<std::int64_t> offsets(PartitionReader& reader, std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> out;
    const auto result = reader.read({Offset{begin}, Offset{end}},
                                    [&](const TopicRecord& record) { out.push_back(record.offset.value); });
    EXPECT_TRUE(result.has_value()) << to_string(result.error());
    return out;
  }
  static std::vector<std::int64_t> all(std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> out;
    for (; begin < end; ++begin) out.push_back(begin);
    return out;
  }

  RdKafkaOptions options_;
  rd_kafka_t* kafka_ = nullptr;
  rd_kafka_mock_cluster_t* mock_ = nullptr;
};

TEST_F(RdKafkaTopicTest, RangesOneAfterAnotherShowEveryRecordOnce) {
  const auto topic = make_rdkafka_topic(options_).value();
  const auto reader = topic->open(PartitionId{0}).value();
  EXPECT_EQ(reader->bounds().value(), (OffsetRange{Offset{0}, Offset{records}}));
  EXPECT_EQ(offsets(*reader, 0, 10), all(0, 10));
  EXPECT_EQ(offsets(*reader, 10, 11), all(10, 11));
  EXPECT_EQ(offsets(*reader, 11, records), all(11, records));
}

TEST_F(RdKafkaTopicTest, AnyRangeCanBeReadNext) {
  const auto topic = make_rdkafka_topic(options_).value();
  const auto reader = topic->open(PartitionId{0}).value();
  EXPECT_EQ(offsets(*reader, 500, 503), all(500, 503));
  EXPECT_EQ(offsets(*reader, 0, 2), all(0, 2));
  EXPECT_EQ(offsets(*reader, 998, records), all(998, records));
  EXPECT_TRUE(offsets(*reader, 7, 7).empty());
}

TEST_F(RdKafkaTopicTest, NullEmptyHeadersAndTimestampsComeAsTheyAre) {
  const auto topic = make_rdkafka_topic(options_).value();
  const auto reader = topic->open(PartitionId{0}).value();
  int seen = 0;
  const auto result = reader->read({Offset{3}, Offset{5}}, [&](const TopicRecord& record) {
    ++seen;
    EXPECT_EQ(record.timestamp_ms, 1'700'000'000'000 + record.offset.value);
    EXPECT_FALSE(record.key.has_value());
    EXPECT_EQ(record.value.has_value(), record.offset.value == 4);
    EXPECT_EQ(record.headers.size(), record.offset.value == 4 ? 1u : 0u);
    if (!record.headers.empty()) {
      EXPECT_EQ(as_text(record.headers[0].name), "h");
      EXPECT_EQ(as_text(record.headers[0].value.value()), "x");
    }
  });
  EXPECT_TRUE(result.has_value());
  EXPECT_EQ(seen, 2);
}

// The scripted cluster does not describe topics.
TEST_F(RdKafkaTopicTest, ATopicWhoseIdIsNotToldIsNotAudited) {
  options_.timeout = std::chrono::seconds(2);
  const auto identity = make_rdkafka_topic(options_).value()->identity();
  ASSERT_FALSE(identity.has_value());
  EXPECT_NE(identity.error().message.find("its id is not known"), std::string::npos)
      << identity.error().message;
}

TEST_F(RdKafkaTopicTest, ATopicThatIsNotThereIsNotFound) {
  rd_kafka_mock_topic_set_error(mock_, "events", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  options_.timeout = std::chrono::seconds(5);
  const auto identity = make_rdkafka_topic(options_).value()->identity();
  ASSERT_FALSE(identity.has_value());
  EXPECT_EQ(identity.error().code, Code::not_found);
}

TEST(RdKafkaTopic, AClusterThatIsNotThereIsUnreachableAndNamed) {
  RdKafkaOptions options;
  options.bootstrap_server = "127.0.0.1:1";
  options.topic = "events";
  options.timeout = std::chrono::milliseconds(300);
  const auto identity = make_rdkafka_topic(options).value()->identity();
  ASSERT_FALSE(identity.has_value());
  EXPECT_EQ(identity.error().code, Code::unreachable);
  EXPECT_NE(identity.error().message.find("127.0.0.1:1"), std::string::npos);
}

TEST(RdKafkaTopic, AnUnknownPropertyIsRefusedBeforeAnythingIsAsked) {
  RdKafkaOptions options;
  options.bootstrap_server = "127.0.0.1:1";
  options.topic = "events";
  options.properties = {{"no.such.thing", "1"}};
  EXPECT_EQ(make_rdkafka_topic(options).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace sluice::audit
