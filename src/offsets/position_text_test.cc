#include "offsets/position_text.h"

#include <gtest/gtest.h>

namespace sluice::offsets {
namespace {

const Offsets some = {{{"a", PartitionId{0}}, Offset{5}},
                      {{"a", PartitionId{10}}, Offset{6}},
                      {{"b", PartitionId{1}}, Offset{0}}};
const Offsets one = {{{"a", PartitionId{0}}, Offset{42}}, {{"a", PartitionId{1}}, Offset{300}}};

TEST(PositionText, EachFormIsWrittenAsItsReaderWantsIt) {
  EXPECT_EQ(format_positions(some, PositionFormat::csv).value(), "a,0,5\na,10,6\nb,1,0\n");
  EXPECT_EQ(format_positions(some, PositionFormat::kafka).value(), "a:0:5\na:10:6\nb:1:0\n");
  EXPECT_EQ(format_positions(some, PositionFormat::spark, {{"b", PartitionId{2}}}).value(),
            "{\"a\":{\"0\":5,\"10\":6},\"b\":{\"1\":0,\"2\":-2}}\n");
  EXPECT_EQ(format_positions(one, PositionFormat::flink).value(),
            "partition:0,offset:42;partition:1,offset:300\n");
  EXPECT_EQ(format_positions(some, PositionFormat::flink).error().code, Code::invalid_argument);
}

TEST(PositionText, WhatIsWrittenIsReadBack) {
  for (const auto format :
       {PositionFormat::csv, PositionFormat::json, PositionFormat::kafka, PositionFormat::spark}) {
    const auto read = parse_positions(format_positions(some, format).value());
    ASSERT_TRUE(read) << to_string(read.error());
    EXPECT_EQ(*read, some);
  }
  EXPECT_EQ(parse_positions(format_positions(one, PositionFormat::flink).value(), "a").value(), one);
}

TEST(PositionText, OtherToolsLinesAreTaken) {
  EXPECT_EQ(parse_positions("topic,partition,offset\r\n\"a\",0,42\r\na,1,300\r\n").value(), one);
  EXPECT_EQ(parse_positions("\"group\",\"a\",0,42\ng,a,1,300").value(), one);
  EXPECT_EQ(parse_positions("a 0  42\n# a remark\na 1 300\n").value(), one);
}

TEST(PositionText, WhatIsNoPositionIsRefusedWithItsLine) {
  for (const auto* bad : {"", "\n", "a,0", "a,0,-1", "a,x,1", "a:0:1:2", "{", "{}", "[1]", "{\"a\":1}",
                          "{\"a\":{\"0\":-2}}", "{\"a\":{\"0\":1.5}}", "{\"partitions\":[{\"topic\":\"a\"}]}",
                          "a:0:1\na:0:2", ",0,1", "a,0,99999999999999999999", "partition:0,offset:42"}) {
    EXPECT_EQ(parse_positions(bad).error().code, Code::invalid_argument) << bad;
  }
  EXPECT_NE(parse_positions("a:0:1\nb:zero:2").error().message.find("line 2"), std::string::npos);
  EXPECT_NE(parse_positions(std::string(300, 'x') + ":0:1").error().message, "");
}

TEST(PositionText, AMistypedFormatNamesThoseThereAre) {
  EXPECT_EQ(parse_position_format("spark").value(), PositionFormat::spark);
  EXPECT_NE(parse_position_format("sparc").error().hint.find("spark"), std::string::npos);
}

}  // namespace
}  // namespace sluice::offsets
