#include "audit/offset_set.h"

#include <gtest/gtest.h>

namespace sluice::audit {
namespace {

TEST(OffsetSet, FoldsNeighboursHoweverTheyCome) {
  OffsetSet set;
  for (const std::int64_t o : {5, 6, 9, 7, 8, 1}) set.add(Offset{o});
  EXPECT_EQ(set.count(), 6);
  EXPECT_EQ(set.to_text(), "1, 5..9");
  EXPECT_FALSE(set.incomplete());
}

TEST(OffsetSet, CountsEveryTimeAnOffsetIsAdded) {
  OffsetSet set;
  for (int i = 0; i < 3; ++i) set.add(Offset{4});
  EXPECT_EQ(set.count(), 3);
  EXPECT_EQ(set.to_text(), "4");
}

TEST(OffsetSet, RemembersABoundedNumberOfRangesAndSaysSo) {
  OffsetSet set;
  const auto count = static_cast<std::int64_t>(OffsetSet::ranges_max) + 10;
  for (std::int64_t i = 0; i < count; ++i) set.add(Offset{i * 2});
  EXPECT_EQ(set.count(), count);
  EXPECT_EQ(set.ranges().size(), OffsetSet::ranges_max);
  EXPECT_TRUE(set.incomplete());
}

TEST(OffsetSet, CountsWhatHasNoExactPlaceAndSaysSo) {
  OffsetSet set;
  set.add_some(2, {Offset{10}, Offset{20}});
  EXPECT_EQ(set.count(), 2);
  EXPECT_EQ(set.to_text(), "10..19 (not all of them are exact)");
}

}  // namespace
}  // namespace sluice::audit
