// The worked example of docs/formats/hashes.md, computed by audit's own code.
#include "audit/column_hash.h"

#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>

namespace sluice::audit {
namespace {

template <class Builder, class... Values>
std::shared_ptr<arrow::Array> array(Builder&& builder, std::optional<Values>... values) {
  const auto append = [&](const auto& value) {
    EXPECT_TRUE((value ? builder.Append(*value) : builder.AppendNull()).ok());
  };
  (append(values), ...);
  return builder.Finish().ValueOrDie();
}

TEST(Hashes, RawTermsAreThoseOfTheWorkedExample) {
  const auto first = raw_term(Offset{7}, 1'700'000'000'000, std::nullopt, as_bytes(R"({"a":1,"b":"x"})"));
  const auto second =
      raw_term(Offset{8}, 1'700'000'000'001, as_bytes("k"), as_bytes(R"({"a":null,"b":"yz"})"));
  EXPECT_EQ(first, 0x428cbdc060fd8fe8u);
  EXPECT_EQ(second, 0x1554ffd77213f45cu);
}

TEST(Hashes, TheLogicalHashIsThatOfTheWorkedExample) {
  using Int = std::optional<std::int64_t>;
  using Text = std::optional<std::string>;
  std::vector<ColumnHash> columns(5);
  columns[0].add(*array(arrow::Int64Builder(), Int(1), Int()));
  columns[1].add(*array(arrow::StringBuilder(), Text("x"), Text("yz")));
  columns[2].add(
      *array(arrow::Int32Builder(), std::optional<std::int32_t>(0), std::optional<std::int32_t>(0)));
  columns[3].add(*array(arrow::Int64Builder(), Int(7), Int(8)));
  columns[4].add(*array(
      arrow::TimestampBuilder(arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), arrow::default_memory_pool()),
      Int(1'700'000'000'000), Int(1'700'000'000'001)));
  EXPECT_EQ(columns[0].digest(), 0x4faf1cc14d133323u);
  EXPECT_EQ(columns[1].digest(), 0x51a6be7e179623f3u);
  EXPECT_EQ(columns[2].digest(), 0xdd44f85d71a23feeu);
  EXPECT_EQ(columns[3].digest(), 0x23e7020e910007bcu);
  EXPECT_EQ(columns[4].digest(), 0xe85dc6d41515e86au);
  EXPECT_EQ(file_hash(columns, 2), 0x243292ece3624653u);
}

TEST(Hashes, BatchesDoNotChangeAColumnsHash) {
  using Text = std::optional<std::string>;
  ColumnHash whole;
  whole.add(*array(arrow::StringBuilder(), Text("a"), Text(), Text("bc")));
  ColumnHash split;
  split.add(*array(arrow::StringBuilder(), Text("a")));
  split.add(*array(arrow::StringBuilder(), Text(), Text("bc")));
  EXPECT_EQ(whole.digest(), split.digest());
}

TEST(Hashes, EveryNanIsTheSameAndZerosDiffer) {
  using Double = std::optional<double>;
  const auto digest = [](double value) {
    ColumnHash hash;
    hash.add(*array(arrow::DoubleBuilder(), Double(value)));
    return hash.digest();
  };
  EXPECT_EQ(digest(std::nan("1")), digest(-std::nan("2")));
  EXPECT_NE(digest(0.0), digest(-0.0));
}

}  // namespace
}  // namespace sluice::audit
