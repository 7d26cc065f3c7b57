#include "positions/file_store.h"

#include <gtest/gtest.h>

#include "sim/env.h"

namespace sluice::positions {
namespace {

const TopicPartition flights_0{"flights", PartitionId{0}};
const TopicPartition flights_1{"flights", PartitionId{1}};

class FileStoreTest : public ::testing::Test {
 protected:
  sim::World world_{1};
  FileStore store_{world_.fs, "/positions"};
};

TEST_F(FileStoreTest, PositionsOnlyMoveForward) {
  ASSERT_TRUE(store_.advance({{flights_0, Offset{10}}, {flights_1, Offset{5}}}));
  ASSERT_TRUE(store_.advance({{flights_0, Offset{7}}, {flights_1, Offset{6}}}));
  EXPECT_EQ(store_.load(), (Positions{{flights_0, Offset{10}}, {flights_1, Offset{6}}}));
}

TEST_F(FileStoreTest, NothingStoredIsNoPositions) {
  EXPECT_EQ(store_.load(), Positions{});
}

TEST_F(FileStoreTest, AStoredPositionSurvivesThePower) {
  ASSERT_TRUE(store_.advance({{flights_0, Offset{10}}}));
  world_.fs.restart(sim::Crash::all_lost);
  EXPECT_EQ(store_.load(), (Positions{{flights_0, Offset{10}}}));
}

TEST_F(FileStoreTest, EveryFlippedBitIsNoticed) {
  const std::string text = encode({{flights_0, Offset{10}}, {flights_1, Offset{5}}});
  ASSERT_TRUE(decode(text));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(decode(damaged)) << i;
    EXPECT_FALSE(decode(text.substr(0, i))) << i;
  }
}

TEST_F(FileStoreTest, ItsTextIsTheOneOfItsFormatPage) {
  EXPECT_EQ(encode({{flights_0, Offset{97711}}, {flights_1, Offset{48502}}}), R"(sluice.positions/1
flights 0 97711
flights 1 48502
crc32c abe6fb2c
)");
}

TEST_F(FileStoreTest, ADamagedFileIsReplacedByWhatIsKnownNow) {
  ASSERT_TRUE(store_.advance({{flights_0, Offset{10}}}));
  {
    auto file = world_.fs.open("/positions", env::OpenMode::read_write);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write_at(3, as_bytes("#")));
  }
  EXPECT_FALSE(store_.load());
  ASSERT_TRUE(store_.advance({{flights_0, Offset{8}}}));
  EXPECT_EQ(store_.load(), (Positions{{flights_0, Offset{8}}}));
}

TEST_F(FileStoreTest, WhileAnotherProcessWritesItIsRefused) {
  const auto held = world_.fs.lock("/positions.lock");
  ASSERT_TRUE(held);
  const auto refused = store_.advance({{flights_0, Offset{10}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
}

TEST(FileStore, APersonMovesPositionsBackAndRemovesThemAllOrNone) {
  sim::World world(1);
  ASSERT_TRUE(world.fs.create_dirs_durable("/p"));
  FileStore store(world.fs, "/p/positions");
  const TopicPartition zero{"t", PartitionId{0}};
  const TopicPartition one{"t", PartitionId{1}};
  ASSERT_TRUE(store.advance({{zero, Offset{10}}, {one, Offset{20}}}));
  ASSERT_TRUE(store.change({{zero, Offset{3}}}, {one}));
  EXPECT_EQ(store.load().value(), (Positions{{zero, Offset{3}}}));

  const std::string garbage = "not a positions file\n";
  ASSERT_TRUE(world.fs.replace_file_durable("/p/positions", as_bytes(garbage)));
  EXPECT_EQ(store.change({{zero, Offset{4}}}, {}).error().code, Code::corrupt)
      << "what cannot be read is kept";
  EXPECT_EQ(as_text(world.fs.read_file("/p/positions", 1000).value()), garbage);
}

}  // namespace
}  // namespace sluice::positions
