// Bytes that others made: Apache Kafka's message classes, and clients on a socket.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "wire/frame.h"
#include "wire/message_testing.h"

namespace sluice::wire {
namespace {

struct Golden {
  std::string_view name;
  std::int16_t version;
  std::string_view hex;
};

constexpr Golden golden_messages[] = {
#include "wire/golden_messages.inc"
};

Bytes from_hex(std::string_view hex) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<std::byte>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  }
  return out;
}

TEST(Golden, EachMessageOfApacheKafkaIsReadAndWrittenBackUnchanged) {
  std::size_t seen = 0;
  for (const testing::Kind& kind : testing::kinds()) {
    for (const Golden& golden : golden_messages) {
      if (golden.name != kind.name) continue;
      ++seen;
      const Bytes bytes = from_hex(golden.hex);
      const auto message = kind.make();
      Reader reader(bytes);
      message->decode(reader, golden.version);
      ASSERT_TRUE(reader.finished()) << golden.name << " v" << golden.version;
      Writer writer;
      message->encode(writer, golden.version);
      EXPECT_EQ(writer.to_bytes(), bytes) << golden.name << " v" << golden.version;
    }
  }
  EXPECT_EQ(seen, std::size(golden_messages));
}

TEST(Golden, EveryVersionOfEveryMessageHasItsBytes) {
  for (const testing::Kind& kind : testing::kinds()) {
    const auto count = std::ranges::count(golden_messages, kind.name, &Golden::name);
    EXPECT_EQ(count, kind.version_max - kind.version_min + 1) << kind.name;
  }
}

/// The message of a request that librdkafka 2.0.2 (kcat -L -t flights) sent.
template <class Request>
Request captured(std::string_view hex, RequestHeader& header) {
  const Bytes bytes = from_hex(hex);
  EXPECT_EQ(frame_bytes(bytes.data(), 1000).value(), bytes.size() - frame_prefix_bytes);
  Reader reader(BytesView(bytes).subspan(frame_prefix_bytes));
  header = read_request_header(reader).value();
  EXPECT_EQ(header.request_api_key, Request::api_key);
  Request request;
  request.decode(reader, header.request_api_version);
  EXPECT_TRUE(reader.finished());
  Writer again;
  write_request(again, header.request_api_version, header.correlation_id, header.client_id, request);
  EXPECT_EQ(again.to_bytes(), bytes);
  return request;
}

TEST(Golden, TheFirstRequestOfLibrdkafkaIsUnderstood) {
  RequestHeader header;
  const auto request = captured<ApiVersionsRequest>(
      "000000240012000300000001000772646b61666b61000b6c696272646b61666b6106322e302e3200", header);
  EXPECT_EQ(header.request_api_version, 3);
  EXPECT_EQ(header.client_id, "rdkafka");
  EXPECT_EQ(request.client_software_name, "librdkafka");
  EXPECT_EQ(request.client_software_version, "2.0.2");
}

TEST(Golden, TheMetadataRequestOfLibrdkafkaIsUnderstood) {
  RequestHeader header;
  const auto request = captured<MetadataRequest>(
      "0000001f0003000400000002000772646b61666b61000000010007666c696768747301", header);
  EXPECT_EQ(header.request_api_version, 4);
  ASSERT_TRUE(request.topics.has_value());
  ASSERT_EQ(request.topics->size(), 1u);
  EXPECT_EQ(request.topics->front().name, "flights");
  EXPECT_TRUE(request.allow_auto_topic_creation);
}

}  // namespace
}  // namespace sluice::wire
