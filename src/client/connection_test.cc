#include "client/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/fake_broker.h"
#include "wire/generated/api_versions_request.h"
#include "wire/generated/heartbeat_request.h"
#include "wire/generated/heartbeat_response.h"

namespace sluice::client {
namespace {

using testing::FakeBroker;
using testing::FakeCluster;
using ::testing::HasSubstr;

class ConnectionTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Connection>> open(ConnectionOptions options = {}) {
    return Connection::open(env_, broker_.address(), options);
  }

  env::Env env_ = env::posix_env();
  FakeCluster cluster_;
  FakeBroker broker_{cluster_, 1};
};

TEST_F(ConnectionTest, TheHighestVersionThatBothSpeakIsAgreedOn) {
  broker_.limit_version(wire::MetadataRequest::api_key, 7);
  const auto connection = open();
  ASSERT_TRUE(connection) << to_string(connection.error());
  EXPECT_EQ((*connection)->version(wire::MetadataRequest::api_key).value(), 7);
  EXPECT_EQ((*connection)->version(wire::FetchRequest::api_key).value(), wire::FetchRequest::version_max);
  EXPECT_EQ((*connection)->version(wire::FetchRequest::api_key, 12).value(), 12);
}

TEST_F(ConnectionTest, ABrokerThatRefusesTheVersionOfApiVersionsIsAskedInItsOwn) {
  broker_.limit_version(wire::ApiVersionsRequest::api_key, 2);
  const auto connection = open();
  ASSERT_TRUE(connection) << to_string(connection.error());
  EXPECT_EQ(broker_.seen(wire::ApiVersionsRequest::api_key), 2);
  EXPECT_EQ((*connection)->version(wire::ApiVersionsRequest::api_key).value(), 2);
}

TEST_F(ConnectionTest, AnApiThatTheBrokerDoesNotSpeakIsRefusedWithBothRanges) {
  broker_.limit_version(wire::FetchRequest::api_key, 3);
  const auto connection = open();
  ASSERT_TRUE(connection);
  const auto version = (*connection)->version(wire::FetchRequest::api_key);
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::unsupported);
  EXPECT_THAT(version.error().message, HasSubstr("speaks Fetch in versions 4 to 3, we in 4 to 18"));
}

TEST_F(ConnectionTest, AClosedPortIsUnreachableAndNamesTheAddress) {
  env::Address nobody;
  {
    FakeCluster other;
    FakeBroker gone(other, 9);
    nobody = gone.address();
  }
  const auto connection = Connection::open(env_, nobody);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, Code::unreachable);
  EXPECT_THAT(connection.error().message, HasSubstr(to_string(nobody)));
}

TEST_F(ConnectionTest, AnswersToRequestsSentTogetherComeInOrder) {
  auto connection = open();
  ASSERT_TRUE(connection);
  const env::Instant deadline = env_.clock->now() + std::chrono::seconds(10);
  wire::MetadataRequest none;
  const auto first = (*connection)->send(none, deadline);
  const auto second = (*connection)->send(none, deadline);
  ASSERT_TRUE(first && second);
  EXPECT_EQ((*connection)->awaited(), 2u);
  for (const Ticket& ticket : {*first, *second}) {
    auto frame = (*connection)->receive(deadline);
    ASSERT_TRUE(frame && *frame);
    const auto answer = Connection::decode<wire::MetadataResponse>(ticket, std::move(**frame));
    ASSERT_TRUE(answer) << to_string(answer.error());
    EXPECT_EQ(answer->message.cluster_id, "fake-cluster");
  }
}

TEST_F(ConnectionTest, AnAnswerToAnotherRequestIsCorrupt) {
  broker_.on(wire::HeartbeatRequest::api_key, [](const wire::RequestHeader& header, wire::Reader&) {
    wire::Writer writer;
    wire::write_response(writer, header.request_api_version, header.correlation_id + 1,
                         wire::HeartbeatResponse{});
    return std::optional(writer.to_bytes());
  });
  auto connection = open();
  ASSERT_TRUE(connection);
  const auto answer = (*connection)->call(wire::HeartbeatRequest{});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::corrupt);
}

TEST_F(ConnectionTest, AnAnswerThatClaimsMoreThanTheLimitIsRefusedBeforeMemoryIsTaken) {
  broker_.on(wire::HeartbeatRequest::api_key, [](const wire::RequestHeader&, wire::Reader&) {
    Bytes lie(64);
    store_be(lie.data(), std::int32_t{0x7ffffff0});
    return std::optional(lie);
  });
  auto connection = open({.response_bytes_max = 1 << 20});
  ASSERT_TRUE(connection);
  const auto answer = (*connection)->call(wire::HeartbeatRequest{});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::limit_exceeded);
}

TEST_F(ConnectionTest, AnAnswerWithTrailingBytesIsCorrupt) {
  broker_.on(wire::HeartbeatRequest::api_key, [](const wire::RequestHeader& header, wire::Reader&) {
    wire::Writer writer;
    writer.begin_frame();
    wire::write_response_header(writer, *wire::find_api(12), header.request_api_version,
                                header.correlation_id);
    wire::HeartbeatResponse{}.encode(writer, header.request_api_version);
    writer.int32(7);
    writer.end_frame();
    return std::optional(writer.to_bytes());
  });
  auto connection = open();
  ASSERT_TRUE(connection);
  const auto answer = (*connection)->call(wire::HeartbeatRequest{});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("4 bytes are too many"));
}

TEST_F(ConnectionTest, ASilentBrokerTimesOut) {
  broker_.on(wire::HeartbeatRequest::api_key,
             [](const wire::RequestHeader&, wire::Reader&) { return std::optional(Bytes{}); });
  auto connection = open({.request_timeout = std::chrono::milliseconds(50)});
  ASSERT_TRUE(connection);
  const auto answer = (*connection)->call(wire::HeartbeatRequest{});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::timed_out);
  EXPECT_THAT(answer.error().message, HasSubstr("Heartbeat v4 was not answered by 127.0.0.1:"));
}

TEST_F(ConnectionTest, AnAnswerThatComesInTwoPartsIsKeptBetweenCalls) {
  // The first frame promises eight bytes; four of them come with the answer to the second request.
  broker_.on(wire::HeartbeatRequest::api_key, [n = 0](const wire::RequestHeader& header,
                                                      wire::Reader&) mutable {
    Bytes part;
    if (n++ == 0) {
      part.resize(8);
      store_be(part.data(), std::int32_t{11});
      store_be(part.data() + 4, header.correlation_id);
    } else {
      part.resize(7);  // no tags in the header, throttle time, error code: all zero... and 11 bytes are whole
    }
    return std::optional(part);
  });
  auto connection = open();
  ASSERT_TRUE(connection);
  const env::Instant late = env_.clock->now() + std::chrono::seconds(10);
  const auto first = (*connection)->send(wire::HeartbeatRequest{}, late);
  ASSERT_TRUE(first);
  const auto early = (*connection)->receive(env_.clock->now() + std::chrono::milliseconds(20));
  ASSERT_TRUE(early);
  EXPECT_FALSE(early->has_value());
  ASSERT_TRUE((*connection)->send(wire::HeartbeatRequest{}, late));
  const auto whole = (*connection)->receive(late);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->body.size(), 11u);
}

}  // namespace
}  // namespace sluice::client
