#include "produce/producer.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <string>

namespace sluice::produce {
namespace {

using std::chrono::milliseconds;

/// librdkafka's own scripted cluster of one broker, on a port of its choice.
class MockCluster {
 public:
  MockCluster() {
    std::array<char, 256> why{};
    kafka_ = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why.data(), why.size());
    cluster_ = rd_kafka_mock_cluster_new(kafka_, 1);
    rd_kafka_mock_topic_create(cluster_, "events", 2, 1);
  }
  ~MockCluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(kafka_);
  }
  MockCluster(const MockCluster&) = delete;
  MockCluster& operator=(const MockCluster&) = delete;

  ProducerOptions options(std::string topic = "events") const {
    ProducerOptions out;
    out.bootstrap_server = rd_kafka_mock_cluster_bootstraps(cluster_);
    out.topic = std::move(topic);
    return out;
  }
  rd_kafka_mock_cluster_t* get() const { return cluster_; }

  /// How many records lie in a partition.
  std::int64_t records(const std::string& topic, std::int32_t partition) const {
    std::array<char, 256> why{};
    rd_kafka_conf_t* const conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster_), why.data(),
                      why.size());
    rd_kafka_t* const client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why.data(), why.size());
    std::int64_t low = 0;
    std::int64_t high = 0;
    rd_kafka_query_watermark_offsets(client, topic.c_str(), partition, &low, &high, 5000);
    rd_kafka_destroy(client);
    return high - low;
  }

 private:
  rd_kafka_t* kafka_ = nullptr;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

constexpr std::int16_t produce_key = 0;

/// Gives up after `n` rounds of waiting, so that no test hangs.
Producer::OnWait patience(int n) {
  return [n]() mutable { return n-- > 0; };
}

TEST(Producer, EveryRecordIsAckedBeforeFlushReturns) {
  const MockCluster mock;
  auto producer = Producer::open(mock.options(), patience(100)).value();
  for (int i = 0; i < 1000; ++i) {
    const auto text = std::to_string(i);
    ASSERT_TRUE(producer->send(as_bytes(text), as_bytes(text), patience(100)).has_value());
  }
  ASSERT_TRUE(producer->flush(patience(100)).has_value());
  EXPECT_EQ(producer->acked(), 1000);
  EXPECT_EQ(producer->failed(), 0);
}

TEST(Producer, ARetriableErrorIsRetriedUntilItIsGone) {
  const MockCluster mock;
  auto producer = Producer::open(mock.options(), patience(100)).value();
  rd_kafka_mock_push_request_errors(mock.get(), produce_key, 3, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                                    RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                    RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
  ASSERT_TRUE(producer->send(std::nullopt, as_bytes("a"), patience(100)).has_value());
  ASSERT_TRUE(producer->flush(patience(300)).has_value());
  EXPECT_EQ(producer->acked(), 1);
}

TEST(Producer, ARecordThatTheBrokerRefusesForGoodIsCountedAsFailedWithTheReason) {
  const MockCluster mock;
  auto producer = Producer::open(mock.options(), patience(100)).value();
  rd_kafka_mock_push_request_errors(mock.get(), produce_key, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  ASSERT_TRUE(producer->send(std::nullopt, as_bytes("{\"secret\":1}"), patience(100)).has_value());
  static_cast<void>(producer->flush(patience(100)));
  EXPECT_EQ(producer->acked(), 0);
  EXPECT_EQ(producer->failed(), 1);
  EXPECT_EQ(producer->first_failure().find("secret"), std::string::npos) << "a record's content is no reason";
  EXPECT_NE(producer->first_failure().find("TOPIC_AUTHORIZATION_FAILED"), std::string::npos)
      << producer->first_failure();
}

TEST(Producer, AProducerIdThatTheBrokerHasForgottenIsNeverPaperedOver) {
  const MockCluster mock;
  auto producer = Producer::open(mock.options(), patience(100)).value();
  ASSERT_TRUE(producer->send(std::nullopt, as_bytes("a"), patience(100)).has_value());
  ASSERT_TRUE(producer->flush(patience(100)).has_value());
  rd_kafka_mock_push_request_errors(mock.get(), produce_key, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
  ASSERT_TRUE(producer->send(std::nullopt, as_bytes("b"), patience(100)).has_value());
  static_cast<void>(producer->flush(patience(100)));
  EXPECT_EQ(producer->acked(), 1);
  EXPECT_TRUE(producer->fatal() || producer->failed() == 1);
}

TEST(Producer, RecordsWithoutAKeyAreSpreadEvenlyOverThePartitions) {
  const MockCluster mock;
  const auto options = mock.options();
  auto producer = Producer::open(options, patience(100)).value();
  for (int i = 0; i < 4000; ++i)
    ASSERT_TRUE(producer->send(std::nullopt, as_bytes("v"), patience(100)).has_value());
  ASSERT_TRUE(producer->flush(patience(100)).has_value());
  for (const std::int32_t partition : {0, 1}) EXPECT_EQ(mock.records(options.topic, partition), 2000);
}

TEST(Producer, NothingIsProducedWhereNoBrokerAnswers) {
  ProducerOptions options;
  options.bootstrap_server = "127.0.0.1:1";
  options.topic = "events";
  options.start_timeout = milliseconds(300);
  const auto opened = Producer::open(options, patience(100));
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::unreachable);
  EXPECT_NE(opened.error().message.find("nothing was produced"), std::string::npos);
}

TEST(Producer, ARecordLargerThanTheLimitIsRefusedAloneAndTheNextOneGoesThrough) {
  const MockCluster mock;
  auto options = mock.options();
  options.properties = {{"message.max.bytes", "2000"}};
  auto producer = Producer::open(options, patience(100)).value();
  const std::string large(5000, 'x');
  EXPECT_EQ(producer->send(std::nullopt, as_bytes(large), patience(100)).error().code, Code::limit_exceeded);
  EXPECT_FALSE(producer->fatal());
  ASSERT_TRUE(producer->send(std::nullopt, as_bytes("small"), patience(100)).has_value());
  ASSERT_TRUE(producer->flush(patience(100)).has_value());
  EXPECT_EQ(producer->acked(), 1);
}

TEST(Producer, SettingsThatCanLoseRecordsAreRefusedUnlessAllowedByName) {
  ProducerOptions options;
  options.properties = {{"acks", "1"}};
  const auto refused = check_settings(options);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_EQ(refused.error().hint, "leave it out, or say --allow-data-loss acks");
  options.allow_data_loss = {"acks"};
  EXPECT_TRUE(check_settings(options).has_value());
  options.properties = {{"acks", "-1"}, {"enable.idempotence", "true"}, {"linger.ms", "5"}};
  options.allow_data_loss.clear();
  EXPECT_TRUE(check_settings(options).has_value());
}

TEST(Producer, AnUnknownPropertyIsAUsageErrorThatNamesIt) {
  const MockCluster mock;
  auto options = mock.options();
  options.properties = {{"lingr.ms", "5"}};
  const auto opened = Producer::open(options, patience(100));
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::invalid_argument);
  EXPECT_NE(opened.error().message.find("lingr.ms"), std::string::npos);
}

}  // namespace
}  // namespace sluice::produce
