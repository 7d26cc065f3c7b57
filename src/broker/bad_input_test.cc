#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "broker/broker_fixture.h"
#include "wire/generated/api_versions_request.h"
#include "wire/generated/api_versions_response.h"
#include "wire/generated/metadata_request.h"
#include "wire/generated/metadata_response.h"

namespace sluice::broker {
namespace {

using testing::HasSubstr;

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

class BadInput : public BrokerTest {
 protected:
  void SetUp() override {
    start();
    create("events", 1);
  }
  void expect_others_are_served() {
    TestClient c = client();
    EXPECT_EQ(produce(c, "events", 0, {"fine"}).error_code, 0);
  }
  static Bytes bytes(std::initializer_list<int> values) {
    Bytes out;
    for (const int v : values) out.push_back(static_cast<std::byte>(v));
    return out;
  }
};

TEST_F(BadInput, GarbageClosesTheConnectionWithTheReason) {
  TestClient c = client();
  c.send(as_bytes(std::string_view("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")));
  EXPECT_TRUE(c.is_closed());
  EXPECT_THAT(notices(), HasSubstr("closed: the frame was not read"));
  expect_others_are_served();
}

TEST_F(BadInput, SizesThatNoRequestHasCloseTheConnection) {
  for (const auto& prefix : {bytes({0x7F, 0xFF, 0xFF, 0xFF}), bytes({0xFF, 0xFF, 0xFF, 0xFF}),
                             bytes({0, 0, 0, 0}), bytes({0x80, 0, 0, 0})}) {
    TestClient c = client();
    c.send(prefix);
    EXPECT_TRUE(c.is_closed());
  }
  expect_others_are_served();
}

TEST_F(BadInput, AClaimedLengthCostsNoMemory) {
  const std::size_t before = resident_bytes();
  std::vector<TestClient> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(client());
    clients.back().send(bytes({0x06, 0x00, 0x00, 0x00, 0x00, 0x00}));  // "96 MiB follow"
  }
  expect_others_are_served();
  EXPECT_LT(resident_bytes(), before + (64u << 20));
}

TEST_F(BadInput, LargeRequestsThatStayHalfReadKeepSmallOnesNotWaitingAndLargeOnesNotForLong) {
  stop();
  start({{"socket.request.max.bytes", "1000000"}});
  const auto half = [] {
    Bytes out(900'000);
    store_be<std::int32_t>(out.data(), 1'000'000);
    return out;
  };
  std::vector<TestClient> hogs;
  for (int i = 0; i < 2; ++i) {
    hogs.push_back(client());
    hogs.back().send(half());
  }
  expect_others_are_served();
  TestClient large = client();
  // One of the two is closed for it after seconds; left alone both would stay for longer than a test waits.
  EXPECT_EQ(produce(large, "events", 0, {std::string(700'000, 'x')}).error_code, 0)
      << "who holds memory that others wait for has to be quick";
}

TEST_F(BadInput, UnknownKeysAndVersionsCloseTheConnection) {
  for (const auto& frame : {bytes({0, 0, 0, 10, 0x03, 0xE7, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF}),  // key 999
                            bytes({0, 0, 0, 10, 0, 3, 0x03, 0xE7, 0, 0, 0, 1, 0xFF, 0xFF}),  // Metadata v999
                            bytes({0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 0xFF, 0xFF}),        // Produce v2
                            bytes({0, 0, 0, 10, 0, 84, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF})}) {    // not routed
    TestClient c = client();
    c.send(frame);
    EXPECT_TRUE(c.is_closed());
  }
  expect_others_are_served();
}

TEST_F(BadInput, LengthsInsideAMessageThatLieCloseTheConnection) {
  wire::Writer writer;
  wire::write_request(writer, 9, 1, std::string("test"), produce_request("events", 0, batch({"x"})));
  const Bytes good = writer.to_bytes();
  for (std::size_t at = 14; at < std::min<std::size_t>(good.size(), 60); ++at) {
    Bytes bad = good;
    bad[at] = std::byte{0xFF};
    TestClient c = client();
    c.send(bad);
    static_cast<void>(c.receive_frame());  // an answer or the end; never a hang, never a crash
  }
  expect_others_are_served();
}

TEST_F(BadInput, EveryTruncationOfARequestIsSurvived) {
  wire::Writer writer;
  wire::write_request(writer, 9, 1, std::string("test"), produce_request("events", 0, batch({"x"})));
  const Bytes good = writer.to_bytes();
  for (std::size_t size = wire::frame_prefix_bytes + 4; size < good.size(); size += 3) {
    Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    store_be(cut.data(), static_cast<std::int32_t>(size - wire::frame_prefix_bytes));
    TestClient c = client();
    c.send(cut);
    EXPECT_TRUE(c.is_closed()) << size;
  }
  expect_others_are_served();
}

TEST_F(BadInput, AnUnknownVersionOfApiVersionsIsAnsweredInVersion0) {
  TestClient c = client();
  Bytes frame = bytes({0, 0, 0, 11, 0, 18, 0, 99, 0, 0, 0, 1, 0xFF, 0xFF, 0});
  c.send(frame);
  const auto answer = c.receive_frame();
  ASSERT_TRUE(answer);
  wire::Reader reader(*answer);
  EXPECT_EQ(reader.int32(), 1);
  wire::ApiVersionsResponse response;
  response.decode(reader, 0);
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(response.error_code, wire::number(wire::ErrorCode::unsupported_version));
  ASSERT_EQ(response.api_keys.size(), 1u);
  EXPECT_EQ(response.api_keys[0].api_key, 18);
  EXPECT_EQ(response.api_keys[0].max_version, 4);
}

TEST_F(BadInput, ApiVersionsTellsWhatIsRoutedAndProduceFromVersion0) {
  TestClient c = client();
  wire::ApiVersionsRequest request;
  request.client_software_name = "test";
  request.client_software_version = "1.0";
  const auto response = c.call(request);
  EXPECT_EQ(response.error_code, 0);
  EXPECT_EQ(response.api_keys[0].api_key, 0);
  EXPECT_EQ(response.api_keys[0].min_version, 0) << "KAFKA-18659";
  request.client_software_name = "-bad-";
  EXPECT_EQ(c.call(request).error_code, wire::number(wire::ErrorCode::invalid_request));
}

TEST_F(BadInput, ARequestThatComesByteByByteIsAnswered) {
  wire::Writer writer;
  wire::MetadataRequest request;
  request.topics.emplace();
  wire::write_request(writer, 12, 1, std::string("test"), request);
  TestClient c = client();
  for (const std::byte byte : writer.to_bytes()) c.send(BytesView(&byte, 1));
  const auto answer = c.receive_frame();
  ASSERT_TRUE(answer);
  EXPECT_EQ(load_be<std::int32_t>(answer->data()), 1);
}

TEST_F(BadInput, AClientThatDoesNotReadIsNotReadFrom) {
  TestClient writer = client();
  for (int i = 0; i < 8; ++i) produce(writer, "events", 0, {std::string(900'000, 'x')});
  const std::size_t before = resident_bytes();
  TestClient c = client();
  auto request = fetch_request("events", 0, 0);
  request.topics[0].partitions[0].partition_max_bytes = 8 << 20;
  wire::Writer frame;
  wire::write_request(frame, 12, 1, std::string("test"), request);
  for (int i = 0; i < 100; ++i) c.send(frame.to_bytes());  // 700 MB of answers, never read
  expect_others_are_served();
  EXPECT_LT(resident_bytes(), before + (96u << 20));
}

}  // namespace
}  // namespace sluice::broker
