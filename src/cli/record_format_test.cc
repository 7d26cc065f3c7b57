#include "cli/record_format.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::cli {
namespace {

/// One record through `format`, or "error".
std::string print(std::string_view format) {
  static const std::array<PrintedHeader, 2> headers = {
      {{as_bytes("a"), as_bytes("1")}, {as_bytes("b"), std::nullopt}}};
  PrintedRecord record;
  record.topic = "orders";
  record.partition = PartitionId{3};
  record.offset = Offset{42};
  record.timestamp_ms = 1700000000000;
  record.key = as_bytes("k");
  record.value = as_bytes("v\xff");
  record.headers = headers;
  record.number = 7;
  const auto parsed = RecordFormat::parse(format);
  if (!parsed) return parsed.error().code == Code::invalid_argument ? "error" : "another error";
  std::string out;
  parsed->append(record, out);
  return out;
}

TEST(RecordFormat, EveryVerbPrintsItsPart) {
  EXPECT_EQ(print("%t[%p]@%o %d %k %i\\n"), "orders[3]@42 1700000000000 k 7\n");
  EXPECT_EQ(print("%T %K %V %S %H"), "6 1 2 2 2");
  EXPECT_EQ(print("%v"), "v\xff");
  EXPECT_EQ(print("%s"), "v\xff");
  EXPECT_EQ(print("%e %x %y"), "-1 -1 -1");
}

TEST(RecordFormat, BytesCanBeHexOrBase64) {
  EXPECT_EQ(print("%v{hex} %v{base64} %k{hex}"), "76ff dv8= 6b");
}

TEST(RecordFormat, HeadersHaveAFormatOfTheirOwn) {
  EXPECT_EQ(print("%h"), "a=1,b=");
  EXPECT_EQ(print("%h{%k:%v%};}"), "a:1};b:};");
}

TEST(RecordFormat, EscapesAndLiteralsStandForThemselves) {
  EXPECT_EQ(print("100%% \\t\\x41\\\\%{%}"), "100% \tA\\{}");
  EXPECT_EQ(print("%t{x}"), "orders{x}");
}

TEST(RecordFormat, WhatIsNotUnderstoodIsRefused) {
  for (const auto* bad : {"%", "%q", "\\q", "\\x4", "\\", "%v{zip}", "%h{%t}", "%h{%k"})
    EXPECT_EQ(print(bad), "error") << bad;
}

TEST(RecordFormat, JsonKeepsBytesThatAreNoTextAsBase64) {
  PrintedRecord record;
  record.topic = "t";
  record.value = as_bytes("\xff");
  std::string out;
  append_json(record, out);
  EXPECT_EQ(out,
            "{\"topic\":\"t\",\"partition\":0,\"offset\":0,\"timestamp\":-1,\"key\":null,\"value_base64\":\"/"
            "w==\"}\n");
}

TEST(Base64, PadsToFours) {
  EXPECT_EQ(base64(as_bytes("")), "");
  EXPECT_EQ(base64(as_bytes("a")), "YQ==");
  EXPECT_EQ(base64(as_bytes("ab")), "YWI=");
  EXPECT_EQ(base64(as_bytes("abc")), "YWJj");
}

}  // namespace
}  // namespace sluice::cli
