#include "log/indexes.h"

#include <gtest/gtest.h>

#include "sim/file_system.h"

namespace sluice::log {
namespace {

constexpr Offset base{1000};

BatchHead head(std::int64_t offset, std::int64_t timestamp_ms, std::uint64_t bytes = 100) {
  return {.bytes = bytes, .range = {Offset{offset}, Offset{offset + 10}}, .max_timestamp_ms = timestamp_ms};
}

/// Ten batches of ten records and 100 bytes each; timestamps 50, 51, ... but for a late one.
Indexes ten_batches() {
  Indexes indexes{"/", base};
  for (int i = 0; i < 10; ++i) {
    indexes.note(head(1000 + i * 10, i == 5 ? 7 : 50 + i), static_cast<std::uint64_t>(i) * 100, 150);
  }
  return indexes;
}

TEST(Indexes, HoldAnEntryAfterMoreThanTheInterval) {
  const Indexes indexes = ten_batches();  // entries at batches 2, 4, 6, 8
  EXPECT_EQ(indexes.last_position(), 800u);
  EXPECT_EQ(indexes.position_before(Offset{1000}), 0u);
  EXPECT_EQ(indexes.position_before(Offset{1028}), 0u);
  EXPECT_EQ(indexes.position_before(Offset{1029}), 200u) << "an entry's offset is the last one of its batch";
  EXPECT_EQ(indexes.position_before(Offset{1048}), 200u);
  EXPECT_EQ(indexes.position_before(Offset{5000}), 800u);
}

TEST(Indexes, FindAPlaceBeforeEveryTimestamp) {
  const Indexes indexes = ten_batches();
  EXPECT_FALSE(indexes.time_before(0));
  EXPECT_EQ(indexes.time_before(52)->offset, Offset{1029});
  EXPECT_EQ(indexes.time_before(53)->offset, Offset{1029});
  EXPECT_EQ(indexes.time_before(100)->offset, Offset{1089});
  EXPECT_EQ(indexes.time_before(100)->timestamp_ms, 58);
  EXPECT_EQ(indexes.max_timestamp_ms(), 59);
  EXPECT_EQ(indexes.max_timestamp_offset(), Offset{1099});
}

TEST(Indexes, AreTheSameAfterPersistAndLoad) {
  sim::FileSystem fs;
  Indexes written = ten_batches();
  ASSERT_TRUE(written.persist(fs));
  ASSERT_TRUE(written.persist(fs)) << "again";
  EXPECT_EQ(fs.read_file("/00000000000000001000.index", 1000)->size(), 4 * offset_entry_bytes);
  EXPECT_EQ(fs.read_file("/00000000000000001000.timeindex", 1000)->size(), 5 * time_entry_bytes)
      << "the last entry is for the largest timestamp";
  Indexes read{"/", base};
  ASSERT_TRUE(*read.load(fs, 1000));
  for (std::int64_t offset = 1000; offset < 1110; ++offset) {
    ASSERT_EQ(read.position_before(Offset{offset}), written.position_before(Offset{offset}));
  }
  EXPECT_EQ(read.time_before(51).has_value(), written.time_before(51).has_value());
  for (std::int64_t t = 52; t < 59; ++t)
    ASSERT_EQ(read.time_before(t)->offset, written.time_before(t)->offset);
  EXPECT_EQ(read.max_timestamp_offset(), Offset{1099});
}

TEST(Indexes, PersistCutsOffWhatWasThereBefore) {
  sim::FileSystem fs;
  auto file = *fs.open("/00000000000000001000.index", env::OpenMode::create);
  ASSERT_TRUE(file->write_at(0, Bytes(10000, std::byte{9})));
  Indexes indexes = ten_batches();
  ASSERT_TRUE(indexes.persist(fs));
  EXPECT_TRUE(*Indexes("/", base).load(fs, 1000));
}

TEST(Indexes, FilesThatCannotBeTrueAreNotTrusted) {
  sim::FileSystem fs;
  Indexes written = ten_batches();
  ASSERT_TRUE(written.persist(fs));
  Indexes read{"/", base};
  EXPECT_FALSE(*read.load(fs, 800)) << "an entry points behind the log file";
  for (const std::string& path : {written.offset_path(), written.time_path()}) {
    const Bytes before = *fs.read_file(path, 1000);
    const auto with = [&](const Bytes& bytes) {
      auto file = *fs.open(path, env::OpenMode::create_truncate);
      EXPECT_TRUE(file->write_at(0, bytes));
      return *read.load(fs, 1000);
    };
    EXPECT_FALSE(with(Bytes{before.begin(), before.end() - 1})) << "no whole number of entries";
    Bytes zeros = before;
    zeros.resize(before.size() + (before.size() % 12 == 0 ? 12 : 8));
    EXPECT_FALSE(with(zeros)) << "a preallocated tail";
    EXPECT_TRUE(with(before));
    ASSERT_TRUE(fs.remove_file(path));
    EXPECT_FALSE(*read.load(fs, 1000)) << "missing";
    EXPECT_TRUE(with(before));
  }
}

TEST(Indexes, AreFullBeforeTheBoundIsPassed) {
  Indexes indexes = ten_batches();
  EXPECT_FALSE(indexes.full(6 * time_entry_bytes));
  EXPECT_TRUE(indexes.full(5 * time_entry_bytes));
}

}  // namespace
}  // namespace sluice::log
