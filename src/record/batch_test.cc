#include "record/batch.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "record/builder.h"
#include "record/records.h"

namespace sluice::record {
namespace {

BytesView text(std::string_view s) {
  return as_bytes(s);
}

Bytes three_records(Codec codec = Codec::none) {
  BatchBuilder builder{codec};
  const HeaderView headers[] = {{"trace", text("abc")}, {"none", std::nullopt}};
  builder.add(1000, text("k0"), text("v0"));
  builder.add(1003, std::nullopt, text("v1"), headers);
  builder.add(999, text(""), std::nullopt);
  builder.set_producer(ProducerId{7}, ProducerEpoch{2}, 40);
  return to_owned(*builder.finish(Offset{100}));
}

TEST(BatchView, ReadsEveryFieldThatTheBuilderWrote) {
  const Bytes bytes = three_records();
  const BatchView batch = *BatchView::parse(bytes);
  EXPECT_EQ(batch.size(), bytes.size());
  EXPECT_EQ(batch.range(), (OffsetRange{Offset{100}, Offset{103}}));
  EXPECT_EQ(batch.last_offset(), Offset{102});
  EXPECT_EQ(batch.leader_epoch(), LeaderEpoch{-1});
  EXPECT_EQ(batch.base_timestamp_ms(), 1000);
  EXPECT_EQ(batch.max_timestamp_ms(), 1003);
  EXPECT_EQ(batch.producer_id(), ProducerId{7});
  EXPECT_EQ(batch.producer_epoch(), ProducerEpoch{2});
  EXPECT_EQ(batch.base_sequence(), 40);
  EXPECT_EQ(batch.last_sequence(), 42);
  EXPECT_EQ(batch.records_count(), 3);
  EXPECT_EQ(batch.codec(), Codec::none);
  EXPECT_FALSE(batch.is_transactional() || batch.is_control() || batch.is_log_append_time());
  EXPECT_TRUE(batch.crc_ok());
}

TEST(BatchBuilder, WritesTheWorkedExampleOfTheFormatsPage) {
  const unsigned char expected[] = {
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4a, 0xff, 0xff, 0xff,
      0xff, 0x02, 0xb3, 0x8c, 0xb4, 0x8a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x01,
      0x8b, 0xcf, 0xe5, 0x68, 0x00, 0x00, 0x00, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0x07, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x02, 0x18, 0x00, 0x00, 0x00, 0x02, 0x6b, 0x0a, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x00, 0x16,
      0x00, 0x0e, 0x02, 0x01, 0x0a, 0x77, 0x6f, 0x72, 0x6c, 0x64, 0x00};
  BatchBuilder builder;
  builder.set_producer(ProducerId{1000}, ProducerEpoch{0}, 0);
  builder.add(1700000000000, text("k"), text("hello"));
  builder.add(1700000000007, std::nullopt, text("world"));
  const Bytes bytes = to_owned(*builder.finish());
  EXPECT_EQ(as_text(bytes), (std::string_view{reinterpret_cast<const char*>(expected), sizeof expected}));
}

TEST(BatchView, RecordsAndHeadersComeBackInEveryCodec) {
  Decompressor decompressor;
  for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    const Bytes bytes = three_records(codec);
    const BatchView batch = *BatchView::parse(bytes);
    std::vector<std::string> seen;
    const Result<void> walked =
        for_each_record(*decompressor.records(batch), batch.records_count(), [&](const RecordView& record) {
          std::string line = std::to_string(batch.timestamp_ms(record.timestamp_delta)) + "/" +
                             std::to_string(record.offset_delta) + " " +
                             (record.key ? std::string{as_text(*record.key)} : "null") + "=" +
                             (record.value ? std::string{as_text(*record.value)} : "null");
          EXPECT_TRUE(for_each_header(record, [&](const HeaderView& header) {
            line += " " + std::string{header.key} + ":" +
                    (header.value ? std::string{as_text(*header.value)} : "null");
          }));
          seen.push_back(line);
        });
    ASSERT_TRUE(walked) << to_string(walked.error());
    EXPECT_EQ(seen, (std::vector<std::string>{"1000/0 k0=v0", "1003/1 null=v1 trace:abc none:null",
                                              "999/2 =null"}));
  }
}

TEST(BatchView, TheWalkEndsWhereTheVisitorSaysSo) {
  const Bytes bytes = three_records();
  const BatchView batch = *BatchView::parse(bytes);
  int seen = 0;
  EXPECT_TRUE(for_each_record(batch.records(), 3, [&](const RecordView&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

TEST(BatchView, EveryCutIsRefusedAsCutShort) {
  const Bytes bytes = three_records();
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    ASSERT_EQ(BatchView::parse(BytesView{bytes}.first(cut)).error().code, Code::corrupt) << cut;
    BytesView rest = BytesView{bytes}.first(cut);
    const Result<std::optional<BatchView>> batch = next_batch(rest);
    ASSERT_TRUE(batch && !batch->has_value()) << cut;
    ASSERT_EQ(rest.size(), cut);
  }
}

TEST(BatchView, EveryFlippedBitOfTheCheckedAreaIsSeenByTheChecksum) {
  Bytes bytes = three_records();
  for (std::size_t bit = 17 * 8; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
    const Result<BatchView> batch = BatchView::parse(bytes);
    ASSERT_FALSE(batch && batch->crc_ok()) << bit;
    bytes[bit / 8] ^= std::byte{static_cast<std::uint8_t>(1u << (bit % 8))};
  }
}

TEST(BatchView, ImpossibleNumbersAreRefused) {
  const auto with = [](std::size_t at, auto value) {
    Bytes bytes = three_records();
    store_be(bytes.data() + at, value);
    return BatchView::parse(bytes).has_value();
  };
  EXPECT_FALSE(with(0, std::int64_t{-1}));
  EXPECT_FALSE(with(0, std::numeric_limits<std::int64_t>::max()));
  EXPECT_FALSE(with(8, std::int32_t{-1}));
  EXPECT_FALSE(with(8, std::int32_t{48}));
  EXPECT_FALSE(with(16, std::int8_t{1}));
  EXPECT_FALSE(with(23, std::int32_t{-1}));
  EXPECT_FALSE(with(57, std::int32_t{-1}));
}

TEST(BatchView, BatchesBehindOneAnotherAreTakenOneByOne) {
  Bytes bytes = three_records();
  const Bytes second = three_records(Codec::lz4);
  bytes.insert(bytes.end(), second.begin(), second.end());
  bytes.insert(bytes.end(), second.begin(), second.begin() + 30);
  BytesView rest = bytes;
  EXPECT_EQ((*next_batch(rest))->codec(), Codec::none);
  EXPECT_EQ((*next_batch(rest))->codec(), Codec::lz4);
  EXPECT_FALSE((*next_batch(rest)).has_value());
  EXPECT_EQ(rest.size(), 30u);
}

TEST(Patch, BaseOffsetAndLeaderEpochLeaveTheChecksumAlone) {
  Bytes bytes = three_records();
  patch_base_offset(bytes, Offset{1'000'000'000'000});
  patch_leader_epoch(bytes, LeaderEpoch{9});
  const BatchView batch = *BatchView::parse(bytes);
  EXPECT_EQ(batch.base_offset(), Offset{1'000'000'000'000});
  EXPECT_EQ(batch.leader_epoch(), LeaderEpoch{9});
  EXPECT_TRUE(batch.crc_ok());
}

TEST(Patch, LogAppendTimeRenewsTheChecksumAndRulesEveryRecord) {
  Bytes bytes = three_records();
  patch_max_timestamp(bytes, 5000, true);
  const BatchView batch = *BatchView::parse(bytes);
  EXPECT_TRUE(batch.crc_ok());
  EXPECT_TRUE(batch.is_log_append_time());
  EXPECT_EQ(batch.timestamp_ms(3), 5000);
}

TEST(Sequence, WrapsToZeroAfterTheLargest) {
  BatchBuilder builder;
  builder.set_producer(ProducerId{1}, ProducerEpoch{0}, std::numeric_limits<std::int32_t>::max());
  builder.add(0, std::nullopt, text("a"));
  builder.add(0, std::nullopt, text("b"));
  EXPECT_EQ(BatchView::parse(*builder.finish())->last_sequence(), 0);
}

TEST(Control, AMarkerComesBackAsItWasWritten) {
  BatchBuilder builder{Codec::lz4};
  builder.set_producer(ProducerId{5}, ProducerEpoch{1}, 17);
  const Bytes bytes = to_owned(*builder.finish_control({ControlMarker::Kind::commit, 12}, 777, Offset{4}));
  const BatchView batch = *BatchView::parse(bytes);
  EXPECT_TRUE(batch.is_control() && batch.is_transactional() && batch.crc_ok());
  EXPECT_EQ(batch.base_sequence(), no_sequence);
  const std::optional<ControlMarker> marker = *parse_control(batch);
  ASSERT_TRUE(marker);
  EXPECT_EQ(marker->kind, ControlMarker::Kind::commit);
  EXPECT_EQ(marker->coordinator_epoch, 12);
}

TEST(Records, LyingLengthsAndCountsAreRefused) {
  const Bytes bytes = three_records();
  const BatchView batch = *BatchView::parse(bytes);
  const auto nothing = [](const RecordView&) {};
  EXPECT_FALSE(for_each_record(batch.records(), 2, nothing)) << "bytes follow the last record";
  EXPECT_FALSE(for_each_record(batch.records(), 4, nothing)) << "one record is missing";
  EXPECT_FALSE(for_each_record(batch.records(), std::numeric_limits<std::int32_t>::max(), nothing));
  Bytes records = to_owned(batch.records());
  for (std::size_t at = 0; at < records.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      const std::byte was = std::exchange(records[at], static_cast<std::byte>(value));
      std::size_t bytes_seen = 0;
      (void)for_each_record(records, 3, [&](const RecordView& record) {
        for (const auto& part : {record.key, record.value}) {
          if (part) bytes_seen += part->size();
        }
        (void)for_each_header(record, [](const HeaderView&) {});
      });
      ASSERT_LE(bytes_seen, records.size());
      records[at] = was;
    }
  }
}

}  // namespace
}  // namespace sluice::record
