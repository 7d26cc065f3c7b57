// What the tests of logs share: a simulated disk, small batches, and a reader of everything.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "log/data_dir.h"
#include "log/partition_log.h"
#include "record/builder.h"
#include "record/records.h"
#include "sim/file_system.h"

namespace sluice::log {

inline const TopicPartition events{"events", PartitionId{0}};
inline const std::string data_dir = "/data";
inline const std::string events_dir = "/data/events-0";
constexpr Uuid events_id{0x0123456789abcdefu, 0xfedcba9876543210u};
constexpr std::int64_t now = 1'700'000'000'000;

inline std::string value_of(std::int64_t number) {
  return "record " + std::to_string(number);
}

/// `count` records that carry the numbers from `number` on.
inline Bytes batch_of(std::int64_t number, int count = 1, record::Codec codec = record::Codec::none,
                      std::int64_t timestamp_ms = now) {
  record::BatchBuilder builder{codec};
  for (int i = 0; i < count; ++i) {
    builder.add(timestamp_ms + i, std::nullopt, as_bytes(value_of(number + i)));
  }
  return to_owned(*builder.finish());
}

inline Bytes batch_by(std::int64_t producer, int epoch, std::int32_t sequence, std::int64_t number,
                      int count = 1) {
  record::BatchBuilder builder;
  builder.set_producer(ProducerId{producer}, ProducerEpoch{static_cast<std::int16_t>(epoch)}, sequence);
  for (int i = 0; i < count; ++i) builder.add(now, std::nullopt, as_bytes(value_of(number + i)));
  return to_owned(*builder.finish());
}

/// The values from `from` to the high watermark, one an offset, whose CRCs and offsets are right; "corrupt"
/// in the place of anything that is not.
inline std::vector<std::string> values(PartitionLog& log, Offset from) {
  std::vector<std::string> out;
  record::Decompressor decompressor;
  Bytes buffer(1 << 16);
  Offset at = from;
  while (at < log.high_watermark()) {
    const Result<ReadSlice> slice = log.read(at, log.high_watermark(), buffer);
    if (!slice || slice->bytes == 0) {
      out.push_back(slice ? "nothing" : "error: " + slice.error().message);
      return out;
    }
    BytesView rest = BytesView{buffer}.first(slice->bytes);
    while (!rest.empty()) {
      const std::optional<record::BatchView> batch = *record::next_batch(rest);
      if (!batch || !batch->crc_ok() || batch->base_offset() > at) return {"corrupt"};
      (void)record::for_each_record(*decompressor.records(*batch), batch->records_count(),
                                    [&](const auto& record) {
                                      if (batch->base_offset() + record.offset_delta != at) return;
                                      out.emplace_back(as_text(*record.value));
                                      at = at + 1;
                                    });
    }
  }
  return out;
}

inline std::vector<std::string> values(PartitionLog& log) {
  return values(log, log.log_start_offset());
}

inline std::vector<std::string> numbered(std::int64_t begin, std::int64_t end) {
  std::vector<std::string> out;
  for (std::int64_t i = begin; i < end; ++i) out.push_back(value_of(i));
  return out;
}

class LogTest : public testing::Test {
 protected:
  LogTest() { EXPECT_TRUE(fs.create_dirs_durable(data_dir)); }

  void create(const LogOptions& with = {}) {
    options = with;
    auto made = PartitionLog::create(fs, data_dir, events, events_id, options);
    ASSERT_TRUE(made) << to_string(made.error());
    log = std::move(*made);
  }
  void reopen(bool clean = false, std::int64_t now_ms = now) {
    log.reset();
    auto opened = PartitionLog::open(fs, data_dir, events, options, {.clean = clean, .now_ms = now_ms});
    ASSERT_TRUE(opened) << to_string(opened.error());
    log = std::move(*opened);
  }
  Result<Appended> append(Bytes batch, std::int32_t epoch = 0, std::int64_t now_ms = now) {
    return log->append(batch, LeaderEpoch{epoch}, now_ms);
  }
  /// Appends records [begin, end), `count` a batch, and syncs.
  void fill(std::int64_t begin, std::int64_t end, int count = 1) {
    for (std::int64_t i = begin; i < end; i += count) ASSERT_TRUE(append(batch_of(i, count)));
    ASSERT_TRUE(log->sync());
  }
  Bytes content(const std::string& name) {
    auto read = fs.read_file(env::join(events_dir, name), 1 << 24);
    return read ? *read : Bytes{};
  }
  void overwrite(const std::string& name, BytesView bytes) {
    auto file = *fs.open(env::join(events_dir, name), env::OpenMode::create_truncate);
    ASSERT_TRUE(file->write_at(0, bytes));
    ASSERT_TRUE(file->sync());
  }

  sim::FileSystem fs;
  LogOptions options;
  std::unique_ptr<PartitionLog> log;
};

}  // namespace sluice::log
