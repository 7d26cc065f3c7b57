#include "log/watermark.h"

#include <algorithm>
#include <array>

#include "base/crc32c.h"

namespace sluice::log {
namespace {

constexpr std::size_t slot_bytes = 52;
constexpr std::size_t slot_1_bytes = 44;    // of version 1
constexpr std::size_t slot_distance = 512;  // a sector each: a torn write harms one slot only
constexpr std::string_view magic = "SLUICEWM";

using Slot = std::array<std::byte, slot_bytes>;

Slot encode(Watermark value, std::uint64_t sequence) {
  Slot slot{};
  std::memcpy(slot.data(), magic.data(), magic.size());
  store_be<std::int16_t>(slot.data() + 8, 2);
  store_be(slot.data() + 16, sequence);
  store_be(slot.data() + 24, value.durable_end.value);
  store_be(slot.data() + 32, value.log_start.value);
  store_be(slot.data() + 40, value.holes_end.value);
  store_be(slot.data() + 48, crc32c(BytesView{slot}.first(48)));
  return slot;
}

struct Decoded {
  Watermark value;
  std::uint64_t sequence = 0;
};

std::optional<Decoded> decode(BytesView slot) {
  if (slot.size() < slot_1_bytes || as_text(slot.first(magic.size())) != magic) return std::nullopt;
  const auto version = load_be<std::int16_t>(slot.data() + 8);
  if (version != 1 && version != 2) return std::nullopt;
  const std::size_t crc_at = (version == 1 ? slot_1_bytes : slot_bytes) - sizeof(std::uint32_t);
  if (slot.size() < crc_at + sizeof(std::uint32_t) ||
      load_be<std::uint32_t>(slot.data() + crc_at) != crc32c(slot.first(crc_at))) {
    return std::nullopt;
  }
  const auto offset = [&](std::size_t at) { return Offset{load_be<std::int64_t>(slot.data() + at)}; };
  const Decoded decoded{{offset(24), offset(32), version == 1 ? Offset{0} : offset(40)},
                        load_be<std::uint64_t>(slot.data() + 16)};
  if (decoded.value.log_start < Offset{0} || decoded.value.durable_end < decoded.value.log_start)
    return std::nullopt;
  return decoded;
}

}  // namespace

WatermarkFile::WatermarkFile(std::unique_ptr<env::File> file, Watermark value, std::uint64_t sequence)
    : file_(std::move(file)), value_(value), sequence_(sequence) {}

Result<std::shared_ptr<WatermarkFile>> WatermarkFile::create(env::FileSystem& fs, const std::string& dir,
                                                             Watermark first) {
  auto file = SLUICE_TRY(fs.open(env::join(dir, watermark_name), env::OpenMode::create_truncate));
  std::shared_ptr<WatermarkFile> made{new WatermarkFile{std::move(file), first, 0}};
  SLUICE_TRY(made->store_durably(first));
  return made;
}

Result<std::shared_ptr<WatermarkFile>> WatermarkFile::open(env::FileSystem& fs, const std::string& dir) {
  auto file = fs.open(env::join(dir, watermark_name), env::OpenMode::read_write);
  if (!file && file.error().code == Code::not_found) return std::shared_ptr<WatermarkFile>{};
  if (!file) return std::unexpected(std::move(file.error()));
  std::optional<Decoded> best;
  for (const std::uint64_t at : {std::size_t{0}, slot_distance}) {
    Slot slot{};
    const std::size_t bytes = SLUICE_TRY((*file)->read_at(at, slot));
    const std::optional<Decoded> decoded = decode(BytesView{slot}.first(bytes));
    if (decoded && (!best || best->sequence < decoded->sequence)) best = decoded;
  }
  if (!best) return std::shared_ptr<WatermarkFile>{};
  return std::shared_ptr<WatermarkFile>{new WatermarkFile{std::move(*file), best->value, best->sequence}};
}

Watermark WatermarkFile::value() const {
  const std::lock_guard lock{mutex_};
  return value_;
}

Result<void> WatermarkFile::write_slot(Watermark value) {
  // Where the write fails, the next one goes to the same slot: the other one is the last that is whole.
  const std::uint64_t next = sequence_ + 1;
  SLUICE_TRY(file_->write_at(next % 2 * slot_distance, encode(value, next)));
  sequence_ = next;
  return {};
}

Result<void> WatermarkFile::note_durable(Offset end) {
  const std::lock_guard lock{mutex_};
  if (end <= value_.durable_end) return {};
  Result<void> written = write_slot({end, value_.log_start, value_.holes_end});
  // A full disk may refuse even this (copy on write); the bound that stands is weaker, not wrong.
  if (!written && written.error().code != Code::no_space) return written;
  if (written) value_.durable_end = end;
  return {};
}

Result<void> WatermarkFile::sync() {
  const std::lock_guard lock{mutex_};
  return file_->sync();
}

Result<void> WatermarkFile::store_durably(Watermark value) {
  const std::lock_guard lock{mutex_};
  value.holes_end = std::max(value.holes_end, value_.holes_end);
  return write_both(value);
}

Result<void> WatermarkFile::store_log_start(Offset start) {
  const std::lock_guard lock{mutex_};
  if (start < value_.log_start) return {};
  return write_both({std::max(value_.durable_end, start), start, value_.holes_end});
}

Result<void> WatermarkFile::store_holes_end(Offset end) {
  const std::lock_guard lock{mutex_};
  if (end <= value_.holes_end) return {};
  return write_both({value_.durable_end, value_.log_start, end});
}

Result<void> WatermarkFile::write_both(Watermark value) {
  for (int i = 0; i < 2; ++i) {
    SLUICE_TRY(write_slot(value));
    SLUICE_TRY(file_->sync());
  }
  value_ = value;
  return {};
}

}  // namespace sluice::log
