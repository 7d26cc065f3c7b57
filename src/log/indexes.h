// A segment's two indexes, as Kafka lays them out: from offsets to places in the log file, and from
// timestamps to offsets. Sparse: an entry about every index_interval_bytes.
//
//   .index      relative_offset int32 | position int32     of a batch: its last offset, where it begins
//   .timeindex  timestamp int64 | relative_offset int32    the largest timestamp so far, the last offset of
//   the
//                                                          batch that brought it
// Both columns of both grow from entry to entry. Big-endian; offsets count from the segment's base.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "log/batch_head.h"

namespace sluice::log {

constexpr std::size_t offset_entry_bytes = 8;
constexpr std::size_t time_entry_bytes = 12;

struct OffsetEntry {
  std::int32_t relative = 0;
  std::int32_t position = 0;
};
struct TimeEntry {
  std::int64_t timestamp_ms = record::no_timestamp;
  std::int32_t relative = 0;
};

/// A time entry, its offset made whole.
struct TimeMark {
  std::int64_t timestamp_ms = record::no_timestamp;
  Offset offset;
};

/// In memory; files are written by persist() only, which is when a segment is sealed or closed.
class Indexes {
 public:
  /// For the segment at `base`, whose files in `dir` need not be there yet.
  Indexes(std::string dir, Offset base);

  /// Empty again, as before a scan; the files will be written from their start.
  void clear();
  /// Notes a batch at `position`, the one before it noted first.
  void note(const BatchHead& batch, std::uint64_t position, std::uint32_t interval_bytes);
  /// Whether one more entry in both would pass `bytes_max`.
  bool full(std::uint32_t bytes_max) const;

  /// Writes what the files do not have yet, after an entry for the largest timestamp, and cuts off what they
  /// have beyond. Not synced. Safe to repeat after an error.
  Result<void> persist(env::FileSystem& fs);
  /// Reads both files. Returns false where they are not to be trusted: missing, torn, not growing, or
  /// pointing behind `log_bytes`.
  Result<bool> load(env::FileSystem& fs, std::uint64_t log_bytes);
  /// Frees the memory of a sealed segment's indexes; load() brings them back.
  void unload();
  bool loaded() const { return loaded_; }

  /// A place at or before the batch that holds `offset`: where walking begins.
  std::uint64_t position_before(Offset offset) const;
  /// The entry of a batch at or before the first one that has a timestamp >= `timestamp_ms`; nothing where no
  /// entry is before it.
  std::optional<TimeMark> time_before(std::int64_t timestamp_ms) const;
  /// The last time entry of a batch that ends at or before `end`; nothing where none does.
  std::optional<TimeMark> time_below(Offset end) const;
  /// The last entry's place, where a walk to the end of the file begins.
  std::uint64_t last_position() const { return offsets_.empty() ? 0 : position(offsets_.back()); }
  /// The last offset of the batch there; the base where there is no entry.
  Offset last_indexed() const { return offsets_.empty() ? base_ : base_ + offsets_.back().relative; }

  /// The largest timestamp of the segment and the last offset of the first batch that has it. Known even
  /// while unloaded.
  std::int64_t max_timestamp_ms() const { return max_timestamp_ms_; }
  Offset max_timestamp_offset() const { return max_timestamp_offset_; }

  /// The names that persist() and load() use from now on.
  void set_paths(std::string offset_path, std::string time_path) {
    offset_path_ = std::move(offset_path);
    time_path_ = std::move(time_path);
  }
  const std::string& offset_path() const { return offset_path_; }
  const std::string& time_path() const { return time_path_; }

 private:
  static std::uint64_t position(const OffsetEntry& entry) {
    return static_cast<std::uint64_t>(entry.position);
  }
  std::int32_t relative(Offset offset) const { return static_cast<std::int32_t>(offset - base_); }
  void note_time();

  Offset base_;  // constant after construction
  std::string offset_path_;
  std::string time_path_;
  std::vector<OffsetEntry> offsets_;
  std::vector<TimeEntry> times_;
  std::size_t offsets_persisted_ = 0;
  std::size_t times_persisted_ = 0;
  std::int64_t max_timestamp_ms_ = record::no_timestamp;
  Offset max_timestamp_offset_;
  std::uint64_t bytes_since_entry_ = 0;
  bool loaded_ = true;
};

}  // namespace sluice::log
