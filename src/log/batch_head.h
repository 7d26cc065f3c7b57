// The header of a stored batch, read without its records.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "record/batch.h"

namespace sluice::log {

struct BatchHead {
  std::uint64_t bytes = 0;  ///< of the whole batch
  OffsetRange range{};
  LeaderEpoch leader_epoch{-1};
  std::int64_t max_timestamp_ms = record::no_timestamp;
  ProducerId producer_id{record::no_producer_id};
  ProducerEpoch producer_epoch{-1};
  std::int32_t base_sequence = record::no_sequence;
  std::int32_t last_sequence = record::no_sequence;
  bool is_transactional = false;
  bool is_control = false;

  Offset last_offset() const { return range.end - 1; }
  bool has_producer() const { return producer_id.value >= 0; }
};

BatchHead head_of(const record::BatchView& batch);

/// The header at the start of `bytes`, which holds record::header_bytes of it at least.
/// errors   corrupt: not a header of version 2, or impossible numbers
Result<BatchHead> parse_head(BytesView bytes);

}  // namespace sluice::log
