// One segment: a log file of batches one after another, and its indexes. Internal to `log`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "log/batch_head.h"
#include "log/indexes.h"
#include "log/txn_index.h"

namespace sluice::log {

/// Where a batch lies.
struct Located {
  BatchHead head;
  std::uint64_t position = 0;
};

/// The names of all files of the segment at `base`, those that need not be there among them; the log first.
std::vector<std::string> segment_paths(const std::string& dir, Offset base);

/// bytes() is the valid part of the file, which may be longer only after a failed write; end() the offset
/// after its last batch.
class Segment {
 public:
  /// Makes the log file and empty indexes; emptied where an earlier try left them.
  /// `suffix` goes behind all names; compaction's first ones have it.
  static Result<std::unique_ptr<Segment>> create(env::FileSystem& fs, const std::string& dir, Offset base,
                                                 std::string_view suffix = "");
  /// Opens the log file. bytes() is its size; end() is not known before set_end or a scan.
  static Result<std::unique_ptr<Segment>> open(env::FileSystem& fs, const std::string& dir, Offset base);

  Offset base() const { return base_; }
  Offset end() const { return end_; }
  std::uint64_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }
  const std::string& path() const { return path_; }
  const std::shared_ptr<env::File>& file() const { return file_; }
  Indexes& indexes() { return indexes_; }
  const Indexes& indexes() const { return indexes_; }

  TxnIndex& txns() { return txns_; }
  const TxnIndex& txns() const { return txns_; }

  void set_end(Offset end) { end_ = end; }
  /// The names of all its files, those that need not be there among them; the log first.
  std::vector<std::string> paths() const;
  /// Goes by other names from now on; renames nothing on the disk.
  void set_suffix(std::string_view suffix);
  /// Takes the batch at the end of the valid part, whose bytes are in the file, into account.
  void note(const BatchHead& batch, std::uint32_t index_interval_bytes);
  /// As if nothing were in it; before a scan.
  void begin_scan();
  /// Cuts the file to the valid part.
  Result<void> trim() { return file_->truncate(bytes_); }
  /// The first batch that ends after `offset`, from `position` on, or nothing at the end of the valid part.
  Result<std::optional<Located>> find_from(std::uint64_t position, Offset offset) const;
  /// The same, through the index, which is loaded. An index that lies is made anew on the way.
  Result<std::optional<Located>> find(Offset offset, std::uint32_t index_interval_bytes);
  /// Where walking begins for records with a timestamp >= `timestamp_ms`: a batch before which there are
  /// none. Through the time index, likewise.
  Result<std::uint64_t> find_time(std::int64_t timestamp_ms, std::uint32_t index_interval_bytes);
  /// Makes the indexes again, in memory, from the log file. After an error they are as they were.
  Result<void> rebuild_indexes(std::uint32_t index_interval_bytes);
  /// Whether bytes() was set from outside: forget all after `position`, where the batches end at `end`.
  void cut(std::uint64_t position, Offset end);
  Result<void> remove(env::FileSystem& fs);

  // For the age of segments; wall clock at this process's appends, or when it opened the segment.
  std::int64_t first_append_ms = 0;
  std::int64_t last_append_ms = 0;

 private:
  Segment(const std::string& dir, Offset base, std::shared_ptr<env::File> file, std::uint64_t bytes);
  Result<std::optional<Located>> find_by_index(Offset offset) const;

  // Constant after construction.
  std::string dir_;
  Offset base_;
  std::shared_ptr<env::File> file_;

  std::string path_;
  Offset end_;
  std::uint64_t bytes_ = 0;
  Indexes indexes_;
  TxnIndex txns_;
};

/// Reads one batch header after another, a piece of the file at a time.
class HeadWalker {
 public:
  HeadWalker(env::File& file, std::uint64_t position, std::uint64_t end)
      : file_(file), at_(position), end_(end) {}

  /// The next batch; nothing at the end.
  /// errors   corrupt: no whole batch begins here, at position() · io_failed
  Result<std::optional<Located>> next();
  std::uint64_t position() const { return at_; }

 private:
  static constexpr std::size_t piece_bytes = 4096;

  env::File& file_;
  std::uint64_t at_;
  std::uint64_t end_;
  std::uint64_t piece_at_ = 0;
  std::size_t piece_size_ = 0;
  std::byte piece_[piece_bytes];
};

}  // namespace sluice::log
