#include "produce/line_reader.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sluice::produce {
namespace {

constexpr std::size_t buffer_bytes_min = std::size_t{256} << 10;
constexpr int wait_ms = 100;

}  // namespace

LineReader::LineReader(int fd, std::string name, std::size_t line_bytes_max)
    : fd_(fd),
      name_(std::move(name)),
      line_bytes_max_(line_bytes_max),
      buffer_(std::min(buffer_bytes_min, line_bytes_max + 1) + line_padding) {}

Result<LineReader::Fill> LineReader::fill(const OnWait& on_wait) {
  if (begin_ > 0 && (begin_ == end_ || buffer_.size() - line_padding == end_)) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - line_padding == end_) {  // one line fills it: twice the room, up to the bound
    buffer_.resize(std::min(end_ * 2, line_bytes_max_ + 1) + line_padding);
  }
  while (true) {
    pollfd ready{fd_, POLLIN, 0};
    const int polled = ::poll(&ready, 1, wait_ms);
    if (polled <= 0) {
      if (on_wait && !on_wait()) {
        return fail(Code::interrupted,
                    fmt::format("reading {} was interrupted after line {}", name_, number_));
      }
      continue;
    }
    const auto got = ::read(fd_, buffer_.data() + end_, buffer_.size() - line_padding - end_);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) {
      return fail(Code::io_failed,
                  fmt::format("{} was not read after line {}: {}", name_, number_, std::strerror(errno)));
    }
    end_ += static_cast<std::size_t>(got);
    return got == 0 ? Fill::end : Fill::some;
  }
}

std::optional<Line> LineReader::take(std::size_t length, std::size_t consumed) {
  const bool too_long = std::exchange(skipping_, false) || length > line_bytes_max_;
  const Line line{BytesView(buffer_).subspan(begin_, too_long ? 0 : length), ++number_, too_long};
  begin_ += consumed;
  scanned_ = begin_;
  return line;
}

Result<std::optional<Line>> LineReader::next(const OnWait& on_wait) {
  while (true) {
    const auto* const from = buffer_.data() + scanned_;
    if (const void* const found = std::memchr(from, '\n', end_ - scanned_)) {
      const auto length =
          static_cast<std::size_t>(static_cast<const std::byte*>(found) - buffer_.data()) - begin_;
      return take(length, length + 1);
    }
    scanned_ = end_;
    if (at_end_) {
      if (begin_ == end_ && !skipping_) return std::nullopt;
      return take(end_ - begin_, end_ - begin_);
    }
    if (end_ - begin_ > line_bytes_max_) {  // drop what is here, and everything up to the next '\n'
      skipping_ = true;
      begin_ = scanned_ = end_;
    }
    at_end_ = SLUICE_TRY(fill(on_wait)) == Fill::end;
  }
}

}  // namespace sluice::produce
