// Reading a segment again, batch by batch with checksums, at the speed of the checksum.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/crc32c.h"
#include "log/batch_head.h"
#include "log/control_batch.h"
#include "log/producers.h"
#include "log/recovery.h"
#include "log/segment.h"
#include "log/watermark.h"

namespace sluice::log {
namespace {

constexpr std::size_t piece_bytes = 1 << 20;
constexpr std::size_t crc_area_at = 21;  // where the bytes begin that a batch's CRC covers
constexpr std::size_t crc_at = 17;

/// Whether the checksum of a batch too large for the buffer is right; read a piece at a time, so that a
/// length that lies costs no memory.
Result<bool> large_crc_ok(env::File& file, std::uint64_t position, std::uint64_t bytes, MutableBytes buffer) {
  std::byte stored[4];
  SLUICE_TRY(file.read_at(position + crc_at, stored));
  std::uint32_t crc = 0;
  for (std::uint64_t at = crc_area_at; at < bytes;) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), bytes - at);
    const std::size_t read = SLUICE_TRY(file.read_at(position + at, buffer.first(wanted)));
    if (read == 0) return false;
    crc = crc32c(buffer.first(read), crc);
    at += read;
  }
  return crc == load_be<std::uint32_t>(stored);
}

}  // namespace

/// Room for a piece of a file of `file_bytes`.
void Recovery::grow_buffer(std::uint64_t file_bytes) {
  buffer_.resize(std::max<std::size_t>(buffer_.size(), std::min<std::uint64_t>(piece_bytes, file_bytes)));
}

Result<void> Recovery::scan(std::size_t index, bool note_producers) {
  Segment& segment = *log_.segments_[index];
  const std::uint64_t file_bytes = SLUICE_TRY(segment.file()->size());
  grow_buffer(file_bytes);
  segment.begin_scan();
  if (std::ranges::find(scanned_, &segment) == scanned_.end()) scanned_.push_back(&segment);
  while (segment.bytes() < file_bytes) {
    const std::optional<std::string> why = SLUICE_TRY(scan_piece(segment, file_bytes, note_producers));
    if (!why) continue;
    stop(index, *why);
    break;
  }
  log_.recovery_.bytes_scanned += segment.bytes();
  return {};
}

/// Takes the batches of the next piece. Returns what is wrong with the first one that is not whole.
Result<std::optional<std::string>> Recovery::scan_piece(Segment& segment, std::uint64_t file_bytes,
                                                        bool note_producers) {
  const std::uint64_t left = file_bytes - segment.bytes();
  const std::size_t wanted = std::min<std::uint64_t>(buffer_.size(), left);
  const std::size_t read =
      SLUICE_TRY(segment.file()->read_at(segment.bytes(), MutableBytes{buffer_}.first(wanted)));
  BytesView rest = BytesView{buffer_}.first(read);
  if (read < record::header_bytes) return fmt::format("{} bytes are too few for a batch", read);
  bool first = true;
  while (rest.size() >= record::header_bytes) {
    const Result<BatchHead> head = parse_head(rest);
    if (!head) return head.error().message;
    if (head->bytes > rest.size() && !first) return std::nullopt;  // the next piece begins with it
    if (head->bytes > left)
      return fmt::format("a batch of {} bytes is cut short after {}", head->bytes, left);
    if (std::optional<std::string> why = check_place(segment, *head)) return why;
    const bool large = head->bytes > rest.size();
    const bool sound = large
                           ? SLUICE_TRY(large_crc_ok(*segment.file(), segment.bytes(), head->bytes, buffer_))
                           : crc32c(rest.subspan(crc_area_at, head->bytes - crc_area_at)) ==
                                 load_be<std::uint32_t>(rest.data() + crc_at);
    if (!sound) return "the CRC of a batch is wrong";
    const BytesView batch = large ? rest : rest.first(static_cast<std::size_t>(head->bytes));
    if (std::optional<std::string> why = SLUICE_TRY(take(segment, *head, batch, note_producers))) return why;
    if (large) return std::nullopt;
    rest = rest.subspan(static_cast<std::size_t>(head->bytes));
    first = false;
  }
  return std::nullopt;
}

/// What base offset and leader epoch say, which no checksum covers.
std::optional<std::string> Recovery::check_place(const Segment& segment, const BatchHead& head) const {
  const Offset expected = segment.end();
  if (head.range.begin < expected || (head.range.begin != expected && !may_be_hole(head.range.begin))) {
    return fmt::format("a batch begins at offset {}, not {}", head.range.begin.value, expected.value);
  }
  if (head.last_offset() - segment.base() > std::numeric_limits<std::int32_t>::max()) {
    return fmt::format("a batch ends at offset {}, too far from the segment's base",
                       head.last_offset().value);
  }
  const LeaderEpoch epoch = log_.epochs_.epoch_at(head.range.begin);
  if (epochs_known_ && epoch.value >= 0 && epoch != head.leader_epoch) {
    return fmt::format("a batch has leader epoch {}, the checkpoint {}", head.leader_epoch.value,
                       epoch.value);
  }
  return std::nullopt;
}

/// batch   all of it, unless it is larger than the buffer
/// Returns what is wrong with a marker that its CRC does not show.
Result<std::optional<std::string>> Recovery::take(Segment& segment, const BatchHead& head, BytesView batch,
                                                  bool note_producers) {
  std::optional<record::ControlMarker> marker;
  if (head.is_control && head.has_producer()) {
    const Result<std::optional<record::ControlMarker>> read = marker_of(batch);
    if (!read) return read.error().message;
    marker = *read;
  }
  if (head.range.end > durable_ && (tails_.empty() || tails_.back().segment != &segment)) {
    tails_.push_back({&segment, segment.bytes()});
  }
  if (head.leader_epoch.value >= 0) epochs_found_.begin_epoch(head.leader_epoch, head.range.begin);
  if (note_producers) note_stored(head, marker, hints_.now_ms, *log_.producers_, &segment.txns());
  segment.note(head, log_.options_.index_interval_bytes);
  return std::nullopt;
}

/// Writes the same bytes once more. After a sync that failed, the page cache shows them as clean although the
/// disk does not have them (X13); only a new write makes a sync mean them.
Result<void> Recovery::rewrite(const Tail& tail) {
  grow_buffer(tail.segment->bytes());
  env::File& file = *tail.segment->file();
  for (std::uint64_t at = tail.from; at < tail.segment->bytes();) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer_.size(), tail.segment->bytes() - at);
    const std::size_t read = SLUICE_TRY(file.read_at(at, MutableBytes{buffer_}.first(wanted)));
    if (read == 0) return fail(Code::corrupt, fmt::format("{} is shorter than it was", tail.segment->path()));
    SLUICE_TRY(file.write_at(at, BytesView{buffer_}.first(read)));
    at += read;
  }
  return {};
}

}  // namespace sluice::log
