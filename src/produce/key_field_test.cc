#include "produce/key_field.h"

#include <gtest/gtest.h>

#include "produce/line_reader.h"

namespace sluice::produce {
namespace {

/// The key, or "error: MESSAGE".
std::string key_of(std::string_view path, std::string json) {
  const auto size = json.size();
  json.resize(size + line_padding);
  auto field = KeyField::parse(path).value();
  const auto key = field.find(as_bytes(std::string_view(json).substr(0, size)));
  return key ? std::string(*key) : "error: " + key.error().message;
}

TEST(KeyField, AStringIsItsCharactersAndANumberItsText) {
  EXPECT_EQ(key_of("a", R"({"b":1,"a":"x\u0041\n"})"), "xA\n");
  EXPECT_EQ(key_of("a", R"({"a": 1.50 , "b":2})"), "1.50");
  EXPECT_EQ(key_of("a", R"({"a":true})"), "true");
  EXPECT_EQ(key_of("a", R"({"a":""})"), "");
}

TEST(KeyField, APathGoesIntoNestedObjects) {
  EXPECT_EQ(key_of("a.b", R"({"b":0,"a":{"c":1,"b":"deep"}})"), "deep");
}

TEST(KeyField, WhatIsNoKeyIsSaidByName) {
  EXPECT_EQ(key_of("a.b", R"({"a":{"c":1}})"), "error: key field 'a.b' is missing");
  EXPECT_EQ(key_of("a.b", R"({"a":1})"), "error: key field 'a.b' is missing");
  EXPECT_EQ(key_of("a", R"({"a":null})"), "error: key field 'a' is null");
  EXPECT_EQ(key_of("a", R"({"a":[1]})"), "error: key field 'a' is an object or a list");
  EXPECT_EQ(key_of("a", R"([1,2])"), "error: key field 'a' is missing: the line is no JSON object");
  EXPECT_NE(key_of("a", "not json").find("error: key field 'a'"), std::string::npos);
  EXPECT_NE(key_of("a", R"({"a":"unclosed)").find("error: key field 'a'"), std::string::npos);
}

TEST(KeyField, APathWithAnEmptyStepIsRefused) {
  for (const auto* bad : {"", ".a", "a.", "a..b"}) {
    EXPECT_EQ(KeyField::parse(bad).error().code, Code::invalid_argument) << bad;
  }
}

TEST(KeyField, TheSameFinderServesManyLines) {
  auto field = KeyField::parse("id").value();
  for (int i = 0; i < 1000; ++i) {
    auto json = R"({"id":)" + std::to_string(i) + "}";
    const auto size = json.size();
    json.resize(size + line_padding);
    EXPECT_EQ(field.find(as_bytes(std::string_view(json).substr(0, size))).value(), std::to_string(i));
  }
}

}  // namespace
}  // namespace sluice::produce
