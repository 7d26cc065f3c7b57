#include "audit/row_model.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::audit {
namespace {

constexpr std::string_view schema_text =
    R"({"format":"sluice.schema/1","fields":[{"name":"id","type":"int64"}]})";

bool is_row(const std::vector<std::string>& terms, std::int64_t timestamp_ms) {
  const auto schema = parse_schema(schema_text, terms);
  EXPECT_TRUE(schema.has_value());
  RowModel model(*schema);
  TopicRecord record;
  record.timestamp_ms = timestamp_ms;
  record.value = as_bytes(R"({"id":1})");
  return model.row_hash(PartitionId{0}, record).has_value();
}

TEST(RowModel, ARecordWhoseTimestampHasNoFourDigitYearHasNoDirectoryOfIt) {
  for (const std::string term : {"day(_timestamp)", "h=hour(_timestamp)"}) {
    for (const std::int64_t good :
         {std::int64_t{-1}, std::int64_t{0}, -62'167'219'200'000, 253'402'300'799'999})
      EXPECT_TRUE(is_row({term}, good)) << term << " " << good;
    for (const std::int64_t bad :
         {-62'167'219'200'001, 253'402'300'800'000, 1'700'000'000'000'000,
          std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()})
      EXPECT_FALSE(is_row({term}, bad)) << term << " " << bad;
  }
}

TEST(RowModel, WithoutSuchADirectoryAnyTimestampWillDo) {
  EXPECT_TRUE(is_row({}, std::numeric_limits<std::int64_t>::max()));
}

}  // namespace
}  // namespace sluice::audit
