// Lines of a file, pipe or terminal, in one bounded buffer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::produce {

/// One line without its '\n'. Behind the bytes lie `line_padding` more that may be read (simdjson wants
/// that).
struct Line {
  BytesView bytes;           ///< valid until the next call; empty where `too_long`
  std::uint64_t number = 0;  ///< from 1
  bool too_long = false;     ///< it exceeded the bound; its bytes were skipped
};

constexpr std::size_t line_padding = 64;

/// Reads a file descriptor. One thread.
class LineReader {
 public:
  /// Called at least every 100 ms while nothing can be read; false: stop waiting.
  using OnWait = std::function<bool()>;

  /// Borrows `fd`. `name` is for messages. A line may have `line_bytes_max` bytes.
  LineReader(int fd, std::string name, std::size_t line_bytes_max);

  /// The next line; nullopt at the end of the input. A last line without '\n' counts.
  /// interrupted where `on_wait` said so; io_failed with the system's reason.
  Result<std::optional<Line>> next(const OnWait& on_wait);

  const std::string& name() const { return name_; }

 private:
  enum class Fill : std::uint8_t { some, end };

  Result<Fill> fill(const OnWait& on_wait);
  std::optional<Line> take(std::size_t length, std::size_t consumed);

  int fd_;
  std::string name_;
  std::size_t line_bytes_max_;
  Bytes buffer_;
  std::size_t begin_ = 0;    // the first byte not handed out
  std::size_t end_ = 0;      // the end of what was read
  std::size_t scanned_ = 0;  // [begin_, scanned_) has no '\n'; begin_ <= scanned_ <= end_
  std::uint64_t number_ = 0;
  bool skipping_ = false;  // within a line that is too long
  bool at_end_ = false;
};

}  // namespace sluice::produce
