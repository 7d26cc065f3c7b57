#include "record/rewriter.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/crc32c.h"
#include "record/encoding.h"

namespace sluice::record {
namespace {

constexpr std::int16_t codec_bits = 0x07;

// Timestamps are whatever clients wrote: differences of two of them may pass 64 bits, and then wrap both when
// they are written and when they are read.
std::int64_t sum(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::int64_t timestamp_of(const BatchView& batch, const RecordView& record) {
  return batch.is_log_append_time() ? batch.max_timestamp_ms()
                                    : sum(batch.base_timestamp_ms(), record.timestamp_delta);
}

}  // namespace

Result<BytesView> BatchRewriter::rewrite(const BatchView& original, std::span<const RecordView> kept,
                                         std::optional<std::int64_t> delete_horizon_ms) {
  SLUICE_ASSERT(!kept.empty());
  Header header;
  header.attributes = static_cast<std::int16_t>(original.attributes() & ~delete_horizon_bit);
  if (delete_horizon_ms) header.attributes |= delete_horizon_bit;
  header.base_timestamp_ms = delete_horizon_ms.value_or(timestamp_of(original, kept.front()));
  header.max_timestamp_ms = timestamp_of(original, kept.front());
  header.records_count = static_cast<std::int32_t>(kept.size());
  records_.clear();
  for (const RecordView& record : kept) {
    const std::int64_t timestamp_ms = timestamp_of(original, record);
    header.max_timestamp_ms = std::max(header.max_timestamp_ms, timestamp_ms);
    const std::uint32_t headers_count = zigzag(record.headers_count);
    std::byte* p = detail::append_record(records_, difference(timestamp_ms, header.base_timestamp_ms),
                                         record.offset_delta, record.key, record.value,
                                         varint_bytes(headers_count) + record.headers.size());
    p = write_varint(p, headers_count);
    std::ranges::copy(record.headers, p);
  }
  batch_.resize(header_bytes);
  if (original.is_compressed()) {
    SLUICE_TRY(compressor_.compress(original.codec(), level_default, records_, batch_));
  } else {
    batch_.insert(batch_.end(), records_.begin(), records_.end());
  }
  SLUICE_TRY(check_size(original));
  write_header(original, header);
  return BytesView{batch_};
}

Result<MutableBytes> BatchRewriter::recompress(const BatchView& original, BytesView plain, Codec codec,
                                               int level) {
  batch_.resize(header_bytes);
  SLUICE_TRY(compressor_.compress(codec, level, plain, batch_));
  SLUICE_TRY(check_size(original));
  Header header;
  header.attributes =
      static_cast<std::int16_t>((original.attributes() & ~codec_bits) | static_cast<int>(codec));
  header.base_timestamp_ms = original.base_timestamp_ms();
  header.max_timestamp_ms = original.max_timestamp_ms();
  header.records_count = original.records_count();
  write_header(original, header);
  return MutableBytes{batch_};
}

Result<void> BatchRewriter::check_size(const BatchView& original) const {
  if (batch_.size() <= std::numeric_limits<std::int32_t>::max()) return {};
  return fail(Code::limit_exceeded,
              fmt::format("the batch at offset {} was not written anew: it would take {} bytes",
                          original.base_offset().value, batch_.size()));
}

BytesView BatchRewriter::empty(const BatchView& original) {
  batch_.resize(header_bytes);
  Header header;
  header.attributes = static_cast<std::int16_t>(original.attributes() & ~delete_horizon_bit & ~codec_bits);
  header.max_timestamp_ms = original.max_timestamp_ms();
  write_header(original, header);
  return batch_;
}

void BatchRewriter::write_header(const BatchView& original, const Header& header) {
  std::byte* const p = batch_.data();
  std::ranges::copy(original.bytes().first(header_bytes), p);
  store_be(p + 8, static_cast<std::int32_t>(batch_.size() - overhead_bytes));
  store_be(p + 21, header.attributes);
  store_be(p + 27, header.base_timestamp_ms);
  store_be(p + 35, header.max_timestamp_ms);
  store_be(p + 57, header.records_count);
  store_be(p + 17, crc32c(BytesView{batch_}.subspan(21)));
}

}  // namespace sluice::record
