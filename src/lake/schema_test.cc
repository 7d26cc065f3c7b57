#include "lake/schema.h"

#include <gtest/gtest.h>

#include <string>

#include "lake/codec.h"

namespace sluice::lake {
namespace {

std::string refusal(std::string_view json) {
  auto schema = Schema::parse(json);
  return schema ? "accepted" : schema.error().message;
}
std::string with_fields(std::string_view fields) {
  return R"({"format":"sluice.schema/1","fields":[)" + std::string(fields) + "]}";
}
Schema infer(std::initializer_list<std::string_view> records) {
  Inference inference;
  for (const std::string_view record : records) inference.add(as_bytes(record));
  return inference.finish().value();
}

TEST(Schema, TextAndSchemaAreOneAndTheSame) {
  const Schema schema = Schema::make({{"a", "a", Type::int64, false},
                                      {"b", "_b \"x\"\n", Type::float64, true},
                                      {"größe", "größe", Type::timestamp_local, true}})
                            .value();
  const auto back = Schema::parse(schema.to_json());
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(*back, schema);
  EXPECT_EQ(back->to_json(), schema.to_json());
}

TEST(Schema, FieldsAreNullableAndTakeTheirOwnNameUnlessTold) {
  const auto schema = Schema::parse(with_fields(R"({"name":"x","type":"bool"})"));
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->fields()[0], (Field{"x", "x", Type::boolean, true}));
}

TEST(Schema, WhatIsNotASchemaIsRefusedWithTheReason) {
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(refusal(""), "not a JSON object"));
  EXPECT_TRUE(has(refusal("[]"), "not a JSON object"));
  EXPECT_TRUE(has(refusal(with_fields("") + "x"), "not a JSON object"));
  EXPECT_TRUE(has(refusal(with_fields("")), "no fields"));
  EXPECT_TRUE(has(refusal(R"({"fields":[{"name":"a","type":"int64"}]})"), "format"));
  EXPECT_TRUE(has(refusal(R"({"format":"sluice.schema/2","fields":[]})"), "format"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":"a"})")), "no type"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"type":"int64"})")), "no name"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":"a","type":"int"})")), "no type `int`"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":"a","type":"int64","nulable":true})")), "nulable"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":"a","name":"b","type":"int64"})")), "twice"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":"a","type":"int64","nullable":1})")), "wrong type"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":"","type":"int64"})")), "empty"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":"_a","type":"int64"})")), "reserved"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":"a\u0001","type":"int64"})")), "control"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":"Id","type":"int64"},{"name":"iD","type":"int64"})")),
                  "two fields"));
  EXPECT_TRUE(has(refusal(with_fields(
                      R"({"name":"a","from":"k","type":"int64"},{"name":"b","from":"k","type":"int64"})")),
                  "key `k`"));
  EXPECT_TRUE(has(refusal(with_fields(R"({"name":")" + std::string(256, 'x') + R"(","type":"int64"})")),
                  "256 bytes"));
  EXPECT_TRUE(has(refusal(std::string(schema_text_bytes_max + 1, ' ')), "bytes; at most"));
}

TEST(Inference, TypesFollowWhatWasSeen) {
  const Schema schema = infer(
      {R"({"i":1,"d":1,"b":true,"s":"x","day":"2013-01-01","ts":"2013-01-01T10:00:00Z","tl":"2013-01-01 10:00:00","n":null})",
       R"({"i":-9223372036854775808,"d":2.5,"b":null,"s":"","day":"2000-02-29","ts":"2013-01-01T10:00:00.25+01:00","tl":"2013-01-01T10:00:00","n":null})"});
  std::vector<Type> types;
  for (const Field& field : schema.fields()) {
    types.push_back(field.type);
    EXPECT_TRUE(field.nullable);
  }
  EXPECT_EQ(types, (std::vector{Type::int64, Type::float64, Type::boolean, Type::string, Type::date,
                                Type::timestamp, Type::timestamp_local, Type::string}));
}

TEST(Inference, MixturesAndWhatNoTypeHoldsExactlyBecomeStrings) {
  const Schema schema = infer(
      {R"({"a":1,"b":"2013-01-01","c":true,"d":{"x":1},"e":18446744073709551616,"f":9007199254740993,"g":"2013-01-01T00:00:00","h":1e400})",
       R"({"a":"1","b":"later","c":0,"d":{"x":2},"e":1,"f":0.5,"g":"2013-01-01T00:00:00Z","h":1.5})"});
  for (const Field& field : schema.fields()) EXPECT_EQ(field.type, Type::string) << field.name;
}

TEST(Inference, FieldsStandInTheOrderOfTheirFirstAppearance) {
  const Schema schema = infer({R"({"b":1})", R"({"a":1,"b":2})", R"({"c":1,"a":1})"});
  ASSERT_EQ(schema.fields().size(), 3u);
  EXPECT_EQ(schema.fields()[0].name, "b");
  EXPECT_EQ(schema.fields()[1].name, "a");
  EXPECT_EQ(schema.fields()[2].name, "c");
}

TEST(Inference, KeysThatAreNoColumnNamesGetOthersAndKeepTheKey) {
  const std::string long_key(300, 'k');
  const Schema schema = infer({R"({"_id":1,"":2,"ID":3,"id":4,"a\nb":5,"f_id":6,")" + long_key + R"(":7})"});
  const auto& f = schema.fields();
  ASSERT_EQ(f.size(), 7u);
  EXPECT_EQ(f[0], (Field{"f_id", "_id", Type::int64, true}));
  EXPECT_EQ(f[1], (Field{"field", "", Type::int64, true}));
  EXPECT_EQ(f[2].name, "ID");
  EXPECT_EQ(f[3].name, "id_2");
  EXPECT_EQ(f[4], (Field{"a_b", "a\nb", Type::int64, true}));
  EXPECT_EQ(f[5].name, "f_id_2");
  EXPECT_EQ(f[6], (Field{std::string(200, 'k'), long_key, Type::int64, true}));
  EXPECT_TRUE(Schema::parse(schema.to_json()));
}

TEST(Inference, RecordsThatAreNoObjectsAreLeftOut) {
  Inference inference;
  inference.add(std::nullopt);
  for (const char* bad : {"", "[]", "1", R"({"a":1)", R"({"a":1}})", R"({"a":1,"a":2})", "{\"a\":\"\xff\"}"})
    inference.add(as_bytes(bad));
  EXPECT_EQ(inference.left_out(), 8u);
  EXPECT_EQ(inference.finish().error().code, Code::not_found);
  inference.add(as_bytes(R"({"a":1})"));
  EXPECT_EQ(inference.records(), 1u);
  EXPECT_TRUE(inference.finish());
}

TEST(Inference, TooManyKeysAreALimitAndNotMemory) {
  Inference inference;
  for (std::size_t i = 0; i <= schema_fields_max; ++i)
    inference.add(as_bytes("{\"k" + std::to_string(i) + "\":1}"));
  EXPECT_EQ(inference.finish().error().code, Code::limit_exceeded);
}

TEST(Codec, TextsAreReadAsTheyAreWritten) {
  for (const char* text : {"none", "snappy", "lz4", "zstd:1", "zstd:22", "gzip:6"})
    EXPECT_EQ(to_string(parse_codec(text).value()), text);
  EXPECT_EQ(parse_codec("zstd").value(), (Codec{Codec::Kind::zstd, 1}));
  for (const char* bad :
       {"", "ZSTD", "zstd:", "zstd:0", "zstd:23", "zstd:1x", "snappy:1", "brotli", "none:0"})
    EXPECT_EQ(parse_codec(bad).error().code, Code::invalid_argument) << bad;
}

}  // namespace
}  // namespace sluice::lake
