#include "lake/decoder.h"

#include <gtest/gtest.h>

#include <bit>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "lake/testing.h"

namespace sluice::lake {
namespace {

using testing::Padded;
using testing::schema_of;

std::shared_ptr<const Schema> every_type() {
  return schema_of({{"i", "", Type::int64, true},
                    {"d", "", Type::float64, true},
                    {"b", "", Type::boolean, true},
                    {"s", "", Type::string, true},
                    {"day", "", Type::date, true},
                    {"ts", "", Type::timestamp, true},
                    {"tl", "", Type::timestamp_local, true},
                    {"a key of more than thirty-two bytes", "", Type::int64, true}});
}

/// A row that owns its strings, to compare.
struct Copy {
  std::vector<std::uint64_t> bits;
  std::vector<std::string> text;
  std::vector<std::uint8_t> present;
  friend bool operator==(const Copy&, const Copy&) = default;
};
Copy copy(const Row& row) {
  return {row.bits, {row.text.begin(), row.text.end()}, row.present};
}

/// The reason of the exact road, or "fits"; and a proof that both roads agree.
class Both {
 public:
  explicit Both(std::shared_ptr<const Schema> schema) : quick_(schema), exact_(schema) {}

  std::string operator()(std::string_view json) {
    const Padded value(json);
    const bool fits = exact_.decode_exactly(value.view());
    took_quick_road = quick_.decode_quickly(value.view());
    EXPECT_TRUE(fits || !took_quick_road) << "the quick road took " << json << " but: " << exact_.reason();
    if (fits && took_quick_road) {
      EXPECT_EQ(copy(quick_.row()), copy(exact_.row())) << json;
    }
    return fits ? "fits" : exact_.reason();
  }
  const Row& row() const { return exact_.row(); }
  bool took_quick_road = false;

 private:
  Decoder quick_;
  Decoder exact_;
};

double as_double(std::uint64_t bits) {
  return std::bit_cast<double>(bits);
}

TEST(Decoder, EveryTypeTakesItsValues) {
  Both both(every_type());
  EXPECT_EQ(
      both(
          R"({"i":-42,"d":1.25,"b":true,"s":"x y","day":"1970-01-02","ts":"1970-01-01T00:00:01Z","tl":"1970-01-01 00:00:00.5","a key of more than thirty-two bytes":9223372036854775807})"),
      "fits");
  EXPECT_EQ(both.row().bits[0], static_cast<std::uint64_t>(-42));
  EXPECT_EQ(as_double(both.row().bits[1]), 1.25);
  EXPECT_EQ(both.row().bits[2], 1u);
  EXPECT_EQ(both.row().text[3], "x y");
  EXPECT_EQ(both.row().bits[4], 1u);
  EXPECT_EQ(both.row().bits[5], 1000000u);
  EXPECT_EQ(both.row().bits[6], 500000u);
  EXPECT_EQ(both.row().bits[7], 9223372036854775807u);
}

TEST(Decoder, TheQuickRoadTakesPlainRecordsInAnyOrderAndWithWhiteSpace) {
  Both both(every_type());
  for (const char* json :
       {R"({"i":1,"d":2,"b":false,"s":"größe","day":null})",
        R"({"s":"","b":true,"d":-0.5,"i":123456789012345})",
        "{ \"i\" : 1 ,\t\"d\" : 1e3 ,\r\n \"s\" : \"a\" } ", R"({"i":0,"d":123456789.123456789})"}) {
    EXPECT_EQ(both(json), "fits");
    EXPECT_TRUE(both.took_quick_road) << json;
  }
}

TEST(Decoder, FieldsThatAreAbsentAreNull) {
  Both both(every_type());
  EXPECT_EQ(both(R"({"i":1,"d":2,"b":true,"s":"x"})"), "fits");
  EXPECT_EQ(both(R"({"d":5})"), "fits");
  EXPECT_EQ(both.row().present, (std::vector<std::uint8_t>{0, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(both.row().bits[0], 0u);
  EXPECT_EQ(both("{}"), "fits");
  EXPECT_EQ(both.row().present, (std::vector<std::uint8_t>(8, 0)));
}

TEST(Decoder, AStringFieldKeepsOtherValuesAsTheirJsonText) {
  Both both(every_type());
  for (const auto& [json, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"s": {"a" : [1, "}\"", {}] } })", R"({"a" : [1, "}\"", {}] })"},
           {R"({"s":[] ,"i":1})", "[]"},
           {R"({"s":-1.50e3 })", "-1.50e3"},
           {R"({"s":true})", "true"},
           {R"({"s":"\u0041\n\ud83d\ude00\u0000"})", nullptr}}) {
    EXPECT_EQ(both(json), "fits") << json;
    EXPECT_EQ(both.row().text[3], text != nullptr ? std::string(text) : std::string("A\n\U0001F600\0", 7))
        << json;
  }
}

TEST(Decoder, WhatDoesNotFitHasAReasonThatNamesTheField) {
  Both both(every_type());
  EXPECT_EQ(both(R"({"i":1.5})"), "field `i`: 1.5 does not fit int64");
  EXPECT_EQ(both(R"({"i":"1"})"), "field `i`: \"1\" does not fit int64");
  EXPECT_EQ(both(R"({"i":9223372036854775808})"), "field `i`: 9223372036854775808 does not fit int64");
  EXPECT_EQ(both(R"({"d":1e400})"), "field `d`: 1e400 does not fit double");
  EXPECT_EQ(both(R"({"d":true})"), "field `d`: true does not fit double");
  EXPECT_EQ(both(R"({"b":1})"), "field `b`: 1 does not fit bool");
  EXPECT_EQ(both(R"({"day":"2013-02-29"})"), "field `day`: \"2013-02-29\" does not fit date");
  EXPECT_EQ(both(R"({"day":"2013\u002d01-01"})"), "field `day`: \"2013-01-01\" does not fit date");
  EXPECT_EQ(both(R"({"ts":"2013-01-01T00:00:00"})"),
            "field `ts`: \"2013-01-01T00:00:00\" does not fit timestamp");
  EXPECT_EQ(both(R"({"x":1})"), "unknown field `x`");
  EXPECT_EQ(both(R"({"i":1,"i":2})"), "field `i` twice");
  EXPECT_EQ(both("{\"i\":1,\"\\u0069\":2}"), "field `i` twice");
}

TEST(Decoder, NotNullableFieldsWantAValue) {
  Both both(schema_of({{"a", "", Type::int64, false}, {"b", "", Type::string, true}}));
  EXPECT_EQ(both(R"({"a":1})"), "fits");
  EXPECT_EQ(both(R"({"a":null})"), "field `a`: null, but not nullable");
  EXPECT_EQ(both(R"({"b":"x"})"), "field `a`: not there, but not nullable");
}

TEST(Decoder, TheKeyInTheRecordMayDifferFromTheColumn) {
  Both both(schema_of({{"id", "_id", Type::int64, true}, {"q", "a\"b", Type::int64, true}}));
  EXPECT_EQ(both(R"({"_id":7,"a\"b":8})"), "fits");
  EXPECT_EQ(both.row().bits, (std::vector<std::uint64_t>{7, 8}));
  EXPECT_EQ(both(R"({"id":7})"), "unknown field `id`");
}

TEST(Decoder, WhatIsNoJsonObjectIsRefusedOnBothRoads) {
  Both both(every_type());
  for (const char* json : {"",
                           " ",
                           "null",
                           "1",
                           "\"x\"",
                           "[]",
                           "[{}]",
                           "{",
                           "}",
                           "{}}",
                           "{}{}",
                           "{} x",
                           "{,}",
                           R"({"i"})",
                           R"({"i":})",
                           R"({"i":1,})",
                           R"({"i":1 "d":2})",
                           R"({"i":1,,"d":2})",
                           R"({i:1})",
                           R"({'i':1})",
                           R"({"i":01})",
                           R"({"i":+1})",
                           R"({"i":1.})",
                           R"({"d":.5})",
                           R"({"d":1.e5})",
                           R"({"d":-})",
                           R"({"d":NaN})",
                           R"({"d":1.5.5})",
                           R"({"b":True})",
                           R"({"b":truee})",
                           R"({"i":nul})",
                           R"({"i":nullx})",
                           "{\"s\":\"\x01\"}",
                           "{\"s\":\"\n\"}",
                           "{\"s\":\"\xff\"}",
                           "{\"s\":\"\xc3\"}",
                           "{\"s\":\"\xed\xa0\x80\"}",
                           R"({"s":"\ud800"})",
                           R"({"s":"\udc00"})",
                           R"({"s":"\ud800\u0041"})",
                           R"({"s":"\x"})",
                           R"({"s":"\u12"})",
                           R"({"s":"abc)",
                           R"({"s":{"a":1)",
                           R"({"s":{"a":1]})",
                           R"({"s":[1,]})",
                           R"({"s":[1 2]})",
                           R"({"s":{"a":01}})",
                           R"({"s":{"a":tru}})",
                           R"({"s":{"a"}})",
                           "\xef\xbb\xbf{}",
                           "{\"i\":1}\x01",
                           "{\"\xff\":1}",
                           R"({"s":[}])"}) {
    EXPECT_TRUE(both(json).starts_with("not a JSON object")) << json << " -> " << both(json);
    EXPECT_FALSE(both.took_quick_road) << json;
  }
}

TEST(Decoder, DepthIsBounded) {
  Both both(every_type());
  const auto nested = [](std::size_t depth) {
    return "{\"s\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(both(nested(63)), "fits");
  EXPECT_EQ(both(nested(64)), "not a JSON object");
  EXPECT_EQ(both(nested(100000)), "not a JSON object");
  JsonObject object;
  EXPECT_FALSE(object.parse(as_bytes(nested(64))));
  EXPECT_EQ(object.problem(), "nested deeper than 64");
}

/// JSON of every odd kind, mostly valid, then damaged a little.
class RandomJson {
 public:
  explicit RandomJson(std::uint64_t seed) : random_(seed) {}
  std::string record() {
    std::string out = space() + "{" + space();
    const auto members = pick(pick(3) == 0 ? 10 : 4);
    for (std::uint64_t i = 0; i < members; ++i) {
      if (i != 0) out += space() + "," + space();
      const std::string name = key();
      out += name + space() + ":" + space() + (pick(4) == 0 ? value(0) : value_for(name));
    }
    out += space() + "}" + space();
    if (pick(3) == 0) damage(out);
    return out;
  }

 private:
  std::uint64_t pick(std::uint64_t n) { return random_() % n; }
  std::string space() { return pick(12) == 0 ? std::string(1, " \t\r\n"[pick(4)]) : ""; }
  std::string key() {
    static constexpr const char* keys[] = {
        "\"i\"",  "\"d\"",       "\"b\"",
        "\"s\"",  "\"day\"",     "\"ts\"",
        "\"tl\"", "\"\\u0069\"", "\"a key of more than thirty-two bytes\""};
    return keys[pick(40) == 0 ? 8 : pick(8 + (pick(20) == 0 ? 1 : 0))];
  }
  /// Of the kind that the field wants.
  std::string value_for(const std::string& name) {
    if (name == "\"s\"") return text();
    if (name == "\"b\"") return pick(2) == 0 ? "true" : "false";
    return name == "\"day\"" || name == "\"ts\"" || name == "\"tl\"" ? time() : number();
  }
  std::string digits(std::uint64_t n) {
    std::string out;
    for (std::uint64_t i = 0; i < n; ++i) out += static_cast<char>('0' + pick(10));
    return out;
  }
  std::string number() {
    std::string out = pick(3) == 0 ? "-" : "";
    out += pick(10) == 0
               ? "0"
               : std::string(1, static_cast<char>('1' + pick(9))) + digits(pick(pick(4) == 0 ? 20 : 6));
    if (pick(2) == 0) out += "." + digits(1 + pick(pick(4) == 0 ? 20 : 4));
    if (pick(6) == 0)
      out += std::string(1, "eE"[pick(2)]) +
             (pick(2) == 0   ? "-"
              : pick(2) == 0 ? "+"
                             : "") +
             digits(1 + pick(3));
    return out;
  }
  std::string text() {
    static constexpr const char* pieces[] = {"a",
                                             "bc",
                                             " ",
                                             "0",
                                             "größe",
                                             "\\n",
                                             "\\\"",
                                             "\\\\",
                                             "\\u00e9",
                                             "\\ud83d\\ude00",
                                             "\xf0\x9f\x98\x80",
                                             "\\ud800",
                                             "{",
                                             "]",
                                             ",",
                                             ":",
                                             "\x7f",
                                             "\\/",
                                             "a long piece of plain text"};
    std::string out = "\"";
    const auto n = pick(6);
    for (std::uint64_t i = 0; i < n; ++i) out += pieces[pick(2) == 0 ? pick(4) : pick(std::size(pieces))];
    return out + "\"";
  }
  std::string time() {
    std::string out =
        "\"20" + digits(2) + "-0" + digits(1) + "-" + std::string(1, "0123"[pick(4)]) + digits(1);
    if (pick(3) != 0)
      out += std::string(1, "T T"[pick(3)]) + "1" + digits(1) + ":" + std::string(1, "01234569"[pick(8)]) +
             digits(1) + ":2" + digits(1);
    if (pick(3) == 0) out += "." + digits(1 + pick(7));
    if (pick(2) == 0) out += pick(2) == 0 ? "Z" : "+0" + digits(1) + ":30";
    return out + "\"";
  }
  std::string value(int depth) {
    switch (pick(depth > 4 ? 6 : 9)) {
      case 0:
        return "null";
      case 1:
        return pick(2) == 0 ? "true" : "false";
      case 2:
      case 3:
        return number();
      case 4:
        return text();
      case 5:
        return time();
      case 6:
        return number();
      case 7: {
        std::string out = "[" + space();
        for (auto n = pick(4); n > 0; --n) out += value(depth + 1) + (n > 1 ? "," : "");
        return out + space() + "]";
      }
      default:
        return "{" + text() + space() + ":" + value(depth + 1) + "}";
    }
  }
  void damage(std::string& text) {
    const auto at = pick(text.size());
    switch (pick(4)) {
      case 0:
        text.erase(at, 1);
        return;
      case 1:
        text.insert(at, 1, "{}[],:\"\\0-.eE \x01\xff"[pick(17)]);
        return;
      case 2:
        text[at] = static_cast<char>(random_());
        return;
      default:
        text.resize(at);
    }
  }

  std::mt19937_64 random_;
};

TEST(Decoder, BothRoadsAndAnotherParserAgreeOnRandomRecords) {
  Both both(every_type());
  RandomJson records(20261124);
  int fits = 0;
  int quick = 0;
  int objects = 0;
  for (int i = 0; i < 60'000; ++i) {
    const std::string json = records.record();
    const std::string reason = both(json);
    const auto parsed = nlohmann::json::parse(json, nullptr, false);
    const bool is_object = parsed.is_object();
    // The other parser counts numbers that are too large for a double as errors, and takes a NUL for the end.
    if (json.find_first_of(std::string_view("eE\0", 3)) == std::string::npos) {
      ASSERT_EQ(is_object, !reason.starts_with("not a JSON object")) << json << " -> " << reason;
    }
    fits += reason == "fits" ? 1 : 0;
    quick += both.took_quick_road ? 1 : 0;
    objects += is_object ? 1 : 0;
  }
  EXPECT_GT(objects, 30'000);
  EXPECT_GT(fits, 8'000);
  EXPECT_GT(quick, 3'000);
}

TEST(Decoder, ARecordCutAnywhereNeverReadsOnInWhatFollows) {
  Both both(every_type());
  const std::string json =
      R"({"i":-42,"d":1.25,"b":true,"s":"x y","day":"1970-01-02","ts":"1970-01-01T00:00:01Z"})";
  for (std::size_t n = 0; n < json.size(); ++n) {
    // What follows is the rest of the record itself: the worst that a reader could find.
    Decoder decoder(every_type());
    const std::string followed = json + std::string(value_padding_bytes, '}');
    EXPECT_FALSE(decoder.decode_quickly(as_bytes(std::string_view(followed).substr(0, n)))) << n;
    EXPECT_TRUE(both(json.substr(0, n)).starts_with("not a JSON object")) << n;
  }
}

TEST(Decoder, QuickDoublesAreTheNearest) {
  const auto schema = schema_of({{"d", "", Type::float64, true}});
  Decoder decoder(schema);
  std::mt19937_64 random(7);
  for (int i = 0; i < 200'000; ++i) {
    std::string number = std::to_string(random() % 100'000'000 >> random() % 27) + ".";
    for (auto n = 1 + random() % 9; n > 0; --n) number += static_cast<char>('0' + random() % 10);
    const Padded value("{\"d\":" + number + "}");
    ASSERT_TRUE(decoder.decode_quickly(value.view())) << number;
    ASSERT_EQ(as_double(decoder.row().bits[0]), std::strtod(number.c_str(), nullptr)) << number;
  }
}

}  // namespace
}  // namespace sluice::lake
