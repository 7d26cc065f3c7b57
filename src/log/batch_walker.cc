#include "log/batch_walker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace sluice::log {

BatchWalker::BatchWalker(env::File& file, const std::string& path, std::uint64_t position, std::uint64_t end,
                         std::size_t piece_bytes)
    : file_(file),
      path_(path),
      at_(position),
      end_(end),
      piece_(std::max<std::size_t>(std::min<std::uint64_t>(piece_bytes, end - position),
                                   record::header_bytes)) {}

std::unexpected<Error> BatchWalker::damaged(std::string_view why) const {
  return fail(Code::corrupt, fmt::format("{} is damaged at byte {}: {}", path_, at_, why));
}

/// Has `bytes_min` bytes from position() on in the piece, which may grow for it.
Result<void> BatchWalker::fill(std::size_t bytes_min) {
  const std::size_t have = size_ - skip_;
  if (have >= bytes_min) return {};
  if (bytes_min > end_ - at_) return damaged("a batch is cut short");
  std::memmove(piece_.data(), piece_.data() + skip_, have);
  skip_ = 0;
  size_ = have;
  if (piece_.size() < bytes_min) piece_.resize(bytes_min);
  const std::size_t wanted = std::min<std::uint64_t>(piece_.size() - have, end_ - at_ - have);
  size_ += SLUICE_TRY(file_.read_at(at_ + have, MutableBytes{piece_}.subspan(have, wanted)));
  return size_ < bytes_min ? damaged("the file is shorter than it was") : Result<void>{};
}

Result<std::optional<record::BatchView>> BatchWalker::next() {
  if (at_end()) return std::nullopt;
  SLUICE_TRY(fill(record::header_bytes));
  const auto bytes = record::batch_bytes(rest());
  if (!bytes || !*bytes) return damaged(bytes ? "no batch begins there" : bytes.error().message);
  SLUICE_TRY(fill(**bytes));
  const auto batch = record::BatchView::parse(rest());
  if (!batch) return damaged(batch.error().message);
  if (!batch->crc_ok()) return damaged("the CRC of a batch is wrong");
  skip_ += batch->size();
  at_ += batch->size();
  return *batch;
}

}  // namespace sluice::log
