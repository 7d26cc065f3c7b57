#include "audit/json_scan.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

namespace sluice::audit {
namespace {

bool scans(std::string_view text) {
  JsonScanner scanner;
  return scanner.scan(text);
}

std::string nested(int depth) {
  std::string text = "{\"a\":";
  for (int i = 1; i < depth; ++i) text += '[';
  text += '1';
  for (int i = 1; i < depth; ++i) text += ']';
  return text + "}";
}

TEST(JsonScan, MembersKeepTheirExactTextAndTheirOrder) {
  JsonScanner scanner;
  ASSERT_TRUE(scanner.scan(R"( {"b" : 1.50 ,"a\u0041":[ 1, {"x":"]"} ],"c":"t\n","c":null} )"));
  const auto& members = scanner.members();
  ASSERT_EQ(members.size(), 4u);
  EXPECT_EQ(members[0].key, "b");
  EXPECT_EQ(members[0].value.raw, "1.50");
  EXPECT_EQ(members[1].key, "aA");
  EXPECT_EQ(members[1].value.raw, R"([ 1, {"x":"]"} ])");
  EXPECT_TRUE(members[2].value.escaped);
  EXPECT_EQ(members[3].key, "c");
}

TEST(JsonScan, OnlyOneObjectAndNothingElseIsTaken) {
  for (const auto* good : {"{}", " {\t}\r\n", R"({"":0})", R"({"a":-0.5e+10,"b":true,"c":[],"d":{}})"}) {
    EXPECT_TRUE(scans(good)) << good;
  }
  for (const auto* bad : {"",
                          "[]",
                          "1",
                          "{} {}",
                          "{",
                          R"({"a"})",
                          R"({"a":})",
                          R"({"a":1,})",
                          R"({a:1})",
                          R"({"a":01})",
                          R"({"a":1.})",
                          R"({"a":.5})",
                          R"({"a":+1})",
                          R"({"a":1e})",
                          R"({"a":truee})",
                          R"({"a":nul})",
                          R"({"a":[1,]})",
                          R"({"a":NaN})",
                          R"({'a':1})",
                          "\xef\xbb\xbf{}",
                          "{\"a\":\"\n\"}",
                          R"({"a":"\x"})"}) {
    EXPECT_FALSE(scans(bad)) << bad;
  }
}

TEST(JsonScan, TextIsUtf8AndSurrogatesComeInPairs) {
  EXPECT_TRUE(scans("{\"a\":\"\xf0\x9f\x98\x80\\ud83d\\ude00\"}"));
  for (const auto* bad :
       {"{\"a\":\"\xff\"}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\xe2\x82\"}", R"({"a":"\ud83d"})", R"({"a":"\ude00"})",
        R"({"a":"\ud83dx"})", R"({"a":"\ud83d\u0041"})", R"({"a":"\u12g4"})", R"({"a":"\u12)"}) {
    EXPECT_FALSE(scans(bad)) << bad;
  }
}

TEST(JsonScan, NestingEndsAt64) {
  EXPECT_TRUE(scans(nested(64)));
  EXPECT_FALSE(scans(nested(65)));
}

TEST(JsonScan, EscapesResolveToTheirCharacters) {
  std::string out;
  append_unescaped(R"(\"\\\/\b\f\n\r\t\u00e9\u20ac\ud83d\ude00z)", out);
  EXPECT_EQ(out, "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
}

TEST(JsonScan, AgreesWithAnotherParserOnMutatedTexts) {
  const std::string seed_text =
      R"({"a":[1,-2.5e3,"x\u00e9\n",{"b":null}],"c":true,"d":"é€😀\ud83d\ude00","e":{}})";
  std::mt19937 random(7);
  int good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = seed_text;
    for (int changes = static_cast<int>(random() % 3); changes > 0; --changes) {
      const auto at = random() % text.size();
      if (random() % 2 == 0) {
        text[at] = seed_text[random() % seed_text.size()];
      } else {
        text.erase(at, 1);
      }
    }
    const auto other = nlohmann::json::parse(text, nullptr, false);
    const bool expected = !other.is_discarded() && other.is_object();
    ASSERT_EQ(scans(text), expected) << text;
    good += expected ? 1 : 0;
  }
  EXPECT_GT(good, 2000);
}

}  // namespace
}  // namespace sluice::audit
