#include "log/recovery.h"

#include "log/log_fixture.h"
#include "record/validate.h"

namespace sluice::log {
namespace {

constexpr std::string_view first_log = "00000000000000000000.log";

/// What opening a log may do with a changed file: refuse, halt, or keep a valid prefix that holds all of
/// [0, promised).
class RecoveryTest : public LogTest {
 protected:
  /// Opens and says what is wrong; empty where all is as it must be.
  std::string verdict(std::int64_t written, std::int64_t promised) {
    auto opened = PartitionLog::open(fs, data_dir, events, options, {.now_ms = now});
    if (!opened) return "";
    const std::int64_t end = (*opened)->high_watermark().value;
    if (values(**opened) != numbered((*opened)->log_start_offset().value, end))
      return "other records are shown";
    if (end > written) return "records are shown that were never written";
    if (end >= promised && !(*opened)->halted()) return "";
    if (!(*opened)->halted()) return "promised records are gone, and nothing is said";
    const auto& error = *(*opened)->halted();
    if (error.kafka_error != record::kafka_error::kafka_storage_error) return "halted without the code";
    Bytes out(1024);
    if ((*opened)->read(Offset{end}, Offset{promised}, out)) return "a halted log reads on";
    Bytes batch = batch_of(99);
    if ((*opened)->append(batch, LeaderEpoch{0}, now)) return "a halted log takes records";
    return "";
  }
};

TEST_F(RecoveryTest, ATornTailIsCutBackToTheLastWholeBatch) {
  create();
  fill(0, 3);
  const std::size_t durable_bytes = content(std::string{first_log}).size();
  ASSERT_TRUE(append(batch_of(3, 2)));
  const Bytes whole = content(std::string{first_log});
  log.reset();
  for (std::size_t cut = durable_bytes; cut < whole.size(); ++cut) {
    overwrite(std::string{first_log}, BytesView{whole}.first(cut));
    reopen();
    ASSERT_EQ(log->log_end_offset(), Offset{3});
    ASSERT_EQ(log->recovery().bytes_truncated, cut - durable_bytes);
    ASSERT_EQ(log->recovery().truncated_because.empty(), cut == durable_bytes);
    ASSERT_EQ(content(std::string{first_log}).size(), durable_bytes);
  }
  overwrite(std::string{first_log}, whole);
  reopen();
  EXPECT_EQ(values(*log), numbered(0, 5)) << "a tail that is whole is kept";
  fill(5, 6);
  reopen();
  EXPECT_EQ(values(*log), numbered(0, 6));
}

TEST_F(RecoveryTest, EveryCutOfADurableFileHaltsAndShowsThePrefix) {
  create();
  fill(0, 6, 2);
  const Bytes whole = content(std::string{first_log});
  log.reset();
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    overwrite(std::string{first_log}, BytesView{whole}.first(cut));
    ASSERT_EQ(verdict(6, 6), "") << cut;
    ASSERT_EQ(content(std::string{first_log}).size(), cut) << "a halted log is not touched";
  }
}

TEST_F(RecoveryTest, EveryFlippedBitOfADurableFileHaltsWithThePlace) {
  create();
  fill(0, 6, 2);
  Bytes bytes = content(std::string{first_log});
  log.reset();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
    overwrite(std::string{first_log}, bytes);
    ASSERT_EQ(verdict(6, 6), "") << "bit " << bit;
    reopen();
    ASSERT_TRUE(log->halted()) << "bit " << bit;
    ASSERT_NE(log->halted()->message.find("below the durable watermark 6"), std::string::npos);
    bytes[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
  }
}

TEST_F(RecoveryTest, EveryFlippedBitOfATailThatNobodyWasPromisedCutsItThere) {
  create();
  fill(0, 2);
  const std::size_t durable_bytes = content(std::string{first_log}).size();
  ASSERT_TRUE(append(batch_of(2, 2)));
  ASSERT_TRUE(append(batch_of(4, 2)));
  Bytes bytes = content(std::string{first_log});
  log.reset();
  const Bytes watermark = content("durable-watermark");
  for (std::size_t bit = durable_bytes * 8; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
    overwrite(std::string{first_log}, bytes);
    overwrite("durable-watermark", watermark);
    reopen();
    const std::int64_t end = log->log_end_offset().value;
    ASSERT_TRUE(end == 2 || end == 4) << "bit " << bit << " left " << end;
    ASSERT_EQ(values(*log), numbered(0, end));
    bytes[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
  }
}

TEST_F(RecoveryTest, EveryByteOfEverySmallFileMayBeDamagedAndNothingIsLost) {
  create({.segment_bytes_max = 400, .index_interval_bytes = 100});
  for (std::int32_t i = 0; i < 16; ++i) ASSERT_TRUE(append(batch_by(9, 0, i, i)));
  ASSERT_TRUE(log->close());
  log.reset();
  const std::vector<env::DirEntry> entries = *fs.list(events_dir);
  for (const env::DirEntry& entry : entries) {
    if (entry.name.ends_with(".log") || entry.name == "partition.metadata") continue;
    const Bytes before = content(entry.name);
    for (std::size_t at = 0; at < before.size(); ++at) {
      Bytes changed = before;
      changed[at] ^= std::byte{0x41};
      overwrite(entry.name, changed);
      for (const bool clean : {true, false}) {
        reopen(clean);
        ASSERT_FALSE(log->halted()) << entry.name << " byte " << at << log->halted()->message;
        ASSERT_EQ(values(*log), numbered(0, 16)) << entry.name << " byte " << at;
        ASSERT_TRUE(append(batch_by(9, 0, 15, 15))->duplicate) << entry.name << " byte " << at;
        ASSERT_TRUE(log->close());
      }
    }
    (void)fs.remove_file(env::join(events_dir, entry.name));  // recovery removes damaged snapshots itself
    ASSERT_FALSE(*fs.exists(env::join(events_dir, entry.name)));
    reopen();
    ASSERT_EQ(values(*log), numbered(0, 16)) << "without " << entry.name;
    ASSERT_TRUE(log->close());
  }
}

TEST_F(RecoveryTest, DamageInAnEarlierDurableSegmentThatIsNotReadAgainIsNotCutAway) {
  create({.segment_bytes_max = 300});
  fill(0, 20);
  log.reset();
  Bytes bytes = content(std::string{first_log});
  ASSERT_TRUE(fs.remove_file(env::join(events_dir, file_name(Offset{0}, index_suffix))));
  bytes[70] ^= std::byte{1};
  overwrite(std::string{first_log}, bytes);
  reopen();
  ASSERT_TRUE(log->halted());
  EXPECT_EQ(log->high_watermark(), Offset{0});
  EXPECT_EQ(log->log_start_offset(), Offset{0});
}

TEST_F(RecoveryTest, AMissingSegmentBelowTheWatermarkHaltsWithTheRange) {
  create({.segment_bytes_max = 300});
  fill(0, 20);
  log.reset();
  std::vector<std::string> logs;
  const std::vector<env::DirEntry> entries = *fs.list(events_dir);
  for (const env::DirEntry& entry : entries) {
    if (entry.name.ends_with(".log")) logs.push_back(entry.name);
  }
  ASSERT_GT(logs.size(), 3u);
  for (const std::string& name : logs) {
    const Bytes before = content(name);
    ASSERT_TRUE(fs.remove_file(env::join(events_dir, name)));
    for (const bool clean : {true, false}) {
      reopen(clean);
      ASSERT_TRUE(log->halted()) << name;
      EXPECT_EQ(log->high_watermark(), *parse_file_name(name, log_suffix));
      EXPECT_EQ(values(*log), numbered(0, log->high_watermark().value));
    }
    overwrite(name, before);
  }
  reopen();
  EXPECT_EQ(values(*log), numbered(0, 20)) << "nothing was touched meanwhile";
}

TEST_F(RecoveryTest, ALogThatADiskLiedAboutHalts_A9) {
  create();
  fill(0, 5);
  log.reset();
  const Bytes bytes = content(std::string{first_log});
  overwrite(std::string{first_log}, BytesView{bytes}.first(bytes.size() / 5 * 3));  // three whole batches
  reopen(true);
  ASSERT_TRUE(log->halted());
  EXPECT_EQ(log->high_watermark(), Offset{3});
}

TEST_F(RecoveryTest, ZerosAndOldBatchesBehindTheEndAreNotResurrected_A5) {
  create();
  fill(0, 3);
  const Bytes three = content(std::string{first_log});
  log.reset();
  Bytes stale = three;
  stale.resize(three.size() + 500);                       // a preallocated tail
  stale.insert(stale.end(), three.begin(), three.end());  // an old batch behind it
  overwrite(std::string{first_log}, stale);
  reopen();
  EXPECT_EQ(values(*log), numbered(0, 3));
  Bytes recycled = three;
  recycled.insert(recycled.end(), three.begin(),
                  three.end());  // valid batches of an earlier life, right behind
  overwrite(std::string{first_log}, recycled);
  reopen();
  EXPECT_EQ(values(*log), numbered(0, 3));
  EXPECT_EQ(log->recovery().bytes_truncated, three.size());
}

TEST_F(RecoveryTest, RecoveryReadsOnlyFromTheDurableWatermarkOn) {
  create({.segment_bytes_max = 1000});
  fill(0, 200);
  reopen();
  EXPECT_GT(log->recovery().segments, 10u);
  EXPECT_EQ(log->recovery().segments_scanned, 1u);
  ASSERT_TRUE(log->close());
  reopen(true);
  EXPECT_EQ(log->recovery().bytes_scanned, 0u);
}

TEST_F(RecoveryTest, ADirectoryOfApacheKafkaIsTakenOverFromItsCheckpoint) {
  create({.segment_bytes_max = 500});
  fill(0, 30);
  ASSERT_TRUE(log->close());
  log.reset();
  ASSERT_TRUE(fs.remove_file(events_dir + "/durable-watermark"));
  auto opened =
      PartitionLog::open(fs, data_dir, events, options, {.recovery_point = Offset{30}, .now_ms = now});
  ASSERT_TRUE(opened);
  EXPECT_EQ(values(**opened), numbered(0, 30));
  EXPECT_TRUE(fs.is_durable(events_dir + "/durable-watermark"));
}

TEST_F(RecoveryTest, RecoveringTwiceIsRecoveringOnce_A15) {
  create({.segment_bytes_max = 300});
  fill(0, 10);
  for (std::int64_t i = 10; i < 16; ++i) ASSERT_TRUE(append(batch_of(i)));
  log.reset();
  fs.restart(sim::Crash::torn);
  reopen();
  const std::vector<std::string> once = values(*log);
  EXPECT_GE(once.size(), 10u);
  reopen();
  EXPECT_EQ(values(*log), once);
  EXPECT_EQ(log->recovery().bytes_truncated, 0u);
}

TEST_F(RecoveryTest, ABatchLargerThanThePieceIsReadAPieceAtATime) {
  create();
  record::BatchBuilder builder;
  const std::string large(3 << 20, 'x');
  builder.add(now, std::nullopt, as_bytes(large));
  const Bytes batch = to_owned(*builder.finish());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(batch));
  reopen();
  EXPECT_EQ(log->high_watermark(), Offset{3});
  Bytes bytes = content(std::string{first_log});
  log.reset();
  bytes[bytes.size() - 5] ^= std::byte{1};
  overwrite(std::string{first_log}, bytes);
  reopen();
  ASSERT_TRUE(log->halted());
  EXPECT_EQ(log->high_watermark(), Offset{2});
}

}  // namespace
}  // namespace sluice::log
