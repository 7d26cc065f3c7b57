#include "log/batch_head.h"

#include <fmt/format.h>

#include <limits>

#include "base/assert.h"

namespace sluice::log {

BatchHead head_of(const record::BatchView& batch) {
  return {.bytes = batch.size(),
          .range = batch.range(),
          .leader_epoch = batch.leader_epoch(),
          .max_timestamp_ms = batch.max_timestamp_ms(),
          .producer_id = batch.producer_id(),
          .producer_epoch = batch.producer_epoch(),
          .base_sequence = batch.base_sequence(),
          .last_sequence = batch.last_sequence(),
          .is_transactional = batch.is_transactional(),
          .is_control = batch.is_control()};
}

Result<BatchHead> parse_head(BytesView bytes) {
  SLUICE_ASSERT(bytes.size() >= record::header_bytes);
  const std::optional<std::size_t> size = SLUICE_TRY(record::batch_bytes(bytes));
  const std::byte* const p = bytes.data();
  const auto version = load_be<std::int8_t>(p + 16);
  const auto base = load_be<std::int64_t>(p);
  const auto delta = load_be<std::int32_t>(p + 23);
  if (version != record::magic || base < 0 || delta < 0 ||
      base > std::numeric_limits<std::int64_t>::max() - 1 - delta) {
    return fail(Code::corrupt,
                fmt::format("a batch header has version {}, base offset {}, last offset delta {}", version,
                            base, delta));
  }
  const auto attributes = load_be<std::int16_t>(p + 21);
  BatchHead head{.bytes = *size,
                 .range = {Offset{base}, Offset{base} + delta + 1},
                 .leader_epoch = LeaderEpoch{load_be<std::int32_t>(p + 12)},
                 .max_timestamp_ms = load_be<std::int64_t>(p + 35),
                 .producer_id = ProducerId{load_be<std::int64_t>(p + 43)},
                 .producer_epoch = ProducerEpoch{load_be<std::int16_t>(p + 51)},
                 .base_sequence = load_be<std::int32_t>(p + 53),
                 .is_transactional = (attributes & 0x10) != 0,
                 .is_control = (attributes & 0x20) != 0};
  if (head.base_sequence >= 0) {
    const std::uint32_t sum =
        static_cast<std::uint32_t>(head.base_sequence) + static_cast<std::uint32_t>(delta);
    head.last_sequence = static_cast<std::int32_t>(sum & 0x7fffffffu);  // 2^31 - 1 is followed by 0
  }
  return head;
}

}  // namespace sluice::log
