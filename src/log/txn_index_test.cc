#include "log/txn_index.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "sim/file_system.h"

namespace sluice::log {
namespace {

constexpr Offset base{100};

/// The transaction number `i` of a segment at 100: [98 + 3i, 100 + 3i].
AbortedTransaction number(std::int64_t i) {
  return {ProducerId{i}, Offset{98 + 3 * i}, Offset{100 + 3 * i}, Offset{101 + 3 * i}};
}

class TxnIndexTest : public testing::Test {
 protected:
  TxnIndexTest() { EXPECT_TRUE(fs_.create_dirs_durable("/log")); }

  void note(std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) index_.note(number(i));
  }
  /// Every range of four offsets gives what a look at all entries gives.
  void expect_all(std::int64_t end) {
    for (std::int64_t at = 90; at < 104 + 3 * end; ++at) {
      const OffsetRange range{Offset{at}, Offset{at + 4}};
      std::vector<AbortedTransaction> expected;
      for (std::int64_t i = 0; i < end; ++i) {
        const AbortedTransaction one = number(i);
        if (one.first_offset < range.end && one.last_offset >= range.begin) expected.push_back(one);
      }
      std::vector<AbortedTransaction> found;
      ASSERT_TRUE(index_.collect(fs_, range, found));
      ASSERT_EQ(found, expected) << at;
    }
  }

  sim::FileSystem fs_;
  TxnIndex index_{"/log", base};
};

TEST_F(TxnIndexTest, TheFileIsKafkas) {
  index_.note({ProducerId{0x0102}, Offset{90}, Offset{100}, Offset{95}});
  ASSERT_TRUE(*index_.persist(fs_));
  const unsigned char expected[] = {0, 0,                      // version
                                    0, 0, 0, 0, 0, 0, 1, 2,    // producer id
                                    0, 0, 0, 0, 0, 0, 0, 90,   // first offset
                                    0, 0, 0, 0, 0, 0, 0, 100,  // the marker's
                                    0, 0, 0, 0, 0, 0, 0, 95};  // last stable offset
  const Bytes content = *fs_.read_file("/log/00000000000000000100.txnindex", 1000);
  EXPECT_EQ(as_text(content), (std::string_view{reinterpret_cast<const char*>(expected), sizeof expected}));
}

TEST_F(TxnIndexTest, EntriesAreFoundInTheFileAndInMemory) {
  note(0, 300);
  expect_all(300);
  ASSERT_TRUE(*index_.persist(fs_));
  EXPECT_EQ(index_.unwritten(), 0u);
  expect_all(300);
  note(300, 310);
  EXPECT_EQ(index_.unwritten(), 10u);
  expect_all(310);
  ASSERT_TRUE(*index_.persist(fs_));
  const TxnDigest digest = index_.digest();
  TxnIndex again{"/log", base};
  ASSERT_TRUE(*again.load(fs_, Offset{2000}));
  EXPECT_EQ(again.digest(), digest);
  index_ = again;
  expect_all(310);
}

TEST_F(TxnIndexTest, WithoutEntriesThereIsNoFileAndAnOldOneIsEmptied) {
  EXPECT_FALSE(*index_.persist(fs_));
  EXPECT_FALSE(*fs_.exists(index_.path()));
  EXPECT_TRUE(*index_.load(fs_, base));
  note(0, 3);
  ASSERT_TRUE(*index_.persist(fs_));
  index_.clear();
  ASSERT_TRUE(*index_.persist(fs_));
  EXPECT_TRUE(fs_.read_file(index_.path(), 1000)->empty());
}

TEST_F(TxnIndexTest, AScanReplacesTheFileWholeOrNotAtAll) {
  note(0, 5);
  ASSERT_TRUE(*index_.persist(fs_));
  ASSERT_TRUE(fs_.sync_file(index_.path()));
  ASSERT_TRUE(fs_.sync_dir("/log"));
  for (std::uint64_t at = 0;; ++at) {
    ASSERT_LT(at, 100u);
    index_.clear();
    note(0, 7);
    fs_.fail_operation(fs_.operations() + at, sim::Fault::die);
    const bool done = index_.replace(fs_).has_value();
    fs_.restart(sim::Crash::all_lost);
    TxnIndex found{"/log", base};
    ASSERT_TRUE(*found.load(fs_, Offset{2000})) << at;
    ASSERT_TRUE(found.digest().count == 5 || found.digest().count == 7) << at;
    if (!done) continue;
    ASSERT_EQ(found.digest().count, 7u);
    break;
  }
}

TEST_F(TxnIndexTest, AFileForWhichThereIsNoRoomIsNotTrustedLater) {
  note(0, 5);
  ASSERT_TRUE(*index_.persist(fs_));
  index_.clear();
  note(0, 7);
  fs_.set_capacity(200);
  ASSERT_TRUE(index_.replace(fs_));
  expect_all(7);
  TxnIndex again{"/log", base};
  EXPECT_FALSE(*again.load(fs_, Offset{2000}));
}

TEST_F(TxnIndexTest, WhatCannotBeOfTheSegmentIsNotTrusted) {
  note(0, 3);
  ASSERT_TRUE(*index_.persist(fs_));
  TxnIndex other{"/log", base};
  EXPECT_FALSE(*other.load(fs_, Offset{106})) << "the last marker is at 106";
  EXPECT_TRUE(*other.load(fs_, Offset{107}));
  const std::size_t whole = fs_.read_file(index_.path(), 1000)->size();
  for (std::size_t cut = 1; cut < whole; ++cut) {
    ASSERT_TRUE((*fs_.open(index_.path(), env::OpenMode::read_write))->truncate(whole - cut));
    ASSERT_EQ(*other.load(fs_, Offset{107}), cut % 34 == 0) << cut;
  }
}

}  // namespace
}  // namespace sluice::log
