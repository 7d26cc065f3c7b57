#include "log/offset_map.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::log {
namespace {

TEST(OffsetMap, KnowsTheLastOffsetOfEachKey) {
  OffsetMap map{1000, 0.9, {1, 2}};
  for (std::int64_t i = 0; i < 3000; ++i) {
    ASSERT_TRUE(map.put(as_bytes("key " + std::to_string(i % 700)), Offset{i}));
  }
  EXPECT_EQ(map.size(), 700u);
  for (std::int64_t i = 2300; i < 3000; ++i)
    EXPECT_EQ(map.get(as_bytes("key " + std::to_string(i % 700))), Offset{i});
  EXPECT_EQ(map.get(as_bytes("another")), Offset{-1});
  EXPECT_EQ(map.get(BytesView{}), Offset{-1}) << "an empty key is a key like any other";
  ASSERT_TRUE(map.put(BytesView{}, Offset{5}));
  EXPECT_EQ(map.get(BytesView{}), Offset{5});
}

TEST(OffsetMap, RefusesOneKeyTooManyAndStillTakesThoseItKnows) {
  for (const double load_factor : {0.1, 0.9, 1.0}) {
    OffsetMap map{3, load_factor, {1, 2}};
    for (const char* const key : {"a", "b", "c"}) ASSERT_TRUE(map.put(as_bytes(key), Offset{1}));
    EXPECT_FALSE(map.put(as_bytes("d"), Offset{2}));
    EXPECT_EQ(map.get(as_bytes("d")), Offset{-1});
    EXPECT_TRUE(map.put(as_bytes("b"), Offset{3}));
    EXPECT_EQ(map.get(as_bytes("b")), Offset{3});
  }
}

}  // namespace
}  // namespace sluice::log
