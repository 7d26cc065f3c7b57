#include "wire/frame.h"

#include <gtest/gtest.h>

#include "wire/errors.h"
#include "wire/generated/messages.h"

namespace sluice::wire {
namespace {

Bytes from_hex(std::string_view hex) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

TEST(Frame, ASizeBelowAHeaderOrAboveTheLimitIsRefused) {
  const auto size = [](std::int32_t n) {
    std::byte prefix[4];
    store_be(prefix, n);
    return frame_bytes(prefix, 1000);
  };
  EXPECT_EQ(size(1000).value(), 1000u);
  EXPECT_EQ(size(1001).error().code, Code::limit_exceeded);
  EXPECT_EQ(size(0x7fffffff).error().code, Code::limit_exceeded);
  EXPECT_EQ(size(-1).error().code, Code::corrupt);
  EXPECT_EQ(size(3).error().code, Code::corrupt);
}

TEST(Frame, AnAnswerToApiVersionsHasTheOldestHeaderInEveryVersion) {
  const Api& api = *find_api(ApiVersionsResponse::api_key);
  for (std::int16_t v = 0; v <= api.version_max; ++v) EXPECT_EQ(response_header_version(api, v), 0);
  EXPECT_EQ(request_header_version(api, 2), 1);
  EXPECT_EQ(request_header_version(api, 3), 2);
  const Api& fetch = *find_api(FetchResponse::api_key);
  EXPECT_EQ(response_header_version(fetch, 11), 0);
  EXPECT_EQ(response_header_version(fetch, 12), 1);
}

TEST(Frame, TheClientIdKeepsItsOldEncodingInFlexibleHeaders) {
  Writer writer;
  write_request(writer, 3, 5, "ab", ApiVersionsRequest{});
  // size, key 18, version 3, correlation 5, "ab" with 16 bits of length, no tags; two empty compact strings,
  // no tags
  EXPECT_EQ(writer.to_bytes(), from_hex("00000010"
                                        "0012"
                                        "0003"
                                        "00000005"
                                        "0002"
                                        "6162"
                                        "00"
                                        "01"
                                        "01"
                                        "00"));
}

TEST(Frame, ARequestOfAnUnknownVersionStillHasItsHeaderRead) {
  const Bytes bytes = from_hex(
      "0012"
      "0063"
      "00000005"
      "ffff"
      "00"
      "0102");
  Reader reader(bytes);
  const auto header = read_request_header(reader);
  ASSERT_TRUE(header) << to_string(header.error());
  EXPECT_EQ(header->request_api_version, 99);
  EXPECT_EQ(header->correlation_id, 5);
  EXPECT_FALSE(header->client_id.has_value());
  EXPECT_EQ(reader.remaining(), 2u);
}

TEST(Frame, AnUnknownKeyIsRefusedByNumber) {
  const Bytes bytes = from_hex(
      "03e7"
      "0000"
      "00000001"
      "ffff");
  Reader reader(bytes);
  const auto header = read_request_header(reader);
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().code, Code::unsupported);
  EXPECT_NE(header.error().message.find("API key 999"), std::string::npos) << header.error().message;
}

TEST(Frame, ACutHeaderIsCorrupt) {
  const Bytes whole = from_hex(
      "0003"
      "0009"
      "00000001"
      "0003"
      "616263"
      "00");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    Reader reader(BytesView(whole).first(n));
    const auto header = read_request_header(reader);
    ASSERT_FALSE(header) << n;
    EXPECT_EQ(header.error().code, Code::corrupt) << n;
  }
}

TEST(Frame, AnAnswerIsReadBackWithItsCorrelationId) {
  Writer writer;
  HeartbeatResponse response;
  response.error_code = number(ErrorCode::rebalance_in_progress);
  write_response(writer, 4, 77, response);
  const Bytes bytes = writer.to_bytes();
  Reader reader(BytesView(bytes).subspan(frame_prefix_bytes));
  EXPECT_EQ(read_response_header(reader, *find_api(HeartbeatResponse::api_key), 4).value(), 77);
  HeartbeatResponse read;
  read.decode(reader, 4);
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(read.error_code, 27);
}

TEST(Versions, ProduceTellsTheMinimumThatLibrdkafkaWants) {
  const Api& api = *find_api(ProduceRequest::api_key);
  EXPECT_EQ(api.version_min_told, 0);
  EXPECT_EQ(api.version_min, 3);
  EXPECT_FALSE(api.speaks(2));
  EXPECT_TRUE(api.speaks(13));
  EXPECT_FALSE(api.speaks(14));
}

TEST(Versions, AKeyWithoutACodecIsNotFound) {
  EXPECT_EQ(find_api(4), nullptr);
  EXPECT_EQ(find_api(-1), nullptr);
  EXPECT_EQ(find_api(32767), nullptr);
  EXPECT_EQ(find_api(75)->name, "DescribeTopicPartitions");
}

TEST(Errors, EachCodeIsFoundByItsNumber) {
  EXPECT_EQ(error_info(ErrorCode::none).name, "NONE");
  EXPECT_EQ(error_info(ErrorCode::not_leader_or_follower).name, "NOT_LEADER_OR_FOLLOWER");
  EXPECT_TRUE(error_info(6).retriable);
  EXPECT_EQ(error_info(133).name, "SHARE_SESSION_LIMIT_REACHED");
}

TEST(Errors, ACodeThatNobodyKnowsKeepsItsNumber) {
  for (const std::int16_t code :
       {std::int16_t{134}, std::int16_t{-2}, std::int16_t{32767}, std::int16_t{-32768}}) {
    const Error error = to_error(code, "the topic was not created");
    EXPECT_EQ(error.code, Code::kafka);
    EXPECT_EQ(error.kafka_error, code);
    EXPECT_NE(error.message.find(std::to_string(code)), std::string::npos);
  }
}

TEST(Errors, TheMessageSaysWhatFailedAndWhy) {
  const Error error =
      to_error(ErrorCode::offset_out_of_range, "topic t, partition 3: nothing was fetched at 17");
  EXPECT_EQ(error.code, Code::out_of_range);
  EXPECT_EQ(
      error.message,
      "topic t, partition 3: nothing was fetched at 17: the offset lies outside what the broker holds of the "
      "partition [OFFSET_OUT_OF_RANGE 1]");
}

}  // namespace
}  // namespace sluice::wire
