// Reads one whole batch after another from a file of a log. Internal to `log`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "env/file_system.h"
#include "record/batch.h"

namespace sluice::log {

/// Reads a piece of the file at a time; a larger batch makes the piece grow. All is borrowed.
class BatchWalker {
 public:
  static constexpr std::size_t piece_bytes_default = 512 * 1024;

  /// Batches of [position, end) of `file`, which is called `path` in errors.
  BatchWalker(env::File& file, const std::string& path, std::uint64_t position, std::uint64_t end,
              std::size_t piece_bytes = piece_bytes_default);

  /// The next batch, borrowed until the next call; nothing at the end.
  /// errors   corrupt: no whole batch begins here, or its CRC is wrong · io_failed
  Result<std::optional<record::BatchView>> next();
  /// Where the next batch begins.
  std::uint64_t position() const { return at_; }
  bool at_end() const { return at_ >= end_; }

 private:
  Result<void> fill(std::size_t bytes_min);
  std::unexpected<Error> damaged(std::string_view why) const;
  BytesView rest() const { return BytesView{piece_}.subspan(skip_, size_ - skip_); }

  env::File& file_;
  const std::string& path_;
  std::uint64_t at_;
  std::uint64_t end_;
  Bytes piece_;
  std::size_t size_ = 0;  // bytes of piece_ that are read
  std::size_t skip_ = 0;  // of those, passed already: position() is there
};

}  // namespace sluice::log
