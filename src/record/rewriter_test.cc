#include "record/rewriter.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "record/builder.h"

namespace sluice::record {
namespace {

constexpr std::int64_t now = 1'700'000'000'000;

struct Plain {
  std::int32_t delta = 0;
  std::int64_t timestamp_ms = 0;
  std::string key;
  std::string value;
  std::string headers;
  friend bool operator==(const Plain&, const Plain&) = default;
};

std::vector<Plain> plain(const BatchView& batch) {
  Decompressor decompressor;
  std::vector<Plain> out;
  EXPECT_TRUE(
      for_each_record(*decompressor.records(batch), batch.records_count(), [&](const RecordView& record) {
        Plain one{record.offset_delta,
                  batch.timestamp_ms(record.timestamp_delta),
                  std::string{as_text(record.key.value_or(as_bytes("(none)")))},
                  std::string{as_text(record.value.value_or(as_bytes("(none)")))},
                  {}};
        EXPECT_TRUE(for_each_header(record, [&](const HeaderView& header) {
          one.headers += std::string{header.key} + "=" +
                         std::string{as_text(header.value.value_or(as_bytes("(none)")))} + " ";
        }));
        out.push_back(std::move(one));
      }));
  return out;
}

Bytes five(Codec codec) {
  BatchBuilder builder{codec};
  builder.set_producer(ProducerId{9}, ProducerEpoch{2}, 40);
  builder.set_leader_epoch(LeaderEpoch{3});
  builder.set_transactional(true);
  const HeaderView headers[] = {{"h", as_bytes("1")}, {"empty", std::nullopt}};
  builder.add(now + 5, as_bytes("a"), as_bytes("one"));
  builder.add(now + 90, as_bytes("b"), std::nullopt, headers);
  builder.add(now - 7, std::nullopt, as_bytes("three"));
  builder.add(now + 20, as_bytes(""), as_bytes(""), headers);
  builder.add(now + 30, as_bytes("e"), as_bytes(std::string(300, 'x')));
  return to_owned(*builder.finish(Offset{1000}));
}

TEST(BatchRewriter, ABatchCompressedAnewHoldsTheSameRecordsUnderTheSameHeader) {
  BatchRewriter rewriter;
  Decompressor decompressor;
  for (const Codec from : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    for (const Codec to : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
      const Bytes bytes = five(from);
      const BatchView original = *BatchView::parse(bytes);
      const auto made = rewriter.recompress(original, *decompressor.records(original), to, 1);
      ASSERT_TRUE(made) << name(from) << " to " << name(to);
      const BatchView batch = *BatchView::parse(*made);
      EXPECT_TRUE(batch.crc_ok());
      EXPECT_EQ(batch.codec(), to);
      EXPECT_EQ(plain(batch), plain(original));
      EXPECT_EQ(batch.attributes() & ~7, original.attributes() & ~7);
      EXPECT_EQ(batch.base_offset(), original.base_offset());
      EXPECT_EQ(batch.last_offset(), original.last_offset());
      EXPECT_EQ(batch.producer_id(), original.producer_id());
      EXPECT_EQ(batch.base_sequence(), original.base_sequence());
      EXPECT_EQ(batch.max_timestamp_ms(), original.max_timestamp_ms());
    }
  }
}

/// `bytes` without the records for which `keep` has a zero.
BatchView rewritten(BatchRewriter& rewriter, const Bytes& bytes, const std::vector<int>& keep,
                    std::optional<std::int64_t> horizon = {}) {
  const BatchView original = *BatchView::parse(bytes);
  static Decompressor decompressor;
  std::vector<RecordView> kept;
  EXPECT_TRUE(for_each_record(*decompressor.records(original), original.records_count(),
                              [&](const RecordView& record) {
                                if (keep[static_cast<std::size_t>(record.offset_delta)] != 0)
                                  kept.push_back(record);
                              }));
  const auto made = rewriter.rewrite(original, kept, horizon);
  EXPECT_TRUE(made);
  const BatchView batch = *BatchView::parse(*made);
  EXPECT_EQ(batch.size(), made->size());
  EXPECT_TRUE(batch.crc_ok());
  return batch;
}

void expect_same_frame(const BatchView& a, const BatchView& b) {
  EXPECT_EQ(a.range(), b.range());
  EXPECT_EQ(a.leader_epoch(), b.leader_epoch());
  EXPECT_EQ(a.producer_id(), b.producer_id());
  EXPECT_EQ(a.producer_epoch(), b.producer_epoch());
  EXPECT_EQ(a.base_sequence(), b.base_sequence());
  EXPECT_EQ(a.last_sequence(), b.last_sequence());
  EXPECT_EQ(a.is_transactional(), b.is_transactional());
  EXPECT_EQ(a.is_control(), b.is_control());
  EXPECT_EQ(a.is_log_append_time(), b.is_log_append_time());
}

TEST(BatchRewriter, KeepsRecordsOffsetsSequencesAndTimestampsAsTheyWere) {
  BatchRewriter rewriter;
  for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    const Bytes bytes = five(codec);
    const BatchView original = *BatchView::parse(bytes);
    const std::vector<Plain> all = plain(original);
    for (const auto& horizon : {std::optional<std::int64_t>{}, std::optional{now + 86'400'000}}) {
      const BatchView batch = rewritten(rewriter, bytes, {0, 1, 1, 1, 0}, horizon);
      expect_same_frame(original, batch);
      EXPECT_EQ(batch.codec(), codec);
      EXPECT_EQ(plain(batch), (std::vector<Plain>{all[1], all[2], all[3]}));
      EXPECT_EQ(batch.delete_horizon_ms(), horizon);
      EXPECT_EQ(batch.base_timestamp_ms(), horizon.value_or(now + 90)) << "as in Kafka";
      EXPECT_EQ(batch.max_timestamp_ms(), now + 90);
    }
  }
}

TEST(BatchRewriter, AnEmptyBatchIsAHeaderThatKeepsItsPlace) {
  BatchRewriter rewriter;
  const Bytes bytes = five(Codec::lz4);
  const BatchView original = *BatchView::parse(bytes);
  const BatchView batch = *BatchView::parse(rewriter.empty(original));
  EXPECT_EQ(batch.size(), header_bytes);
  EXPECT_TRUE(batch.crc_ok());
  expect_same_frame(original, batch);
  EXPECT_EQ(batch.codec(), Codec::none);
  EXPECT_EQ(batch.records_count(), 0);
  EXPECT_EQ(batch.base_timestamp_ms(), no_timestamp);
  EXPECT_EQ(batch.max_timestamp_ms(), original.max_timestamp_ms());
}

TEST(BatchRewriter, ABatchThatTheBrokerStampedKeepsItsStamp) {
  BatchRewriter rewriter;
  Bytes bytes = five(Codec::none);
  patch_max_timestamp(bytes, now + 1000, true);
  const BatchView batch = rewritten(rewriter, bytes, {1, 0, 0, 0, 0}, now + 5000);
  EXPECT_TRUE(batch.is_log_append_time());
  EXPECT_EQ(plain(batch)[0].timestamp_ms, now + 1000);
}

TEST(BatchRewriter, AHorizonIsReplacedOrKeptAsAskedFor) {
  BatchRewriter rewriter;
  const Bytes with = to_owned(rewritten(rewriter, five(Codec::none), {1, 1, 1, 1, 1}, now + 1).bytes());
  const std::vector<Plain> all = plain(*BatchView::parse(with));
  EXPECT_EQ(all, plain(*BatchView::parse(five(Codec::none))));
  const BatchView later = rewritten(rewriter, with, {1, 1, 1, 1, 1}, now + 2);
  EXPECT_EQ(later.delete_horizon_ms(), now + 2);
  EXPECT_EQ(plain(later), all);
  const BatchView without = rewritten(rewriter, with, {1, 1, 1, 1, 1});
  EXPECT_FALSE(without.has_delete_horizon());
  EXPECT_EQ(plain(without), all);
}

TEST(BatchRewriter, TimestampsAtTheEndsOfTheirRangeComeBackAsTheyWere) {
  BatchBuilder builder;
  builder.add(std::numeric_limits<std::int64_t>::min() + 1, as_bytes("a"), as_bytes("1"));
  builder.add(0, as_bytes("b"), as_bytes("2"));
  const Bytes bytes = to_owned(*builder.finish());
  BatchRewriter rewriter;
  const BatchView batch = rewritten(rewriter, bytes, {1, 1}, -1);
  const auto first = static_cast<std::uint64_t>(batch.base_timestamp_ms());
  std::vector<std::int64_t> timestamps;
  ASSERT_TRUE(for_each_record(batch.records(), 2, [&](const RecordView& record) {
    timestamps.push_back(
        static_cast<std::int64_t>(first + static_cast<std::uint64_t>(record.timestamp_delta)));
  }));
  EXPECT_EQ(timestamps, (std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::min() + 1, 0}));
}

}  // namespace
}  // namespace sluice::record
