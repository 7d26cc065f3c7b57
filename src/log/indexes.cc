#include "log/indexes.h"

#include <algorithm>

#include "base/assert.h"
#include "log/names.h"

namespace sluice::log {
namespace {

/// No segment has more: its positions are 31 bits, and an entry stands for a batch of its own.
constexpr std::uint64_t index_bytes_max = std::uint64_t{1} << 30;

Result<void> write_tail(env::FileSystem& fs, const std::string& path, std::uint64_t from, BytesView tail) {
  auto file = SLUICE_TRY(fs.open(path, env::OpenMode::create));
  const std::uint64_t end = from + tail.size();
  if (SLUICE_TRY(file->size()) > end) SLUICE_TRY(file->truncate(end));
  if (!tail.empty()) SLUICE_TRY(file->write_at(from, tail));
  return {};
}

/// The file's content; nothing where it is missing or no whole number of entries.
Result<std::optional<Bytes>> read_entries(env::FileSystem& fs, const std::string& path,
                                          std::size_t entry_bytes) {
  Result<Bytes> content = fs.read_file(path, index_bytes_max);
  if (!content && (content.error().code == Code::not_found || content.error().code == Code::limit_exceeded)) {
    return std::nullopt;
  }
  if (!content) return std::unexpected(std::move(content.error()));
  if (content->size() % entry_bytes != 0) return std::nullopt;
  return std::move(*content);
}

}  // namespace

Indexes::Indexes(std::string dir, Offset base)
    : base_(base),
      offset_path_(env::join(dir, file_name(base, index_suffix))),
      time_path_(env::join(dir, file_name(base, time_index_suffix))),
      max_timestamp_offset_(base) {}

void Indexes::clear() {
  offsets_.clear();
  times_.clear();
  offsets_persisted_ = times_persisted_ = 0;
  max_timestamp_ms_ = record::no_timestamp;
  max_timestamp_offset_ = base_;
  bytes_since_entry_ = 0;
  loaded_ = true;
}

void Indexes::note(const BatchHead& batch, std::uint64_t position, std::uint32_t interval_bytes) {
  if (batch.max_timestamp_ms > max_timestamp_ms_) {
    max_timestamp_ms_ = batch.max_timestamp_ms;
    max_timestamp_offset_ = batch.last_offset();
  }
  if (bytes_since_entry_ > interval_bytes) {
    offsets_.push_back({relative(batch.last_offset()), static_cast<std::int32_t>(position)});
    note_time();
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += batch.bytes;
}

void Indexes::note_time() {
  const std::int64_t last = times_.empty() ? record::no_timestamp : times_.back().timestamp_ms;
  if (max_timestamp_ms_ > last) times_.push_back({max_timestamp_ms_, relative(max_timestamp_offset_)});
}

bool Indexes::full(std::uint32_t bytes_max) const {
  return (offsets_.size() + 1) * offset_entry_bytes > bytes_max ||
         (times_.size() + 2) * time_entry_bytes > bytes_max;  // one more when it is sealed
}

Result<void> Indexes::persist(env::FileSystem& fs) {
  SLUICE_ASSERT(loaded_);
  note_time();
  Bytes offsets((offsets_.size() - offsets_persisted_) * offset_entry_bytes);
  std::byte* p = offsets.data();
  for (std::size_t i = offsets_persisted_; i < offsets_.size(); ++i, p += offset_entry_bytes) {
    store_be(p, offsets_[i].relative);
    store_be(p + 4, offsets_[i].position);
  }
  SLUICE_TRY(write_tail(fs, offset_path_, offsets_persisted_ * offset_entry_bytes, offsets));
  offsets_persisted_ = offsets_.size();
  Bytes times((times_.size() - times_persisted_) * time_entry_bytes);
  p = times.data();
  for (std::size_t i = times_persisted_; i < times_.size(); ++i, p += time_entry_bytes) {
    store_be(p, times_[i].timestamp_ms);
    store_be(p + 8, times_[i].relative);
  }
  SLUICE_TRY(write_tail(fs, time_path_, times_persisted_ * time_entry_bytes, times));
  times_persisted_ = times_.size();
  return {};
}

Result<bool> Indexes::load(env::FileSystem& fs, std::uint64_t log_bytes) {
  const std::optional<Bytes> offsets = SLUICE_TRY(read_entries(fs, offset_path_, offset_entry_bytes));
  const std::optional<Bytes> times = SLUICE_TRY(read_entries(fs, time_path_, time_entry_bytes));
  if (!offsets || !times) return false;
  std::vector<OffsetEntry> loaded(offsets->size() / offset_entry_bytes);
  OffsetEntry last{-1, 0};
  const std::byte* p = offsets->data();
  for (OffsetEntry& entry : loaded) {
    entry = {load_be<std::int32_t>(p), load_be<std::int32_t>(p + 4)};
    if (entry.relative <= last.relative || entry.position <= last.position || position(entry) >= log_bytes) {
      return false;
    }
    last = entry;
    p += offset_entry_bytes;
  }
  std::vector<TimeEntry> loaded_times(times->size() / time_entry_bytes);
  TimeEntry last_time{record::no_timestamp, -1};
  p = times->data();
  for (TimeEntry& entry : loaded_times) {
    entry = {load_be<std::int64_t>(p), load_be<std::int32_t>(p + 8)};
    if (entry.timestamp_ms <= last_time.timestamp_ms || entry.relative <= last_time.relative) return false;
    last_time = entry;
    p += time_entry_bytes;
  }
  offsets_ = std::move(loaded);
  times_ = std::move(loaded_times);
  offsets_persisted_ = offsets_.size();
  times_persisted_ = times_.size();
  max_timestamp_ms_ = last_time.timestamp_ms;
  max_timestamp_offset_ = times_.empty() ? base_ : base_ + last_time.relative;
  bytes_since_entry_ = 0;
  loaded_ = true;
  return true;
}

void Indexes::unload() {
  offsets_ = {};
  times_ = {};
  loaded_ = false;
}

std::uint64_t Indexes::position_before(Offset offset) const {
  SLUICE_ASSERT(loaded_);
  // The batch of an entry ends at the entry's offset, so the one sought begins there or after it.
  const auto after = std::ranges::upper_bound(offsets_, relative(offset), {}, &OffsetEntry::relative);
  return after == offsets_.begin() ? 0 : position(*(after - 1));
}

std::optional<TimeMark> Indexes::time_before(std::int64_t timestamp_ms) const {
  SLUICE_ASSERT(loaded_);
  const auto after = std::ranges::upper_bound(times_, timestamp_ms, {}, &TimeEntry::timestamp_ms);
  if (after == times_.begin()) return std::nullopt;
  return TimeMark{(after - 1)->timestamp_ms, base_ + (after - 1)->relative};
}

std::optional<TimeMark> Indexes::time_below(Offset end) const {
  SLUICE_ASSERT(loaded_);
  const auto after = std::ranges::lower_bound(times_, end - base_, {},
                                              [](const TimeEntry& entry) { return entry.relative; });
  if (after == times_.begin()) return std::nullopt;
  return TimeMark{(after - 1)->timestamp_ms, base_ + (after - 1)->relative};
}

}  // namespace sluice::log
