// An index that lies costs time, never a record: the log file alone says what is in the log.
#include <algorithm>
#include <map>

#include "log/log_fixture.h"

namespace sluice::log {
namespace {

constexpr std::int64_t records = 60;

class DamagedIndexTest : public LogTest {
 protected:
  /// A log of a few segments, closed cleanly; timestamps grow with the offsets, ten a record.
  void fill_and_close() {
    LogOptions with;
    with.segment_bytes_max = 1800;
    with.index_interval_bytes = 100;
    create(with);
    for (std::int64_t i = 0; i < records; i += 2) {
      ASSERT_TRUE(append(batch_of(i, 2, record::Codec::none, now + i * 10)));
    }
    ASSERT_TRUE(log->close());
    ASSERT_GE(log->segments_count(), 2u);
    const auto entries = *fs.list(events_dir);
    for (const env::DirEntry& entry : entries) files_[entry.name] = content(entry.name);
  }
  void restore() {
    for (const auto& [name, bytes] : files_) overwrite(name, bytes);
  }
  /// Opens as after a clean shutdown and compares all that an index has a part in.
  void expect_all_found(const std::string& damage) {
    SCOPED_TRACE(damage);
    ASSERT_NO_FATAL_FAILURE(reopen(true));
    ASSERT_FALSE(log->halted()) << to_string(*log->halted());
    for (std::int64_t at = 0; at < records; ++at) {
      const auto slice = log->read(Offset{at}, log->high_watermark(), buffer_);
      ASSERT_TRUE(slice) << at << ": " << to_string(slice.error());
      BytesView rest = BytesView{buffer_}.first(slice->bytes);
      const auto batch = *record::next_batch(rest);
      ASSERT_TRUE(batch && batch->range().contains(Offset{at})) << at;
      const auto found = log->offset_for_timestamp(now + at * 10, log->high_watermark());
      ASSERT_TRUE(found) << at << ": " << to_string(found.error());
      ASSERT_EQ(found->offset.value, at % 2 == 0 ? at : at + 1 < records ? at + 1 : -1) << "timestamp";
    }
    ASSERT_EQ(log->max_timestamp()->offset, Offset{records - 1});
    ASSERT_EQ(values(*log), numbered(0, records));
  }
  std::vector<std::string> index_files() const {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : files_) {
      if (name.ends_with("index")) names.push_back(name);
    }
    return names;
  }

  std::map<std::string, Bytes> files_;
  Bytes buffer_ = Bytes(1 << 16);
};

TEST_F(DamagedIndexTest, EveryFlippedBitOfAnIndexHidesNothing) {
  ASSERT_NO_FATAL_FAILURE(fill_and_close());
  for (const std::string& name : index_files()) {
    for (std::size_t bit = 0; bit < files_[name].size() * 8; bit += 3) {
      restore();
      Bytes bent = files_[name];
      bent[bit / 8] ^= std::byte(1u << bit % 8);
      overwrite(name, bent);
      ASSERT_NO_FATAL_FAILURE(expect_all_found(name + " bit " + std::to_string(bit)));
    }
  }
}

TEST_F(DamagedIndexTest, AnIndexThatLostSomeOfItsEntriesHidesNothing) {
  ASSERT_NO_FATAL_FAILURE(fill_and_close());
  for (const std::string& name : index_files()) {
    const std::size_t entry_bytes = name.ends_with(".timeindex") ? 12 : 8;
    for (std::size_t at = 0; at < files_[name].size(); at += entry_bytes) {
      restore();
      overwrite(name, BytesView{files_[name]}.first(at));
      ASSERT_NO_FATAL_FAILURE(expect_all_found(name + " cut at " + std::to_string(at)));
      Bytes less = files_[name];
      less.erase(less.begin() + static_cast<std::ptrdiff_t>(at),
                 less.begin() + static_cast<std::ptrdiff_t>(at + entry_bytes));
      overwrite(name, less);
      ASSERT_NO_FATAL_FAILURE(expect_all_found(name + " without the entry at " + std::to_string(at)));
    }
  }
}

TEST_F(DamagedIndexTest, AnEntryForALaterBatchSkipsNothing) {
  ASSERT_NO_FATAL_FAILURE(fill_and_close());
  const std::string name = "00000000000000000000.index";
  const std::size_t entries = files_[name].size() / 8;
  ASSERT_GE(entries, 4u);
  for (std::size_t i = 0; i + 1 < entries; ++i) {  // the place of the entry after it, by its own offset
    restore();
    Bytes bent = files_[name];
    std::copy_n(files_[name].begin() + static_cast<std::ptrdiff_t>(i * 8 + 12), 4,
                bent.begin() + static_cast<std::ptrdiff_t>(i * 8 + 4));
    bent.erase(bent.begin() + static_cast<std::ptrdiff_t>(i * 8 + 8),
               bent.begin() + static_cast<std::ptrdiff_t>(i * 8 + 16));
    overwrite(name, bent);
    ASSERT_NO_FATAL_FAILURE(expect_all_found("entry " + std::to_string(i)));
  }
}

TEST_F(DamagedIndexTest, WhatIsAppendedAfterALieIsFoundAsWell) {
  ASSERT_NO_FATAL_FAILURE(fill_and_close());
  const std::string name = index_files()[index_files().size() - 2];  // of the last segment
  Bytes lie = files_[name];
  ASSERT_GE(lie.size(), 8u) << name;
  store_be<std::int32_t>(lie.data() + lie.size() - 8, 1'000'000);
  overwrite(name, lie);
  ASSERT_NO_FATAL_FAILURE(reopen(true));
  fill(records, records + 20, 2);
  EXPECT_EQ(values(*log), numbered(0, records + 20));
  ASSERT_TRUE(log->close());
  ASSERT_NO_FATAL_FAILURE(reopen(true));
  EXPECT_EQ(values(*log), numbered(0, records + 20));
}

TEST_F(DamagedIndexTest, ProducersAreRestoredPastALie) {
  LogOptions with;
  with.index_interval_bytes = 100;
  create(with);
  for (std::int32_t i = 0; i < 20; ++i) ASSERT_TRUE(append(batch_by(7, 0, i, i)));
  ASSERT_TRUE(log->close());
  const std::string name = "00000000000000000000.index";
  Bytes lie = content(name);
  ASSERT_GE(lie.size(), 32u);
  lie.erase(lie.begin() + 4, lie.end() - 4);  // the first entry's offset with the last one's place
  overwrite(name, lie);
  ASSERT_TRUE(fs.remove_file(events_dir + "/00000000000000000020.snapshot"));
  ASSERT_NO_FATAL_FAILURE(reopen(true));
  const auto again = append(batch_by(7, 0, 15, 15));
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_TRUE(again->duplicate);
}

}  // namespace
}  // namespace sluice::log
