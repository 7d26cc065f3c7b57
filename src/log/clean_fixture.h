// What the tests of compaction share: records with keys, and rounds that run to their end.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "log/clean_job.h"
#include "log/log_fixture.h"

namespace sluice::log {

/// A record as a reader sees it.
struct Seen {
  std::int64_t offset = 0;
  std::string key;
  std::optional<std::string> value;  // nothing: a tombstone
  friend bool operator==(const Seen&, const Seen&) = default;
};
inline void PrintTo(const Seen& seen, std::ostream* out) {
  *out << seen.offset << ' ' << seen.key << '=' << seen.value.value_or("(none)");
}

struct Pair {
  std::string key;
  std::optional<std::string> value;
};

inline Bytes keyed(const std::vector<Pair>& pairs, record::BatchBuilder builder = record::BatchBuilder{},
                   std::int64_t timestamp_ms = now) {
  for (const Pair& pair : pairs) {
    std::optional<BytesView> value;
    if (pair.value) value = as_bytes(*pair.value);
    builder.add(timestamp_ms++, as_bytes(pair.key), value);
  }
  return to_owned(*builder.finish());
}

/// Calls f for each batch from the log start on, control batches too. Fails the test where one is damaged.
inline void for_each_batch(PartitionLog& log, const std::function<void(const record::BatchView&)>& f) {
  Bytes buffer(1 << 16);
  for (Offset at = log.log_start_offset(); at < log.high_watermark();) {
    const Result<ReadSlice> slice = log.read(at, log.high_watermark(), buffer);
    ASSERT_TRUE(slice) << to_string(slice.error());
    ASSERT_GT(slice->bytes, 0u) << "at offset " << at.value;
    BytesView rest = BytesView{buffer}.first(slice->bytes);
    while (!rest.empty()) {
      const record::BatchView batch = **record::next_batch(rest);
      ASSERT_TRUE(batch.crc_ok());
      f(batch);
    }
    at = slice->next;
  }
}

/// Every record that is not a marker.
inline std::vector<Seen> all_records(PartitionLog& log) {
  std::vector<Seen> seen;
  record::Decompressor decompressor;
  for_each_batch(log, [&](const record::BatchView& batch) {
    if (batch.is_control()) return;
    ASSERT_TRUE(record::for_each_record(
        *decompressor.records(batch), batch.records_count(), [&](const record::RecordView& record) {
          seen.push_back({batch.base_offset().value + record.offset_delta,
                          std::string{as_text(record.key.value_or(BytesView{}))},
                          record.value ? std::optional{std::string{as_text(*record.value)}} : std::nullopt});
        }));
  });
  return seen;
}

/// Drives a job that began to its end.
inline Result<void> drive(PartitionLog& log, CleanJob& job) {
  while (true) {
    const Result<CleanJob::Step> step = job.run();
    if (!SLUICE_TRY(log.after_clean(job, step))) return {};
  }
}

class CleanTest : public LogTest {
 protected:
  /// Appends one batch with these records.
  void put(const std::vector<Pair>& pairs, record::Codec codec = record::Codec::none) {
    const Result<Appended> appended = append(keyed(pairs, record::BatchBuilder{codec}));
    ASSERT_TRUE(appended) << to_string(appended.error());
  }
  void seal() {
    ASSERT_TRUE(log->sync());
    ASSERT_TRUE(log->roll(now));
    ASSERT_TRUE(log->sync());
  }
  CleanSettings settings(std::int64_t now_ms) {
    CleanSettings made;
    made.now_ms = now_ms;
    made.delete_retention_ms = 1000;
    made.dedupe_bytes_max = dedupe_bytes_max;
    made.hash_key = {11, 22};
    return made;
  }
  /// One round; where the last one ended is kept.
  void clean(std::int64_t now_ms = now) {
    const Result<void> cleaned = try_clean(now_ms);
    ASSERT_TRUE(cleaned) << to_string(cleaned.error());
  }
  Result<void> try_clean(std::int64_t now_ms = now) {
    const Cleanable what = log->cleanable(cleaned_to, {}, now_ms);
    if (what.first_dirty >= what.first_uncleanable) return {};
    CleanJob job = SLUICE_TRY(log->begin_clean(what, settings(now_ms)));
    SLUICE_TRY(drive(*log, job));
    cleaned_to = job.cleaned_to();
    stats = job.stats();
    return {};
  }

  std::size_t dedupe_bytes_max = 1 << 20;
  std::optional<Offset> cleaned_to;
  CleanStats stats;
};

}  // namespace sluice::log
