// For tests: a broker in this process, and a client that sends single requests over a real socket.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "env/env.h"
#include "env/posix.h"
#include "record/batch.h"
#include "record/builder.h"
#include "record/records.h"
#include "sim/file_system.h"
#include "wire/errors.h"
#include "wire/frame.h"
#include "wire/generated/create_topics_request.h"
#include "wire/generated/create_topics_response.h"
#include "wire/generated/describe_configs_request.h"
#include "wire/generated/describe_configs_response.h"
#include "wire/generated/fetch_request.h"
#include "wire/generated/fetch_response.h"
#include "wire/generated/produce_request.h"
#include "wire/generated/produce_response.h"

namespace sluice::broker {

inline env::Instant soon() {
  return env::posix_clock().now() + std::chrono::seconds(20);
}

/// One connection. A failure to talk fails the test; where the test expects the end of the connection it asks
/// is_closed().
class TestClient {
 public:
  explicit TestClient(const env::Address& address) {
    auto connected = env::posix_net().connect(address, soon());
    EXPECT_TRUE(connected) << (connected ? "" : to_string(connected.error()));
    if (connected) connection_ = std::move(*connected);
  }

  explicit TestClient(std::unique_ptr<env::Connection> connection) : connection_(std::move(connection)) {}

  void send(BytesView bytes) {
    if (connection_) static_cast<void>(connection_->write_all(bytes, soon()));
  }

  template <class Request>
  void send(const Request& request, std::int16_t version, const std::string& client_id = "test") {
    wire::Writer writer;
    wire::write_request(writer, version, ++sent_, client_id, request);
    EXPECT_TRUE(writer.ok());
    send(writer.to_bytes());
  }

  /// The next answer's frame without its size prefix; nothing where the connection ends instead.
  std::optional<Bytes> receive_frame() {
    Bytes prefix(wire::frame_prefix_bytes);
    if (!read_all(prefix)) return std::nullopt;
    Bytes frame(static_cast<std::size_t>(load_be<std::int32_t>(prefix.data())));
    if (!read_all(frame)) return std::nullopt;
    return frame;
  }

  template <class Response>
  Response receive(std::int16_t version) {
    frame_ = receive_frame().value_or(Bytes{});
    wire::Reader reader(frame_);
    const auto correlation = wire::read_response_header(reader, *wire::find_api(Response::api_key), version);
    EXPECT_TRUE(correlation) << "no answer";
    EXPECT_EQ(correlation.value_or(-1), ++received_) << "answers come in the order of their requests";
    Response response;
    response.decode(reader, version);
    EXPECT_TRUE(reader.finished()) << Response::message_name << " v" << version;
    return response;
  }

  /// The answer to `request`. Its views hold until the next one.
  template <class Request>
  typename Request::Response call(const Request& request, std::int16_t version,
                                  const std::string& client_id = "test") {
    send(request, version, client_id);
    return receive<typename Request::Response>(version);
  }
  template <class Request>
  typename Request::Response call(const Request& request) {
    return call(request, Request::version_max);
  }

  bool is_closed() { return !receive_frame().has_value(); }
  /// One answer fewer is to come: acks=0.
  void expect_none() { ++received_; }

 private:
  bool read_all(MutableBytes out) {
    while (!out.empty()) {
      if (!connection_) return false;
      const auto got = connection_->read_some(out, soon());
      if (!got) {
        EXPECT_NE(got.error().code, Code::timed_out) << "neither an answer nor the end of the connection";
        return false;
      }
      out = out.subspan(*got);
    }
    return true;
  }

  std::unique_ptr<env::Connection> connection_;
  Bytes frame_;
  std::int32_t sent_ = 0;
  std::int32_t received_ = 0;
};

/// The system's clock, but that a test may move the date on.
class ShiftedClock final : public env::Clock {
 public:
  env::Instant now() override { return env::posix_clock().now(); }
  std::int64_t wall_ms() override { return env::posix_clock().wall_ms() + shift_ms_; }
  void sleep_for(env::Duration duration) override { env::posix_clock().sleep_for(duration); }
  void shift(std::int64_t ms) { shift_ms_ += ms; }

 private:
  std::atomic<std::int64_t> shift_ms_ = 0;
};

/// A broker on a simulated disk, which a test may fill, break and cut the power of.
class BrokerTest : public testing::Test {
 protected:
  void start(std::vector<std::pair<std::string, std::string>> properties = {}) {
    auto started = try_start(std::move(properties));
    ASSERT_TRUE(started) << to_string(started.error());
    broker_ = std::move(*started);
  }
  Result<std::unique_ptr<Broker>> try_start(
      std::vector<std::pair<std::string, std::string>> properties = {}) {
    Options options;
    options.listen = {"127.0.0.1", 0};
    options.data_dir = "/data";
    options.properties = {{"group.initial.rebalance.delay.ms", "0"}, {"offsets.topic.num.partitions", "2"}};
    options.properties.insert(options.properties.end(), properties.begin(), properties.end());
    options.log = [this](std::string_view line) {
      const std::scoped_lock lock(mutex_);
      notices_ += std::string(line) + "\n";
    };
    return Broker::start(std::move(options), {&clock_, &fs_, &env::posix_net(), &env::posix_random()});
  }
  /// A clean shutdown.
  void stop() {
    const auto stopped = broker_->stop();
    EXPECT_TRUE(stopped) << to_string(stopped.error());
    broker_.reset();
  }
  /// The process dies now, and what `crash` leaves is found by the next start.
  void crash(sim::Crash crash) {
    fs_.die();
    broker_.reset();
    fs_.restart(crash);
  }
  std::string notices() {
    const std::scoped_lock lock(mutex_);
    return notices_;
  }

  TestClient client() { return TestClient(broker_->address()); }
  /// The port of the listener `name`, which the broker chose itself.
  env::Address address_of(const std::string& name) {
    wire::DescribeConfigsRequest request;
    request.resources.push_back({4, "1", std::vector<std::string>{"listeners"}});
    TestClient c = client();
    const auto response = c.call(request);
    const std::string listeners = response.results.at(0).configs.at(0).value.value_or("");
    const auto at = listeners.find(name + "://");
    EXPECT_NE(at, std::string::npos) << listeners;
    const std::string rest = listeners.substr(at + name.size() + 3);
    return env::parse_address(rest.substr(0, rest.find(',')), 0).value_or(env::Address{});
  }

  void create(const std::string& topic, std::int32_t partitions) {
    wire::CreateTopicsRequest request;
    request.topics.push_back({topic, partitions, 1, {}, {}});
    TestClient c = client();
    const auto response = c.call(request);
    ASSERT_EQ(response.topics.size(), 1u);
    ASSERT_EQ(response.topics[0].error_code, 0) << response.topics[0].error_message.value_or("");
  }

  static Bytes batch(const std::vector<std::string>& values, record::Codec codec = record::Codec::none,
                     std::int64_t producer_id = -1, std::int16_t epoch = 0, std::int32_t sequence = 0) {
    record::BatchBuilder builder(codec);
    if (producer_id >= 0) builder.set_producer(ProducerId{producer_id}, ProducerEpoch{epoch}, sequence);
    for (const auto& value : values) builder.add(env::posix_clock().wall_ms(), std::nullopt, as_bytes(value));
    return to_owned(*builder.finish());
  }
  static wire::ProduceRequest produce_request(const std::string& topic, std::int32_t partition,
                                              BytesView records, std::int16_t acks = -1) {
    wire::ProduceRequest request;
    request.acks = acks;
    request.timeout_ms = 10'000;
    request.topic_data.push_back({topic, {}, {{partition, records}}});
    return request;
  }
  using Produced = wire::ProduceResponse::PartitionProduceResponse;
  static Produced produce(TestClient& c, const std::string& topic, std::int32_t partition,
                          BytesView records) {
    auto response = c.call(produce_request(topic, partition, records), 9);
    EXPECT_EQ(response.responses.size(), 1u);
    return response.responses.empty() ? Produced{} : response.responses[0].partition_responses[0];
  }
  static Produced produce(TestClient& c, const std::string& topic, std::int32_t partition,
                          const std::vector<std::string>& values) {
    return produce(c, topic, partition, batch(values));
  }

  static wire::FetchRequest fetch_request(const std::string& topic, std::int32_t partition,
                                          std::int64_t offset) {
    wire::FetchRequest request;
    request.max_wait_ms = 0;
    request.min_bytes = 1;
    request.max_bytes = 50 << 20;
    wire::FetchRequest::FetchPartition asked;
    asked.partition = partition;
    asked.fetch_offset = offset;
    asked.partition_max_bytes = 1 << 20;
    request.topics.push_back({topic, {}, {asked}});
    return request;
  }
  /// The values of all records in `records`.
  static std::vector<std::string> values_of(BytesView records) {
    std::vector<std::string> out;
    record::Decompressor decompressor;
    while (true) {
      const auto next = record::next_batch(records);
      EXPECT_TRUE(next);
      if (!next || !*next) return out;
      EXPECT_TRUE((*next)->crc_ok());
      const auto plain = decompressor.records(**next);
      EXPECT_TRUE(plain);
      const auto walked = record::for_each_record(*plain, (*next)->records_count(), [&](const auto& record) {
        out.emplace_back(as_text(record.value.value_or(BytesView{})));
      });
      EXPECT_TRUE(walked);
    }
  }
  /// Every value of a partition from `offset` on.
  std::vector<std::string> read_all(const std::string& topic, std::int32_t partition,
                                    std::int64_t offset = 0) {
    TestClient c = client();
    const auto response = c.call(fetch_request(topic, partition, offset), 12);
    EXPECT_EQ(response.responses.size(), 1u);
    if (response.responses.empty()) return {};
    const auto& answer = response.responses[0].partitions[0];
    EXPECT_EQ(answer.error_code, 0);
    return values_of(*answer.records);
  }

  sim::FileSystem fs_;
  ShiftedClock clock_;
  std::mutex mutex_;
  std::string notices_;
  std::unique_ptr<Broker> broker_;  // last: its threads use the rest
};

}  // namespace sluice::broker
