#include "table/descriptor.h"

#include <gtest/gtest.h>

#include "sim/env.h"
#include "table/local_store.h"
#include "table/names.h"

namespace sluice::table {
namespace {

class DescriptorTest : public ::testing::Test {
 protected:
  static Descriptor wanted() {
    return {Uuid{1, 2}, "cluster-a", "flights", Uuid{3, 4}, {"day(time_hour)"}, "", {Offset{0}, Offset{55}}};
  }

  sim::World world_{1};
  LocalStore store_{world_.fs, world_.random, "/lake/flights"};
};

TEST_F(DescriptorTest, TheFirstWorkerDecidesForAll) {
  ASSERT_TRUE(bind_table(store_, wanted()));
  Descriptor later = wanted();
  later.table_id = Uuid{9, 9};
  later.starts = {Offset{7}, Offset{70}};
  const auto bound = bind_table(store_, later);
  ASSERT_TRUE(bound.has_value());
  EXPECT_EQ(*bound, wanted());
}

TEST_F(DescriptorTest, ATableOfAnotherClusterTopicOrPipelineIsRefusedNamingBoth) {
  ASSERT_TRUE(bind_table(store_, wanted()));
  Descriptor cluster = wanted();
  cluster.cluster_id = "cluster-b";
  Descriptor recreated = wanted();
  recreated.topic_id = Uuid{5, 6};
  Descriptor pipeline = wanted();
  pipeline.partition_by = {};
  for (const Descriptor& other : {cluster, recreated, pipeline}) {
    const auto bound = bind_table(store_, other);
    ASSERT_FALSE(bound.has_value());
    EXPECT_EQ(bound.error().code, Code::conflict);
    EXPECT_FALSE(bound.error().hint.empty());
  }
  const auto bound = bind_table(store_, cluster);
  EXPECT_NE(bound.error().message.find("cluster-a"), std::string::npos);
  EXPECT_NE(bound.error().message.find("cluster-b"), std::string::npos);
}

TEST_F(DescriptorTest, NoTableIsNotFound) {
  const auto none = read_descriptor(store_);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Code::not_found);
}

TEST_F(DescriptorTest, EveryFlippedBitIsNoticed) {
  const auto bytes = encode(wanted());
  ASSERT_TRUE(bytes.has_value());
  ASSERT_TRUE(decode_descriptor(*bytes));
  for (std::size_t i = 0; i < bytes->size(); ++i) {
    Bytes damaged = *bytes;
    damaged[i] ^= std::byte{1};
    EXPECT_FALSE(decode_descriptor(damaged)) << i;
  }
}

TEST_F(DescriptorTest, ItsTextIsTheOneOfItsFormatPage) {
  const Descriptor page{Uuid{1, 2},
                        "K9qUpRtoTrGWGGkNzaKyQw",
                        "flights",
                        Uuid{0x1f2e3d4c5b6a7988u, 0x0102030405060708u},
                        {"day(time_hour)"},
                        "",
                        {Offset{0}, Offset{55}}};
  const auto bytes = encode(page);
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ(as_text(*bytes), R"page({
  "format": 1,
  "table_id": "AAAAAAAAAAEAAAAAAAAAAg",
  "cluster_id": "K9qUpRtoTrGWGGkNzaKyQw",
  "topic": "flights",
  "topic_id": "Hy49TFtqeYgBAgMEBQYHCA",
  "pipeline": {
    "partition_by": [
      "day(time_hour)"
    ],
    "filter": ""
  },
  "starts": [
    0,
    55
  ]
}
crc32c dc0d9966
)page");
}

TEST_F(DescriptorTest, TwoWorkersThatInferTwoSchemasShareTheFirst) {
  EXPECT_EQ(bind_schema(store_, 1, "schema one"), "schema one");
  EXPECT_EQ(bind_schema(store_, 1, "schema two"), "schema one");
  const auto second = read_schema(store_, 2);
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(second->has_value());
}

TEST_F(DescriptorTest, WhatWasBoundSurvivesThePower) {
  ASSERT_TRUE(bind_table(store_, wanted()));
  ASSERT_TRUE(bind_schema(store_, 1, "schema one"));
  world_.fs.restart(sim::Crash::all_lost);
  LocalStore fresh(world_.fs, world_.random, "/lake/flights");
  EXPECT_TRUE(read_descriptor(fresh).has_value());
  EXPECT_EQ(bind_schema(fresh, 1, "schema two"), "schema one");
}

}  // namespace
}  // namespace sluice::table
