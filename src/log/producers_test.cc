#include "log/producers.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/crc32c.h"
#include "record/validate.h"
#include "sim/file_system.h"

namespace sluice::log {
namespace {

BatchHead head(std::int64_t producer, int epoch, std::int32_t first, std::int32_t count,
               std::int64_t offset) {
  return {.bytes = 100,
          .range = {Offset{offset}, Offset{offset + count}},
          .producer_id = ProducerId{producer},
          .producer_epoch = ProducerEpoch{static_cast<std::int16_t>(epoch)},
          .base_sequence = first,
          .last_sequence = first + count - 1};
}

ProducerTable table_of_two() {
  ProducerTable table;
  for (int i = 0; i < 7; ++i) table.note(head(100, 2, i * 3, 3, i * 10), 5000 + i);
  table.note(head(200, 0, 0, 1, 70), 6000);
  return table;
}

TEST(ProducerSnapshot, GivesBackEveryRememberedBatch) {
  const Bytes snapshot = table_of_two().snapshot(6000, {});
  ProducerTable table;
  ASSERT_TRUE(table.load(snapshot));
  EXPECT_EQ(table.size(), 2u);
  for (int i = 2; i < 7; ++i) {
    EXPECT_EQ(**table.check(head(100, 2, i * 3, 3, 999), Origin::client),
              (OffsetRange{Offset{i * 10}, Offset{i * 10 + 3}}));
  }
  EXPECT_FALSE(table.check(head(100, 2, 3, 3, 999), Origin::client)) << "older than the last five";
  EXPECT_EQ(*table.check(head(100, 2, 21, 3, 999), Origin::client), std::nullopt);
  EXPECT_EQ(table.snapshot(6000, {}), snapshot);
}

TEST(ProducerSnapshot, BeginsAsKafkaWritesItsOwn) {
  ProducerTable table;
  table.note(head(0x0102, 3, 7, 2, 40), 0x0a0b);
  const Bytes snapshot = table.snapshot(0, {});
  const unsigned char expected[] = {0,   1,                                    // version
                                    0,   0,   0,   0,                          // CRC, checked below
                                    0,   0,   0,   1,                          // one producer
                                    0,   0,   0,   0,   0,   0,   1,    2,     // its id
                                    0,   3,                                    // epoch
                                    0,   0,   0,   8,                          // last sequence
                                    0,   0,   0,   0,   0,   0,   0,    41,    // last offset
                                    0,   0,   0,   1,                          // offset delta
                                    0,   0,   0,   0,   0,   0,   0x0a, 0x0b,  // timestamp
                                    255, 255, 255, 255,                        // no coordinator epoch
                                    255, 255, 255, 255, 255, 255, 255,  255};  // no transaction
  Bytes start{snapshot.begin(), snapshot.begin() + sizeof expected};
  store_be(start.data() + 2, std::uint32_t{0});
  EXPECT_EQ(as_text(start), (std::string_view{reinterpret_cast<const char*>(expected), sizeof expected}));
  EXPECT_EQ(load_be<std::uint32_t>(snapshot.data() + 2), crc32c(BytesView{snapshot}.subspan(6)));
}

TEST(ProducerSnapshot, OneOfKafkaWithoutOurBatchesIsRead) {
  Bytes snapshot = table_of_two().snapshot(0, {});
  snapshot.resize(10 + 2 * 46);
  store_be(snapshot.data() + 2, crc32c(BytesView{snapshot}.subspan(6)));
  ProducerTable table;
  ASSERT_TRUE(table.load(snapshot));
  EXPECT_TRUE(table.check(head(100, 2, 18, 3, 0), Origin::client)->has_value()) << "the last batch is known";
  EXPECT_FALSE(table.check(head(100, 2, 15, 3, 0), Origin::client)) << "the one before is not";
}

TEST(ProducerSnapshot, EveryCutAndEveryFlippedBitIsRefusedAndLeavesNothing) {
  Bytes snapshot = table_of_two().snapshot(1, {});
  ProducerTable table = table_of_two();
  for (std::size_t cut = 0; cut < snapshot.size(); ++cut) {
    ASSERT_EQ(table.load(BytesView{snapshot}.first(cut)).error().code, Code::corrupt) << cut;
    ASSERT_EQ(table.size(), 0u);
  }
  for (std::size_t bit = 0; bit < snapshot.size() * 8; ++bit) {
    snapshot[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
    ASSERT_FALSE(table.load(snapshot)) << bit;
    snapshot[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
  }
}

TEST(ProducerSnapshot, ALieUnderARightChecksumDoesNoHarm) {
  const Bytes snapshot = table_of_two().snapshot(1, {});
  for (std::size_t at = 6; at < snapshot.size(); ++at) {
    for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
      Bytes lie = snapshot;
      lie[at] = static_cast<std::byte>(value);
      store_be(lie.data() + 2, crc32c(BytesView{lie}.subspan(6)));
      ProducerTable table;
      const bool loaded = table.load(lie).has_value();
      ASSERT_LE(table.size(), 2u);
      ASSERT_TRUE(loaded || table.size() == 0);
      (void)table.snapshot(0, {});
      (void)table.check(head(100, 2, 21, 3, 100), Origin::client);
      table.note(head(100, 2, 21, 3, 100), 1);
      table.note_marker(head(100, 2, 0, 1, 103), {}, 1);
      table.expire(1'000'000, 1000);
    }
  }
}

TEST(ProducerSnapshot, ItsTimeIsReadWithoutTheRest) {
  sim::FileSystem fs;
  auto file = *fs.open("/snapshot", env::OpenMode::create);
  EXPECT_EQ(snapshot_taken_ms(*file), std::nullopt);
  ASSERT_TRUE(file->write_at(0, table_of_two().snapshot(123456, {})));
  EXPECT_EQ(snapshot_taken_ms(*file), 123456);
}

TEST(ProducerTable, ForgetsTheSilentByAgeOnly) {
  ProducerTable table = table_of_two();  // last heard at 5006 and 6000
  table.expire(15006, 10000);
  EXPECT_EQ(table.size(), 2u);
  table.expire(15007, 10000);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_TRUE(table.check(head(200, 0, 0, 1, 0), Origin::client)->has_value());
}

BatchHead transactional(BatchHead head) {
  head.is_transactional = true;
  return head;
}

TEST(ProducerSnapshot, CarriesTransactionsAndCoordinators) {
  ProducerTable table;
  table.note(transactional(head(100, 2, 0, 3, 10)), 5000);
  table.note_marker(head(200, 4, 0, 1, 13), {record::ControlMarker::Kind::commit, 9}, 6000);
  const Bytes snapshot = table.snapshot(6000, {});
  ProducerTable loaded;
  ASSERT_TRUE(loaded.load(snapshot));
  EXPECT_EQ(loaded.views(), table.views());
  ASSERT_EQ(loaded.views().size(), 2u) << "one that only has a marker is there";
  EXPECT_EQ(loaded.first_unstable(), Offset{10});
  EXPECT_EQ(loaded.open_transaction(ProducerId{100}), (OpenTransaction{ProducerEpoch{2}, Offset{10}}));
  EXPECT_EQ(load_be<std::int64_t>(snapshot.data() + 10 + 38), 10) << "where Kafka has it";
  EXPECT_EQ(load_be<std::int32_t>(snapshot.data() + 10 + 46 + 34), 9);
}

TEST(ProducerTable, AgeAndNumberNeverTakeAnOpenTransaction) {
  ProducerTable table;
  table.note(transactional(head(-1 + (std::int64_t{1} << 40), 0, 0, 1, 0)), 0);
  for (std::size_t i = 0; i < producers_max + 10; ++i) {
    const auto id = static_cast<std::int64_t>(i);
    table.note(head(id, 0, 0, 1, id + 1), id + 1);
  }
  EXPECT_LE(table.size(), producers_max);
  EXPECT_EQ(table.first_unstable(), Offset{0});
  table.expire(1 << 30, 10);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.first_unstable(), Offset{0});
}

TEST(ProducerTable, IsBoundedAndKeepsThoseHeardLast) {
  ProducerTable table;
  for (std::size_t i = 0; i < producers_max + 10; ++i) {
    const auto id = static_cast<std::int64_t>(i);
    table.note(head(id, 0, 0, 1, id), id);
  }
  EXPECT_LE(table.size(), producers_max);
  EXPECT_GE(table.size(), producers_max / 2);
  EXPECT_TRUE(
      table.check(head(static_cast<std::int64_t>(producers_max), 0, 0, 1, 0), Origin::client)->has_value());
  EXPECT_EQ(*table.check(head(0, 0, 0, 1, 0), Origin::client), std::nullopt)
      << "forgotten: as if it were new";
}

}  // namespace
}  // namespace sluice::log
