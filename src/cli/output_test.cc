#include "cli/output.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

Table lag_table() {
  return {.schema = "sluice.test/1",
          .columns = {"topic", "partition", "log_start"},
          .rows = {{std::string("a,\"b\""), std::int64_t{0}, std::int64_t{12}},
                   {std::string("orders"), std::int64_t{10}, std::monostate{}}},
          .errors = {"orders[10]: no leader"}};
}

TEST(Output, ATableAlignsNumbersRightAndShowsTheUnknownAsADash) {
  EXPECT_EQ(render(lag_table(), OutputFormat::table).value(),
            "TOPIC   PARTITION  LOG-START\n"
            "a,\"b\"           0         12\n"
            "orders         10          -\n");
}

TEST(Output, JsonShowsTheUnknownAsNullAndCarriesTheErrors) {
  EXPECT_EQ(render(lag_table(), OutputFormat::json).value(),
            "{\"schema\":\"sluice.test/1\",\"rows\":[\n"
            " {\"topic\":\"a,\\\"b\\\"\",\"partition\":0,\"log_start\":12},\n"
            " {\"topic\":\"orders\",\"partition\":10,\"log_start\":null}],\"errors\":[\n"
            " \"orders[10]: no leader\"]}\n");
}

TEST(Output, JsonTellsWhatHoldsForAllRowsBesideThem) {
  Table table{.schema = "s", .columns = {}, .rows = {}, .errors = {}, .facts = {{"executed", false}}};
  EXPECT_EQ(render(table, OutputFormat::json).value(),
            "{\"schema\":\"s\",\"executed\":false,\"rows\":[],\"errors\":[]}\n");
}

TEST(Output, CsvQuotesWhatNeedsItAndLeavesTheUnknownEmpty) {
  EXPECT_EQ(render(lag_table(), OutputFormat::csv).value(),
            "topic,partition,log_start\n\"a,\"\"b\"\"\",0,12\norders,10,\n");
}

TEST(Output, ATableHasNoKafkaTextForm) {
  EXPECT_EQ(render(lag_table(), OutputFormat::kafka).error().code, Code::invalid_argument);
}

TEST(Output, AMistypedFormatNamesTheNearestOne) {
  EXPECT_EQ(parse_output_format("jsn").error().hint, "did you mean json?");
  EXPECT_EQ(parse_output_format("kafka").value(), OutputFormat::kafka);
}

TEST(Output, LargeNumbersAreGroupedByThrees) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(-999), "-999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
}

TEST(Output, ForeignBytesCannotDriveTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2J\xff\xc3\xa9\xc0\xaf\n"), "a\\x1b[2J\\xff\xc3\xa9\\xc0\\xaf\\x0a");
  EXPECT_EQ(json_string("a\xff\""), "\"a\xEF\xBF\xBD\\\"\"");
}

}  // namespace
}  // namespace sluice::cli
