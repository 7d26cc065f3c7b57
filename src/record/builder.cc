#include "record/builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/varint.h"
#include "record/encoding.h"

namespace sluice::record {
namespace {

using detail::nullable_bytes;
using detail::write_bytes;
using detail::write_nullable;

std::size_t headers_bytes(std::span<const HeaderView> headers) {
  std::size_t bytes = varint_bytes(zigzag(static_cast<std::int32_t>(headers.size())));
  for (const HeaderView& header : headers) {
    bytes += nullable_bytes(as_bytes(header.key)) + nullable_bytes(header.value);
  }
  return bytes;
}

}  // namespace

BatchBuilder::BatchBuilder(Codec codec, int level) : codec_(codec), level_(level) {}

void BatchBuilder::add(std::int64_t timestamp_ms, std::optional<BytesView> key,
                       std::optional<BytesView> value, std::span<const HeaderView> headers) {
  add_at(last_offset_delta_ + 1, timestamp_ms, key, value, headers);
}

void BatchBuilder::add_at(std::int32_t offset_delta, std::int64_t timestamp_ms, std::optional<BytesView> key,
                          std::optional<BytesView> value, std::span<const HeaderView> headers) {
  SLUICE_ASSERT(offset_delta > last_offset_delta_);
  if (count_ == 0) {
    base_timestamp_ms_ = timestamp_ms;
    max_timestamp_ms_ = timestamp_ms;
  }
  max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
  std::byte* p = detail::append_record(records_, timestamp_ms - base_timestamp_ms_, offset_delta, key, value,
                                       headers_bytes(headers));
  p = write_varint(p, zigzag(static_cast<std::int32_t>(headers.size())));
  for (const HeaderView& header : headers) {
    p = write_bytes(p, as_bytes(header.key));
    p = write_nullable(p, header.value);
  }
  SLUICE_ASSERT(p == records_.data() + records_.size());
  ++count_;
  last_offset_delta_ = offset_delta;
}

void BatchBuilder::set_producer(ProducerId id, ProducerEpoch epoch, std::int32_t base_sequence) {
  producer_id_ = id;
  producer_epoch_ = epoch;
  base_sequence_ = base_sequence;
}

Result<MutableBytes> BatchBuilder::finish(Offset base_offset) {
  std::int16_t attributes = static_cast<std::int16_t>(codec_);
  if (transactional_) attributes |= 0x10;
  return seal(base_offset, attributes);
}

Result<MutableBytes> BatchBuilder::finish_control(ControlMarker marker, std::int64_t timestamp_ms,
                                                  Offset base_offset) {
  SLUICE_ASSERT(count_ == 0);
  std::byte key[4];
  store_be<std::int16_t>(key, 0);
  store_be(key + 2, static_cast<std::int16_t>(marker.kind));
  std::byte value[6];
  store_be<std::int16_t>(value, 0);
  store_be(value + 2, marker.coordinator_epoch);
  add(timestamp_ms, BytesView{key}, BytesView{value});
  const Codec codec = std::exchange(codec_, Codec::none);
  const std::int32_t sequence = std::exchange(base_sequence_, no_sequence);
  Result<MutableBytes> batch = seal(base_offset, 0x10 | 0x20);
  codec_ = codec;
  base_sequence_ = sequence;
  return batch;
}

Result<MutableBytes> BatchBuilder::seal(Offset base_offset, std::int16_t attributes) {
  batch_.resize(header_bytes);
  if (codec_ == Codec::none) {
    batch_.insert(batch_.end(), records_.begin(), records_.end());
  } else {
    SLUICE_TRY(compressor_.compress(codec_, level_, records_, batch_));
  }
  if (batch_.size() > std::numeric_limits<std::int32_t>::max()) {
    return fail(Code::limit_exceeded,
                fmt::format("a batch of {} bytes cannot be written: its length field ends at "
                            "2^31 - 1",
                            batch_.size()));
  }
  std::byte* const p = batch_.data();
  store_be(p, base_offset.value);
  store_be(p + 8, static_cast<std::int32_t>(batch_.size() - overhead_bytes));
  store_be(p + 12, leader_epoch_.value);
  p[16] = static_cast<std::byte>(magic);
  store_be(p + 21, attributes);
  store_be(p + 23, last_offset_delta_);
  store_be(p + 27, base_timestamp_ms_);
  store_be(p + 35, max_timestamp_ms_);
  store_be(p + 43, producer_id_.value);
  store_be(p + 51, producer_epoch_.value);
  store_be(p + 53, base_sequence_);
  store_be(p + 57, count_);
  store_be(p + 17, crc32c(BytesView{batch_}.subspan(21)));
  records_.clear();
  count_ = 0;
  last_offset_delta_ = -1;
  base_timestamp_ms_ = max_timestamp_ms_ = no_timestamp;
  return MutableBytes{batch_};
}

}  // namespace sluice::record
