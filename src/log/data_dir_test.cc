#include "log/data_dir.h"

#include "log/log_fixture.h"

namespace sluice::log {
namespace {

using DataDirTest = LogTest;

TEST(Names, DirectoriesAreParsedAsTheyAreMade) {
  for (const auto& [topic, partition] : {std::pair{"events", 0}, {"a-b-c", 12}, {"x.y_z", 2147483647}}) {
    const TopicPartition id{topic, PartitionId{partition}};
    EXPECT_EQ(parse_dir_name(dir_name(id)), id);
  }
  for (const char* name : {"events", "events-", "-0", "events-01", "events-2147483648", "events-0.abc-delete",
                           "events-0-new", "..-0", "a b-0", ""}) {
    EXPECT_EQ(parse_dir_name(name), std::nullopt) << name;
  }
}

TEST(Names, TopicsThatCouldLeaveTheDirectoryAreRefused) {
  EXPECT_TRUE(check_topic_name("Orders.v2_eu-1"));
  for (const std::string& name : {std::string{}, std::string{"."}, std::string{".."}, std::string{"a/b"},
                                  std::string{"a\0b", 3}, std::string(250, 'x'), std::string{"\xc3\xa4"}}) {
    EXPECT_FALSE(check_topic_name(name)) << name;
  }
  EXPECT_TRUE(check_topic_name(std::string(249, 'x')));
}

TEST(Names, FilesCarryTwentyDigits) {
  EXPECT_EQ(file_name(Offset{42}, log_suffix), "00000000000000000042.log");
  EXPECT_EQ(parse_file_name("00000000000000000042.log", log_suffix), Offset{42});
  for (const char* name :
       {"42.log", "00000000000000000042.index", "-0000000000000000042.log", "99999999999999999999.log"}) {
    EXPECT_EQ(parse_file_name(name, log_suffix), std::nullopt) << name;
  }
}

TEST_F(DataDirTest, CheckpointsComeBackAsWrittenAndAreDurable) {
  const OffsetCheckpoint offsets{{events, Offset{12}}, {{"a-b", PartitionId{3}}, Offset{0}}};
  EXPECT_TRUE(read_checkpoint(fs, data_dir, recovery_point_checkpoint)->empty());
  ASSERT_TRUE(write_checkpoint(fs, data_dir, recovery_point_checkpoint, offsets));
  EXPECT_EQ(*read_checkpoint(fs, data_dir, recovery_point_checkpoint), offsets);
  EXPECT_EQ(as_text(*fs.read_file("/data/recovery-point-offset-checkpoint", 1000)),
            "0\n2\na-b 3 0\nevents 0 12\n");
  EXPECT_TRUE(fs.is_durable("/data/recovery-point-offset-checkpoint"));
}

TEST_F(DataDirTest, ACheckpointThatIsNotOneIsRefusedWithItsLine) {
  for (const char* text :
       {"", "1\n0\n", "0\n2\nevents 0 1\n", "0\n1\nevents 0\n", "0\n1\nevents -1 0\n", "0\n1\nevents 0 x\n",
        "0\n99999999999\n", "0\n1\na/b 0 0\n", "0\n1\nevents 0 1\nmore\n"}) {
    ASSERT_TRUE(fs.replace_file_durable("/data/log-start-offset-checkpoint", as_bytes(text)));
    const Result<OffsetCheckpoint> read = read_checkpoint(fs, data_dir, log_start_checkpoint);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::corrupt);
    EXPECT_NE(read.error().message.find("line "), std::string::npos);
  }
}

TEST_F(DataDirTest, TheMarkOfACleanShutdownIsTakenOnce) {
  EXPECT_FALSE(*take_clean_shutdown(fs, data_dir));
  ASSERT_TRUE(mark_clean_shutdown(fs, data_dir));
  fs.restart(sim::Crash::all_lost);
  EXPECT_TRUE(*take_clean_shutdown(fs, data_dir));
  fs.restart(sim::Crash::all_lost);
  EXPECT_FALSE(*take_clean_shutdown(fs, data_dir)) << "taking it is durable";
}

TEST_F(DataDirTest, ARetiredPartitionIsGoneForGoodAndItsNameFree) {
  create();
  fill(0, 3);
  log.reset();
  EXPECT_EQ(list_partitions(fs, data_dir)->size(), 1u);
  ASSERT_TRUE(retire_partition(fs, data_dir, events, Uuid{1, 2}));
  fs.restart(sim::Crash::all_lost);
  EXPECT_TRUE(list_partitions(fs, data_dir)->empty());
  create();
  EXPECT_EQ(log->log_end_offset(), Offset{0});
  EXPECT_EQ(*sweep_deleted(fs, data_dir), 1u);
  EXPECT_EQ(fs.list(data_dir)->size(), 1u);
  EXPECT_EQ(retire_partition(fs, data_dir, {"none", PartitionId{0}}, Uuid{1, 3}).error().code,
            Code::not_found);
}

TEST_F(DataDirTest, TheLongestNameCanBeRetired) {
  const TopicPartition id{std::string(249, 'x'), PartitionId{7}};
  ASSERT_TRUE(PartitionLog::create(fs, data_dir, id, events_id, {}));
  ASSERT_TRUE(retire_partition(fs, data_dir, id, Uuid{1, 2}));
  for (const env::DirEntry& entry : std::vector<env::DirEntry>(*fs.list(data_dir)))
    EXPECT_LE(entry.name.size(), 255u);
  EXPECT_EQ(*sweep_deleted(fs, data_dir), 1u);
}

TEST_F(DataDirTest, CreatingFailsAnywhereAndSucceedsWhenTriedAgain_X13) {
  for (std::uint64_t at = 0;; ++at) {
    sim::FileSystem disk{at + 1};
    ASSERT_TRUE(disk.create_dirs_durable(data_dir));
    disk.fail_operation(disk.operations() + at, sim::Fault::eio);
    const bool at_once = PartitionLog::create(disk, data_dir, events, events_id, {}).has_value();
    disk.clear_faults();
    if (!at_once) {
      const auto again = PartitionLog::create(disk, data_dir, events, events_id, {});
      ASSERT_TRUE(again) << at << to_string(again.error());
    }
    disk.restart(sim::Crash::all_lost);
    const auto opened = PartitionLog::open(disk, data_dir, events, {}, {.now_ms = now});
    ASSERT_TRUE(opened) << at << to_string(opened.error());
    if (at_once) break;
  }
}

TEST_F(DataDirTest, CreatingDiesAnywhereAndLeavesAllOrNothing) {
  for (std::uint64_t at = 0;; ++at) {
    bool finished = false;
    for (const sim::Crash crash : sim::crashes) {
      sim::FileSystem disk{at + 1};
      ASSERT_TRUE(disk.create_dirs_durable(data_dir));
      disk.fail_operation(disk.operations() + at, sim::Fault::die);
      finished = PartitionLog::create(disk, data_dir, events, events_id, {}).has_value();
      disk.restart(crash);
      auto opened = PartitionLog::open(disk, data_dir, events, {}, {.now_ms = now});
      if (finished) {
        ASSERT_TRUE(opened) << to_string(opened.error());
      }
      if (!opened) {
        ASSERT_EQ(opened.error().code, Code::not_found)
            << at << " " << sim::name(crash) << to_string(opened.error());
        ASSERT_TRUE(sweep_deleted(disk, data_dir));
        opened = PartitionLog::create(disk, data_dir, events, events_id, {});
        ASSERT_TRUE(opened) << at << to_string(opened.error());
      }
      ASSERT_EQ((*opened)->log_end_offset(), Offset{0});
      ASSERT_FALSE((*opened)->halted());
    }
    if (finished) break;
  }
}

}  // namespace
}  // namespace sluice::log
