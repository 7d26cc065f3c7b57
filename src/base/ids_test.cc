#include "base/ids.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace sluice::base {
namespace {

static_assert(!std::is_convertible_v<PartitionId, LeaderEpoch>);
static_assert(!std::is_convertible_v<std::int64_t, Offset>);
static_assert(!std::is_convertible_v<Offset, std::int64_t>);

TEST(Uuid, IsShownAsKafkaShowsIt) {
  // Kafka's own reserved ids: ONE_UUID and METADATA_TOPIC_ID are {0, 1}, and all bits set is its text of 22
  // '_' but for the last, which holds two bits only.
  EXPECT_EQ(to_string(Uuid{0, 1}), "AAAAAAAAAAAAAAAAAAAAAQ");
  EXPECT_EQ(to_string(Uuid{}), "AAAAAAAAAAAAAAAAAAAAAA");
  EXPECT_EQ(to_string(Uuid{~0ull, ~0ull}), "_____________________w");
}

TEST(Uuid, ComesBackFromItsText) {
  for (Uuid id :
       {Uuid{}, Uuid{1, 2}, Uuid{0x0123456789abcdefull, 0xfedcba9876543210ull}, Uuid{~0ull, ~0ull}}) {
    Uuid back;
    ASSERT_TRUE(parse_uuid(to_string(id), back));
    EXPECT_EQ(back, id);
  }
}

TEST(Uuid, OtherTextsAreRefused) {
  Uuid id;
  for (const char* text : {"", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA",
                           "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAA+AAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB"})
    EXPECT_FALSE(parse_uuid(text, id)) << text;
}

TEST(OffsetRange, IsHalfOpen) {
  const OffsetRange range{Offset{10}, Offset{13}};
  EXPECT_EQ(range.count(), 3);
  EXPECT_TRUE(range.contains(Offset{10}));
  EXPECT_TRUE(range.contains(Offset{12}));
  EXPECT_FALSE(range.contains(Offset{13}));
  EXPECT_FALSE(range.contains(Offset{9}));
  EXPECT_FALSE(range.empty());
  EXPECT_TRUE((OffsetRange{Offset{10}, Offset{10}}.empty()));
}

TEST(Offset, MovesByCounts) {
  EXPECT_EQ(Offset{5} + 2, Offset{7});
  EXPECT_EQ(Offset{5} - 2, Offset{3});
  EXPECT_EQ(Offset{5} - Offset{2}, 3);
  EXPECT_LT(Offset{1}, Offset{2});
}

}  // namespace
}  // namespace sluice::base
