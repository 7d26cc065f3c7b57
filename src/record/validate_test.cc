#include "record/validate.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "record/builder.h"

namespace sluice::record {
namespace {

constexpr std::int64_t now = 1'700'000'000'000;

Bytes batch_of(int count, Codec codec = Codec::none, std::int64_t timestamp = now, bool keys = true) {
  BatchBuilder builder{codec};
  for (int i = 0; i < count; ++i) {
    const std::optional<BytesView> key = keys ? std::optional{as_bytes("key")} : std::nullopt;
    builder.add(timestamp + i, key, as_bytes("value of a record"));
  }
  return to_owned(*builder.finish());
}

/// Writes `value` at `at` and renews the checksum, as a client that lies on purpose would.
template <class T>
Bytes with(Bytes bytes, std::size_t at, T value) {
  store_be(bytes.data() + at, value);
  store_be(bytes.data() + 17, crc32c(BytesView{bytes}.subspan(21)));
  return bytes;
}

std::int16_t refusal(Bytes batch, ValidateOptions options = {}) {
  options.now_ms = options.now_ms == 0 ? now : options.now_ms;
  Decompressor decompressor;
  const Bytes before = batch;
  const Result<Validated> validated = validate(batch, options, decompressor);
  if (validated) return 0;
  EXPECT_EQ(batch, before) << "a refused batch is left alone";
  return validated.error().kafka_error;
}

TEST(Validate, AnHonestBatchPassesInEveryCodecAndKeepsItsBytes) {
  for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    Bytes batch = batch_of(100, codec);
    const Bytes before = batch;
    Decompressor decompressor;
    const Result<Validated> validated = validate(batch, {.now_ms = now}, decompressor);
    ASSERT_TRUE(validated) << to_string(validated.error());
    EXPECT_EQ(validated->records_count, 100);
    EXPECT_EQ(validated->max_timestamp_ms, now + 99);
    EXPECT_EQ(batch, before);
  }
}

TEST(Validate, DamageIsCorruptMessage) {
  Bytes batch = batch_of(3);
  batch[70] ^= std::byte{1};
  EXPECT_EQ(refusal(batch), kafka_error::corrupt_message);
  EXPECT_EQ(refusal(with(batch_of(3), 8, std::int32_t{13})), kafka_error::corrupt_message)
      << "no format is so short";
  EXPECT_EQ(refusal(with(batch_of(3), 16, std::int8_t{3})), kafka_error::corrupt_message);
}

TEST(Validate, WhatIsNotOneWholeBatchOfThisFormatIsInvalidRecord) {
  EXPECT_EQ(refusal({}), kafka_error::invalid_record);
  EXPECT_EQ(refusal(Bytes(10)), kafka_error::invalid_record);
  Bytes torn = batch_of(3);
  torn.pop_back();
  EXPECT_EQ(refusal(torn), kafka_error::invalid_record);
  EXPECT_EQ(refusal(with(batch_of(3), 16, std::int8_t{1})), kafka_error::invalid_record);
}

TEST(Validate, OffsetsOfAClientBeginAtZero) {
  EXPECT_EQ(refusal(with(batch_of(3), 0, std::int64_t{5})), kafka_error::invalid_record);
  EXPECT_EQ(refusal(with(batch_of(3), 0, std::int64_t{-1})), kafka_error::invalid_record);
  EXPECT_EQ(refusal(with(batch_of(3), 0, std::int64_t{5}), {.from_client = false}), 0);
}

TEST(Validate, TooManyBytesAreMessageTooLarge) {
  const Bytes batch = batch_of(3);
  EXPECT_EQ(refusal(batch, {.batch_bytes_max = batch.size() - 1}), kafka_error::message_too_large);
  EXPECT_EQ(refusal(batch, {.batch_bytes_max = batch.size()}), 0);
}

TEST(Validate, CountsThatDoNotAgreeAreInvalidRecord) {
  EXPECT_EQ(refusal(with(batch_of(3), 57, std::int32_t{2})), kafka_error::invalid_record);
  EXPECT_EQ(refusal(with(batch_of(3), 23, std::int32_t{3})), kafka_error::invalid_record);
  EXPECT_EQ(refusal(with(batch_of(3), 57, std::int32_t{0})), kafka_error::invalid_record);
  Bytes lying = with(batch_of(3), 57, std::int32_t{0x7fffffff});
  EXPECT_EQ(refusal(with(lying, 23, std::int32_t{0x7ffffffe})), kafka_error::invalid_record);
}

TEST(Validate, OffsetsWithHolesAreInvalidRecord) {
  BatchBuilder builder;
  builder.add_at(0, now, std::nullopt, as_bytes("a"));
  builder.add_at(2, now, std::nullopt, as_bytes("b"));
  EXPECT_EQ(refusal(to_owned(*builder.finish())), kafka_error::invalid_record);
}

TEST(Validate, TwoBatchesOrBytesBehindOneAreInvalidRecord) {
  Bytes batch = batch_of(1);
  batch.push_back(std::byte{0});
  EXPECT_EQ(refusal(batch), kafka_error::invalid_record);
}

TEST(Validate, AClientMayNotWriteControlBatches) {
  BatchBuilder builder;
  builder.set_producer(ProducerId{1}, ProducerEpoch{0}, 0);
  const Bytes batch = to_owned(*builder.finish_control({}, now, Offset{0}));
  EXPECT_EQ(refusal(batch), kafka_error::invalid_record);
  EXPECT_EQ(refusal(batch, {.from_client = false}), 0);
}

TEST(Validate, ACompactedTopicWantsKeys) {
  EXPECT_EQ(refusal(batch_of(2, Codec::none, now, false), {.compacted = true}), kafka_error::invalid_record);
  EXPECT_EQ(refusal(batch_of(2, Codec::none, now, true), {.compacted = true}), 0);
}

TEST(Validate, TimestampsOutsideTheBoundsAreInvalidTimestamp) {
  EXPECT_EQ(refusal(batch_of(1, Codec::none, now + 3'600'001)), kafka_error::invalid_timestamp);
  EXPECT_EQ(refusal(batch_of(1, Codec::none, now + 3'600'000)), 0);
  EXPECT_EQ(refusal(batch_of(1, Codec::none, now - 10), {.timestamp_before_ms_max = 9}),
            kafka_error::invalid_timestamp);
  EXPECT_EQ(refusal(batch_of(1, Codec::none, no_timestamp)), 0) << "no timestamp is no old timestamp";
}

TEST(Validate, AWrongMaxTimestampIsPutRight) {
  Bytes batch = with(batch_of(3), 35, std::int64_t{-1});
  Decompressor decompressor;
  EXPECT_EQ(validate(batch, {.now_ms = now}, decompressor)->max_timestamp_ms, now + 2);
  const BatchView view = *BatchView::parse(batch);
  EXPECT_EQ(view.max_timestamp_ms(), now + 2);
  EXPECT_TRUE(view.crc_ok());
}

TEST(Validate, LogAppendTimeStampsTheBatch) {
  Bytes batch = batch_of(3, Codec::lz4, 5);
  Decompressor decompressor;
  const Validated validated = *validate(batch, {.log_append_time = true, .now_ms = now}, decompressor);
  EXPECT_EQ(validated.log_append_time_ms, now);
  const BatchView view = *BatchView::parse(batch);
  EXPECT_TRUE(view.is_log_append_time() && view.crc_ok());
  EXPECT_EQ(view.max_timestamp_ms(), now);
}

TEST(Validate, AProducerMayNotClaimLogAppendTime) {
  const Bytes claimed = with(batch_of(2), 21, std::int16_t{0x08});
  EXPECT_EQ(refusal(claimed, {.log_append_time = true}), kafka_error::invalid_timestamp);
  EXPECT_EQ(refusal(with(claimed, 35, no_timestamp)), kafka_error::invalid_timestamp);
}

TEST(Validate, OnATopicOfProducersTimesTheClaimIsTakenAndCleared) {
  Bytes batch = with(with(batch_of(2), 21, std::int16_t{0x08}), 35, now + 7);
  Decompressor decompressor;
  EXPECT_EQ(validate(batch, {.now_ms = now}, decompressor)->max_timestamp_ms, now + 7);
  const BatchView view = *BatchView::parse(batch);
  EXPECT_TRUE(!view.is_log_append_time() && view.crc_ok());
  EXPECT_EQ(refusal(with(batch, 35, now + 3'600'001)), 0) << "without the claim the records' own times count";
  EXPECT_EQ(refusal(with(with(batch, 21, std::int16_t{0x08}), 35, now + 3'600'001)),
            kafka_error::invalid_timestamp);
}

TEST(Validate, TheRecordsAtFaultAreNamed) {
  const auto named = [](Bytes batch, ValidateOptions options) {
    std::vector<RecordError> errors;
    options.record_errors = &errors;
    EXPECT_NE(refusal(std::move(batch), options), 0);
    std::vector<std::int32_t> indices;
    for (const RecordError& error : errors) indices.push_back(error.index);
    return indices;
  };
  EXPECT_EQ(named(batch_of(3, Codec::zstd, now + 3'599'999), {}), (std::vector<std::int32_t>{2}));
  EXPECT_EQ(named(batch_of(2, Codec::none, now, false), {.compacted = true}),
            (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(named(batch_of(5000, Codec::none, now, false), {.compacted = true}).size(), record_errors_max);
  EXPECT_TRUE(named(with(batch_of(3), 23, std::int32_t{3}), {}).empty())
      << "the batch is at fault, no record";
}

TEST(Validate, AnUnknownCodecIsUnsupported) {
  EXPECT_EQ(refusal(with(batch_of(1), 21, std::int16_t{0x05})), kafka_error::unsupported_compression_type);
}

TEST(Validate, EveryByteThatLiesUnderARightChecksumIsRefusedOrHarmless) {
  const Bytes batch = batch_of(2);
  for (std::size_t at = 21; at < batch.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      Bytes changed = batch;
      changed[at] = static_cast<std::byte>(value);
      store_be(changed.data() + 17, crc32c(BytesView{changed}.subspan(21)));
      const std::int16_t code = refusal(changed);
      if (code == 0) {
        ASSERT_EQ(BatchView::parse(changed)->records_count(), 2);
      }
    }
  }
}

}  // namespace
}  // namespace sluice::record
