#include "lake/hashes.h"

#include <gtest/gtest.h>

#include "lake/read_back.h"
#include "lake/testing.h"
#include "sim/file_system.h"

namespace sluice::lake {
namespace {

// The numbers are those of the worked example in docs/formats/hashes.md, computed by another program.
TEST(Hashes, TheWorkedExampleOfThePageHolds) {
  const testing::Padded first(R"({"a":1,"b":"x"})");
  const testing::Padded second(R"({"a":null,"b":"yz"})");
  constexpr std::int64_t t0 = 1'700'000'000'000;
  EXPECT_EQ(hash_text(raw_hash(Offset{7}, t0, std::nullopt, first.view())), "428cbdc060fd8fe8");
  EXPECT_EQ(hash_text(raw_hash(Offset{8}, t0 + 1, as_bytes("k"), second.view())), "1554ffd77213f45c");

  sim::FileSystem fs;
  ASSERT_TRUE(fs.create_dir("/t"));
  const auto schema = testing::schema_of({{"a", "", Type::int64, true}, {"b", "", Type::string, true}});
  auto writer =
      RangeWriter::create(fs, "/t/x", {"c", "t", Uuid{1, 2}, PartitionId{0}, 1}, schema, {}, {}, Offset{7})
          .value();
  ASSERT_TRUE(writer->add({Offset{7}, t0, std::nullopt, first.view(), {}, 0}));
  ASSERT_TRUE(writer->add({Offset{8}, t0 + 1, as_bytes("k"), second.view(), {}, 0}));
  const FinishedRange range = writer->finish(Offset{9}).value();
  EXPECT_EQ(hash_text(range.raw_hash), "57e1bd97d3118444");
  EXPECT_EQ(hash_text(range.files.at(0).logical_hash), "243292ece3624653");
  EXPECT_EQ(hash_text(read_back(fs, range.files[0].temp_path).value().logical_hash), "243292ece3624653");
}

TEST(Hashes, NullAndEmptyAreNotTheSame) {
  const auto null = raw_hash(Offset{0}, 0, std::nullopt, std::nullopt);
  const auto empty = raw_hash(Offset{0}, 0, BytesView{}, BytesView{});
  EXPECT_NE(null, empty);
  EXPECT_NE(raw_hash(Offset{0}, 0, std::nullopt, BytesView{}),
            raw_hash(Offset{0}, 0, BytesView{}, std::nullopt));
  EXPECT_NE(raw_hash(Offset{1}, 0, BytesView{}, BytesView{}), empty) << "the offset counts";
  EXPECT_NE(raw_hash(Offset{0}, 1, BytesView{}, BytesView{}), empty) << "the timestamp counts";
}

TEST(Hashes, TextsAreSixteenLowerCaseDigits) {
  EXPECT_EQ(hash_text(0), "0000000000000000");
  std::uint64_t hash = 0;
  EXPECT_TRUE(parse_hash("00000000000000ff", hash));
  EXPECT_EQ(hash, 255u);
  for (const char* bad : {"", "ff", "00000000000000FF", "00000000000000fg", "00000000000000ff0"})
    EXPECT_FALSE(parse_hash(bad, hash)) << bad;
}

}  // namespace
}  // namespace sluice::lake
