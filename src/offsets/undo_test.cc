#include "offsets/undo.h"

#include <gtest/gtest.h>

#include "offsets/execute.h"
#include "sim/env.h"

namespace sluice::offsets {
namespace {

Undo undo() {
  const client::TopicPartition first{"orders", PartitionId{0}};
  const client::TopicPartition second{"orders", PartitionId{1}};
  return {"c-1",
          "kafka",
          "my group\n%",
          1'795'552'200'000,
          {{first, StoredPosition{Offset{10}, LeaderEpoch{4}, "meta data"}}, {second, std::nullopt}},
          {{first, StoredPosition{Offset{0}, LeaderEpoch{-1}, ""}},
           {second, StoredPosition{Offset{7}, LeaderEpoch{-1}, ""}}}};
}

TEST(Undo, WhatIsWrittenIsReadBack) {
  const auto read = decode_undo(encode(undo()));
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(encode(*read), encode(undo()));
  EXPECT_EQ(read->owner, "my group\n%");
  EXPECT_EQ(read->before[0].to->metadata, "meta data");
  EXPECT_FALSE(read->before[1].to);
}

TEST(Undo, TheExampleInItsDescriptionIsRead) {
  const auto read = decode_undo(
      "sluice.undo/1 dev-cluster kafka readers 1795552200000\norders 0 8 -1 % 10 -1 %\norders 1 - -1 % 10 -1 "
      "%\n"
      "crc32c 2f946e73\n");
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(read->before[0].to->offset, Offset{8});
  EXPECT_FALSE(read->before[1].to);
  EXPECT_EQ(read->after[1].to->offset, Offset{10});
}

TEST(Undo, AFileThatWasCutOrChangedIsRefused) {
  const auto text = encode(undo());
  for (std::size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(decode_undo(std::string_view(text).substr(0, size))) << size;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(decode_undo(other)) << i;
  }
}

TEST(Undo, TheLastOfADirectoryIsTheNewest) {
  sim::World world(1);
  const auto env = world.env();
  EXPECT_EQ(last_undo(env, "/none").error().code, Code::not_found);
  auto older = undo();
  older.at_ms -= 1;
  const auto newest = write_undo(env, "/state/undo", undo()).value();
  ASSERT_TRUE(write_undo(env, "/state/undo", older));
  EXPECT_EQ(last_undo(env, "/state/undo").value(), newest);
  EXPECT_EQ(encode(read_undo(env, newest).value()), encode(undo()));
  EXPECT_EQ(write_undo(env, "/state/undo", undo()).error().code, Code::already_exists);
}

/// Positions in a simulated file, and a plan to move them.
class ExecuteTest : public ::testing::Test {
 protected:
  ExecuteTest() {
    EXPECT_TRUE(world_.fs.create_dirs_durable("/p"));
    const std::vector<Change> begin{{at(0), StoredPosition{Offset{10}, LeaderEpoch{-1}, {}}}};
    EXPECT_TRUE(store_->change(begin).front());
  }
  static client::TopicPartition at(std::int32_t partition) { return {"t", PartitionId{partition}}; }
  static Move move(std::int32_t partition, std::optional<std::int64_t> from, std::int64_t to) {
    Move out;
    out.which = at(partition);
    if (from) out.from = StoredPosition{Offset{*from}, LeaderEpoch{-1}, {}};
    out.to = StoredPosition{Offset{to}, LeaderEpoch{-1}, {}};
    return out;
  }
  std::int64_t stored(std::int32_t partition) {
    const auto all = store_->load().value();
    return all.contains(at(partition)) ? all.at(at(partition)).offset.value : -1;
  }

  sim::World world_{1};
  std::unique_ptr<PositionStore> store_ = file_store(world_.env(), "/p/positions");
};

TEST_F(ExecuteTest, WritesTheUndoFileMovesAndReadsBack) {
  const Plan plan{"c", {move(0, 10, 4), move(1, std::nullopt, 7)}};
  const auto done = execute(world_.env(), *store_, plan, {"/undo"});
  ASSERT_TRUE(done) << to_string(done.error());
  EXPECT_TRUE(done->all_well());
  EXPECT_EQ(done->stored[0]->offset, Offset{4});
  EXPECT_EQ(stored(0), 4);
  EXPECT_EQ(stored(1), 7);
  const auto undo = read_undo(world_.env(), done->undo_path).value();
  EXPECT_EQ(undo.before[0].to->offset, Offset{10});
  EXPECT_FALSE(undo.before[1].to);
  EXPECT_EQ(undo.after[1].to->offset, Offset{7});
}

TEST_F(ExecuteTest, PositionsThatChangedSinceThePlanAreAConflictAndStayAsTheyAre) {
  const Plan plan{"c", {move(0, 9, 4)}};
  const auto done = execute(world_.env(), *store_, plan, {"/undo"});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::conflict);
  EXPECT_NE(done.error().message.find("t[0]: 9 -> 10"), std::string::npos) << done.error().message;
  EXPECT_EQ(stored(0), 10);
  EXPECT_EQ(last_undo(world_.env(), "/undo").error().code, Code::not_found);
}

TEST_F(ExecuteTest, APlanWithoutAChangeWritesNothing) {
  const auto done = execute(world_.env(), *store_, Plan{"c", {move(0, 10, 10)}}, {"/undo"});
  ASSERT_TRUE(done) << to_string(done.error());
  EXPECT_EQ(done->undo_path, "");
  EXPECT_TRUE(done->all_well());
}

TEST_F(ExecuteTest, WhatWasNotStoredIsTold) {
  const Plan plan{"c", {move(0, 10, 4)}};
  const auto lock = world_.fs.lock("/p/positions.lock");
  ASSERT_TRUE(lock);
  const auto done = execute(world_.env(), *store_, plan, {"/undo"});
  ASSERT_TRUE(done) << to_string(done.error());
  EXPECT_FALSE(done->all_well());
  EXPECT_FALSE(done->errors[0].empty());
  EXPECT_EQ(stored(0), 10);
}

}  // namespace
}  // namespace sluice::offsets
