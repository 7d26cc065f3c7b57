#include "table/names.h"

#include <gtest/gtest.h>

#include <limits>

#include "table/store.h"

namespace sluice::table {
namespace {

constexpr ChainId chain{Uuid{0x0123456789abcdefu, 0xfedcba9876543210u}, PartitionId{3}};

TEST(Names, CommitNamesSortAsTheirOffsetsDo) {
  EXPECT_LT(commit_name(chain, Offset{9}, false), commit_name(chain, Offset{10}, false));
  EXPECT_LT(commit_name(chain, Offset{10}, false),
            commit_name(chain, Offset{std::numeric_limits<std::int64_t>::max()}, false));
}

TEST(Names, TheFirstObjectOfAChainHasOneNameWhereverItBegins) {
  EXPECT_EQ(commit_name(chain, Offset{0}, true), commit_name(chain, Offset{77}, true));
}

TEST(Names, PaddedOffsetsAreReadBackAndNothingElseIs) {
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{42}, std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(parse_padded(padded(Offset{value})), Offset{value});
  }
  for (const char* text :
       {"", "1", "0000000000000000000", "000000000000000000001", "0000000000000000000x",
        "-0000000000000000001", "09223372036854775808", "18446744073709551616", "99999999999999999999"}) {
    EXPECT_FALSE(parse_padded(text)) << text;
  }
}

TEST(Names, ATemporaryFileTellsWhereItsRangeBegins) {
  const std::string name = temporary_name(chain, Offset{41}, "nonce", 2, "rows");
  EXPECT_EQ(temporary_begin(name.substr(name.rfind('/') + 1)), Offset{41});
  EXPECT_FALSE(name.ends_with(".parquet"));
  EXPECT_FALSE(temporary_begin("00000000000000000041"));
  EXPECT_FALSE(temporary_begin("README"));
}

TEST(Names, ADataFileTellsTopicPartitionAndRange) {
  EXPECT_EQ(data_file_name("dt=2013-01-01", chain, {Offset{5}, Offset{9}}, 0),
            "dt=2013-01-01/part-" + to_string(chain.topic_id) +
                "-00003-00000000000000000005-00000000000000000009.parquet");
  EXPECT_NE(data_file_name("", chain, {Offset{5}, Offset{9}}, 0),
            data_file_name("", chain, {Offset{5}, Offset{9}}, 1));
}

TEST(Names, ReadersDoNotSkipDataFilesWhateverTheTopicIdBeginsWith) {
  const ChainId underscore{Uuid{0xfc00000000000000u, 1}, PartitionId{0}};
  EXPECT_EQ(to_string(underscore.topic_id)[0], '_');
  EXPECT_NE(data_file_name("", underscore, {Offset{0}, Offset{1}}, 0)[0], '_');
}

TEST(Names, NamesThatLeadOutOfTheTableAreNotValid) {
  for (const char* name : {"", "/", "/etc/passwd", "a/../b", "..", ".", "a//b", "a/", "a/./b", "a\nb"}) {
    EXPECT_FALSE(valid_name(name)) << name;
  }
  for (const char* name : {"a", "dt=2013-01-01/part-1.parquet", "_sluice/table.json", "...", "a/..b"}) {
    EXPECT_TRUE(valid_name(name)) << name;
  }
}

}  // namespace
}  // namespace sluice::table
