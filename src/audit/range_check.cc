#include "audit/range_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/hashing.h"

namespace sluice::audit {
namespace {

/// No worker makes a range of so many offsets; going through one would take hours.
constexpr std::int64_t range_offsets_max = std::int64_t{1} << 36;

OffsetRange intersect(OffsetRange a, OffsetRange b) {
  const OffsetRange out{std::max(a.begin, b.begin), std::min(a.end, b.end)};
  return out.empty() ? OffsetRange{a.begin, a.begin} : out;
}

std::string hive_dir_of(const std::string& name) {
  return name.find('/') == std::string::npos ? std::string() : env::parent(name);
}

}  // namespace

RangeCheck::RangeCheck(RangeContext& context, const table::CommitObject& commit, PartitionReport& report)
    : context_(context), commit_(commit), report_(report) {}

Result<void> RangeCheck::run() {
  if (commit_.kind == table::CommitKind::gap) {
    report_.explained += commit_.counts.lost;
    wrong(fmt::format("[{}, {}) is a gap that an operator accepted: the topic had dropped it unread",
                      commit_.range.begin.value, commit_.range.end.value));
    report_.findings.back().wrong = false;
    return {};
  }
  if (commit_.range.count() > range_offsets_max) {
    wrong(fmt::format("[{}, {}) is no range that a worker commits", commit_.range.begin.value,
                      commit_.range.end.value));
    return {};
  }
  if (!commit_.filter.empty()) {
    report_.findings.push_back(
        {false, fmt::format("[{}, {}) was filtered by '{}', which audit cannot repeat",
                            commit_.range.begin.value, commit_.range.end.value, commit_.filter)});
    return {};
  }
  for (Offset at = commit_.range.begin; at < commit_.range.end; at = window_.end) {
    window_ = {at, std::min(commit_.range.end, at + context_.window_offsets_max)};
    SLUICE_TRY(read_topic(window_));
    SLUICE_TRY(read_files(at == commit_.range.begin));
    close_window();
    if (!context_.on_records()) return fail(Code::interrupted, "interrupted; the audit is not complete");
  }
  close_range();
  return {};
}

Result<void> RangeCheck::read_topic(OffsetRange window) {
  const auto count = static_cast<std::size_t>(window.count());
  cells_.assign(count, Cell{});
  expected_.assign(count, 0);
  const auto readable = intersect(window, context_.topic);
  for (Offset o = window.begin; o < window.end; o = o + 1) {
    if (readable.contains(o)) continue;
    cells_[static_cast<std::size_t>(o - window.begin)].place = Place::unreadable;
    all_readable_ = false;
  }
  if (readable.empty()) return {};
  return context_.reader.read(readable, [&](const TopicRecord& record) {
    const auto index = static_cast<std::size_t>(record.offset - window.begin);
    raw_hash_ += raw_term(record.offset, record.timestamp_ms, record.key, record.value);
    const auto row =
        context_.model != nullptr ? context_.model->row_hash(commit_.partition, record) : std::nullopt;
    cells_[index].place = row ? Place::row : Place::quarantine;
    expected_[index] = row ? *row : quarantine_hash(record);
  });
}

Result<void> RangeCheck::read_files(bool first_window) {
  for (const auto& file : commit_.files) {
    const auto result = read_file(file, first_window);
    if (result) continue;
    if (result.error().code != Code::corrupt && result.error().code != Code::not_found) return result;
    if (first_window) wrong(result.error().message);
  }
  return {};
}

/// The path where the file's content is: its final name or, where a worker died between commit and publish,
/// its temporary one.
Result<std::string> RangeCheck::find_file(const table::CommitFile& file, bool first_window) {
  const auto final = env::join(context_.table, file.name);
  const auto temporary = env::join(context_.table, file.temporary);
  if (SLUICE_TRY(context_.files.exists(final))) return final;
  if (SLUICE_TRY(context_.files.exists(temporary))) {
    if (SLUICE_TRY(context_.files.exists(final))) return final;  // published just now
    if (first_window) {
      report_.findings.push_back(
          {false,
           fmt::format("{} is committed and not yet published; sluice ingest run finishes that", file.name)});
    }
    return temporary;
  }
  if (SLUICE_TRY(context_.files.exists(final))) return final;
  return fail(Code::not_found, fmt::format("{} is gone: the commit object of [{}, {}) names it", file.name,
                                           commit_.range.begin.value, commit_.range.end.value));
}

Result<void> RangeCheck::read_file(const table::CommitFile& file, bool first_window) {
  const auto path = SLUICE_TRY(find_file(file, first_window));
  if (file.kind == table::FileKind::quarantine) {
    const auto content =
        SLUICE_TRY(read_quarantine_file(context_.files, path, [&](const QuarantinedRecord& record) {
          take(record.partition, record.offset, record.hash, Place::quarantine, first_window);
        }));
    if (first_window) compare_content(file, content.records, content.hash);
    return {};
  }
  if (context_.model == nullptr) {
    return fail(Code::corrupt, fmt::format("{} cannot be read: the table has no schema for it", file.name));
  }
  const auto content = SLUICE_TRY(read_data_file(
      context_.files, path, context_.model->schema(), hive_dir_of(file.name),
      [&](const FileRow& row) { take(row.partition, row.offset, row.row_hash, Place::row, first_window); }));
  if (first_window) compare_content(file, content.rows, content.logical_hash);
  return {};
}

void RangeCheck::compare_content(const table::CommitFile& file, std::int64_t rows, std::uint64_t hash) {
  if (rows == file.rows && hash == file.logical_hash) return;
  wrong(
      fmt::format("{} is not what was committed: it has {} rows with hash {:016x}, the commit object says {} "
                  "with {:016x}",
                  file.name, rows, hash, file.rows, file.logical_hash));
}

void RangeCheck::take(PartitionId partition, Offset offset, std::uint64_t hash, Place place,
                      bool first_window) {
  if (partition != commit_.partition || !commit_.range.contains(offset)) {
    if (first_window) report_.duplicate.add(offset);  // its own place is elsewhere
    return;
  }
  if (window_.contains(offset)) judge(offset, static_cast<std::size_t>(offset - window_.begin), hash, place);
}

void RangeCheck::judge(Offset offset, std::size_t index, std::uint64_t hash, Place place) {
  auto& cell = cells_[index];
  if (std::exchange(cell.seen, true)) {
    report_.duplicate.add(offset);
  } else if (cell.place == Place::unreadable) {
    ++unreadable_;
  } else if (cell.place == Place::absent) {
    without_record_.add(offset);
  } else if (cell.place != place || expected_[index] != hash) {
    report_.altered.add(offset);
  } else {
    ++report_.verified;
    if (place == Place::quarantine) ++report_.quarantined;
  }
}

void RangeCheck::close_window() {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const auto& cell = cells_[i];
    const Offset offset = window_.begin + static_cast<std::int64_t>(i);
    const bool in_topic = cell.place == Place::row || cell.place == Place::quarantine;
    if (cell.place == Place::absent) ++absent_;
    if (cell.seen) continue;
    if (in_topic) {
      report_.missing.add(offset);
    } else {
      unaccounted_.add(offset);
    }
  }
}

/// Offsets without a record are right as long as there are as many as the commit object explains (X9).
void RangeCheck::close_range() {
  const auto& counts = commit_.counts;
  const auto explained = counts.control + counts.aborted + counts.compacted;
  const auto excess = unaccounted_.count() - explained;
  report_.explained += std::min(unaccounted_.count(), explained);
  if (excess > 0 && explained == 0) {
    report_.missing.merge(unaccounted_);
  } else if (excess > 0) {
    const auto& ranges = unaccounted_.ranges();
    report_.missing.add_some(excess, {ranges.front().begin, ranges.back().end});
  }
  if (excess >= 0) {
    unreadable_ += without_record_.count();  // rows by the commit object too: the topic was compacted since
  } else {
    report_.altered.merge(without_record_);
    wrong(fmt::format("[{}, {}): {} offsets should have no record, and {} have none",
                      commit_.range.begin.value, commit_.range.end.value, explained, unaccounted_.count()));
  }
  report_.unverifiable += unreadable_;
  if (all_readable_ && absent_ == explained && raw_hash_ != commit_.raw_hash) {
    wrong(fmt::format("[{}, {}): the topic's records hash to {:016x}, the commit object says {:016x}",
                      commit_.range.begin.value, commit_.range.end.value, raw_hash_, commit_.raw_hash));
  }
}

}  // namespace sluice::audit
