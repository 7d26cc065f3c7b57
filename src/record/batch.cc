#include "record/batch.h"

#include <fmt/format.h>

#include <limits>

#include "base/crc32c.h"
#include "record/records.h"

namespace sluice::record {
namespace {

constexpr std::size_t crc_at = 17;
constexpr std::size_t attributes_at = 21;  // where the CRC's area begins
constexpr std::size_t max_timestamp_at = 35;
constexpr std::int16_t log_append_time_bit = 0x08;
constexpr std::size_t body_bytes_min = header_bytes - overhead_bytes;

void patch_crc(MutableBytes batch) {
  store_be(batch.data() + crc_at, crc32c(batch.subspan(attributes_at)));
}

}  // namespace

std::string_view name(Codec codec) {
  switch (codec) {
    case Codec::none:
      return "none";
    case Codec::gzip:
      return "gzip";
    case Codec::snappy:
      return "snappy";
    case Codec::lz4:
      return "lz4";
    case Codec::zstd:
      return "zstd";
  }
  return "unknown";
}

Result<Codec> parse_codec(std::string_view text) {
  for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    if (text == name(codec)) return codec;
  }
  return fail(Code::invalid_argument, fmt::format("no codec is called '{}'", text),
              "one of none, gzip, snappy, lz4, zstd");
}

Result<std::optional<std::size_t>> batch_bytes(BytesView bytes) {
  if (bytes.size() < overhead_bytes) return std::nullopt;
  const auto length = load_be<std::int32_t>(bytes.data() + 8);
  if (length < static_cast<std::int32_t>(body_bytes_min)) {
    return fail(Code::corrupt,
                fmt::format("a batch says its length is {}; the least is {}", length, body_bytes_min));
  }
  return overhead_bytes + static_cast<std::size_t>(length);
}

Result<BatchView> BatchView::parse(BytesView bytes) {
  const std::optional<std::size_t> size = SLUICE_TRY(batch_bytes(bytes));
  if (!size || *size > bytes.size()) {
    return fail(Code::corrupt, fmt::format("a batch is cut short: {} bytes of {}", bytes.size(),
                                           size.value_or(header_bytes)));
  }
  const BatchView batch{bytes.first(*size)};
  const auto version = batch.get<std::int8_t>(16);
  if (version != magic)
    return fail(Code::corrupt, fmt::format("a batch has format version {}, not 2", version));
  const std::int64_t base = batch.base_offset().value;
  const std::int32_t delta = batch.last_offset_delta();
  if (base < 0 || delta < 0 || base > std::numeric_limits<std::int64_t>::max() - 1 - delta) {
    return fail(Code::corrupt,
                fmt::format("a batch has base offset {} and last offset delta {}", base, delta));
  }
  if (batch.records_count() < 0) {
    return fail(Code::corrupt, fmt::format("a batch counts {} records", batch.records_count()));
  }
  return batch;
}

Result<std::optional<BatchView>> next_batch(BytesView& rest) {
  const std::optional<std::size_t> size = SLUICE_TRY(batch_bytes(rest));
  if (!size || *size > rest.size()) return std::nullopt;
  const BatchView batch = SLUICE_TRY(BatchView::parse(rest));
  rest = rest.subspan(*size);
  return batch;
}

std::int32_t BatchView::last_sequence() const {
  const std::int32_t base = base_sequence();
  if (base < 0) return no_sequence;
  // 2^31 - 1 is followed by 0.
  const std::uint32_t sum =
      static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(last_offset_delta());
  return static_cast<std::int32_t>(sum & 0x7fffffffu);
}

bool BatchView::crc_ok() const {
  return crc32c(bytes_.subspan(attributes_at)) == crc();
}

void patch_base_offset(MutableBytes batch, Offset base_offset) {
  store_be(batch.data(), base_offset.value);
}

void patch_leader_epoch(MutableBytes batch, LeaderEpoch epoch) {
  store_be(batch.data() + 12, epoch.value);
}

void patch_max_timestamp(MutableBytes batch, std::int64_t max_timestamp_ms, bool log_append_time) {
  const auto before = load_be<std::int16_t>(batch.data() + attributes_at);
  const auto cleared = static_cast<std::int16_t>(before & ~log_append_time_bit);
  const auto after = log_append_time ? static_cast<std::int16_t>(cleared | log_append_time_bit) : cleared;
  if (after == before && load_be<std::int64_t>(batch.data() + max_timestamp_at) == max_timestamp_ms) return;
  store_be(batch.data() + attributes_at, after);
  store_be(batch.data() + max_timestamp_at, max_timestamp_ms);
  patch_crc(batch);
}

Result<std::optional<ControlMarker>> parse_control(const BatchView& batch) {
  if (batch.is_compressed()) return fail(Code::corrupt, "a control batch is compressed");
  if (batch.records_count() == 0 && batch.records().empty()) return std::nullopt;
  std::optional<ControlMarker> marker;
  bool readable = false;
  SLUICE_TRY(for_each_record(batch.records(), batch.records_count(), [&](const RecordView& record) {
    // Key: version int16, type int16. Value: version int16, coordinator epoch int32.
    if (!record.key || record.key->size() < 4) return false;
    readable = true;
    const auto type = load_be<std::int16_t>(record.key->data() + 2);
    if (type != 0 && type != 1) return false;
    readable = record.value && record.value->size() >= 6;
    if (!readable) return false;
    marker = ControlMarker{static_cast<ControlMarker::Kind>(type),
                           load_be<std::int32_t>(record.value->data() + 2)};
    return false;
  }));
  if (!readable) return fail(Code::corrupt, "the record of a control batch cannot be read");
  return marker;
}

}  // namespace sluice::record
