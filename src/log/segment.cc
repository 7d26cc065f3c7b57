#include "log/segment.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/names.h"

namespace sluice::log {

std::vector<std::string> segment_paths(const std::string& dir, Offset base) {
  std::vector<std::string> paths;
  for (const std::string_view suffix : {log_suffix, index_suffix, time_index_suffix, txn_index_suffix}) {
    paths.push_back(env::join(dir, file_name(base, suffix)));
  }
  return paths;
}

Segment::Segment(const std::string& dir, Offset base, std::shared_ptr<env::File> file, std::uint64_t bytes)
    : dir_(dir),
      base_(base),
      file_(std::move(file)),
      path_(env::join(dir, file_name(base, log_suffix))),
      end_(base),
      bytes_(bytes),
      indexes_(dir, base),
      txns_(dir, base) {}

Result<std::unique_ptr<Segment>> Segment::create(env::FileSystem& fs, const std::string& dir, Offset base,
                                                 std::string_view suffix) {
  std::unique_ptr<Segment> made{new Segment{dir, base, nullptr, 0}};
  made->set_suffix(suffix);
  made->file_ = SLUICE_TRY(fs.open(made->path_, env::OpenMode::create_truncate));
  SLUICE_TRY(fs.open(made->indexes_.offset_path(), env::OpenMode::create_truncate));
  SLUICE_TRY(fs.open(made->indexes_.time_path(), env::OpenMode::create_truncate));
  Result<void> removed = fs.remove_file(made->txns_.path());
  if (!removed && removed.error().code != Code::not_found) return std::unexpected(std::move(removed.error()));
  return made;
}

Result<std::unique_ptr<Segment>> Segment::open(env::FileSystem& fs, const std::string& dir, Offset base) {
  std::shared_ptr<env::File> file =
      SLUICE_TRY(fs.open(env::join(dir, file_name(base, log_suffix)), env::OpenMode::read_write));
  const std::uint64_t bytes = SLUICE_TRY(file->size());
  return std::unique_ptr<Segment>{new Segment{dir, base, std::move(file), bytes}};
}

void Segment::note(const BatchHead& batch, std::uint32_t index_interval_bytes) {
  indexes_.note(batch, bytes_, index_interval_bytes);
  bytes_ += batch.bytes;
  end_ = batch.range.end;
}

void Segment::begin_scan() {
  indexes_.clear();
  txns_.clear();
  bytes_ = 0;
  end_ = base_;
}

void Segment::cut(std::uint64_t position, Offset end) {
  bytes_ = position;
  end_ = end;
}

Result<std::optional<Located>> Segment::find_from(std::uint64_t position, Offset offset) const {
  HeadWalker walker{*file_, position, bytes_};
  while (true) {
    std::optional<Located> batch = SLUICE_TRY(walker.next());
    if (!batch || batch->head.range.end > offset) return batch;
  }
}

/// Nothing where the index is not to be believed, and where there is no such batch.
Result<std::optional<Located>> Segment::find_by_index(Offset offset) const {
  HeadWalker walker{*file_, indexes_.position_before(offset), bytes_};
  for (bool first = true;; first = false) {
    Result<std::optional<Located>> batch = walker.next();
    if (!batch && batch.error().code == Code::corrupt) return std::nullopt;  // no batch begins there
    if (!batch || !*batch) return batch;
    // A true entry's batch is not past the one sought, whatever is missing between offsets.
    if (first && (*batch)->position > 0 && (*batch)->head.range.begin > offset) return std::nullopt;
    if ((*batch)->head.range.end > offset) return batch;
  }
}

Result<std::optional<Located>> Segment::find(Offset offset, std::uint32_t index_interval_bytes) {
  std::optional<Located> batch = SLUICE_TRY(find_by_index(offset));
  if (batch || offset >= end_) return batch;
  // The log file alone is the truth. Where it is damaged itself, an index that is right past the damage
  // stays.
  batch = SLUICE_TRY(find_from(0, offset));
  (void)rebuild_indexes(index_interval_bytes);
  return batch;
}

Result<std::uint64_t> Segment::find_time(std::int64_t timestamp_ms, std::uint32_t index_interval_bytes) {
  for (const bool again : {false, true}) {
    const std::optional<TimeMark> mark = indexes_.time_before(timestamp_ms);
    if (!mark) return 0;
    // A true entry tells a timestamp of its batch.
    const Result<std::optional<Located>> batch = find(mark->offset, index_interval_bytes);
    if (batch && *batch && (*batch)->head.range.contains(mark->offset) &&
        (*batch)->head.max_timestamp_ms == mark->timestamp_ms) {
      return (*batch)->position;
    }
    if (again || !rebuild_indexes(index_interval_bytes)) break;
  }
  return 0;
}

Result<void> Segment::rebuild_indexes(std::uint32_t index_interval_bytes) {
  Indexes made = indexes_;
  made.clear();
  HeadWalker walker{*file_, 0, bytes_};
  while (const std::optional<Located> batch = SLUICE_TRY(walker.next())) {
    made.note(batch->head, batch->position, index_interval_bytes);
  }
  indexes_ = std::move(made);
  return {};
}

void Segment::set_suffix(std::string_view suffix) {
  std::vector<std::string> paths = segment_paths(dir_, base_);
  for (std::string& path : paths) path += suffix;
  path_ = std::move(paths[0]);
  indexes_.set_paths(std::move(paths[1]), std::move(paths[2]));
  txns_.set_path(std::move(paths[3]));
}

std::vector<std::string> Segment::paths() const {
  return {path_, indexes_.offset_path(), indexes_.time_path(), txns_.path()};
}

Result<void> Segment::remove(env::FileSystem& fs) {
  for (const std::string& path : paths()) {
    Result<void> removed = fs.remove_file(path);
    if (!removed && removed.error().code != Code::not_found) return removed;
  }
  return {};
}

Result<std::optional<Located>> HeadWalker::next() {
  if (at_ >= end_) return std::nullopt;
  const std::uint64_t left = end_ - at_;
  if (left < record::header_bytes) {
    return fail(Code::corrupt, fmt::format("{} bytes are too few for a batch", left));
  }
  if (at_ < piece_at_ || at_ + record::header_bytes > piece_at_ + piece_size_) {
    const std::size_t wanted = std::min<std::uint64_t>(piece_bytes, left);
    piece_at_ = at_;
    piece_size_ = SLUICE_TRY(file_.read_at(at_, MutableBytes{piece_, wanted}));
    if (piece_size_ < record::header_bytes) {
      return fail(Code::corrupt, "the file is shorter than it was");
    }
  }
  const std::size_t in_piece = static_cast<std::size_t>(at_ - piece_at_);
  const BatchHead head = SLUICE_TRY(parse_head(BytesView{piece_, piece_size_}.subspan(in_piece)));
  if (head.bytes > left) {
    return fail(Code::corrupt, fmt::format("a batch of {} bytes is cut short after {}", head.bytes, left));
  }
  const Located located{head, at_};
  at_ += head.bytes;
  return located;
}

}  // namespace sluice::log
