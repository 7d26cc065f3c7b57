// Makes record batches, for producers, tests and our own internal topics.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "record/batch.h"
#include "record/compression.h"
#include "record/records.h"

namespace sluice::record {

/// Collects records, then gives one whole batch; used again and again without allocating.
/// The first record's timestamp becomes the base timestamp; offsets and sequences count up by one a record.
class BatchBuilder {
 public:
  explicit BatchBuilder(Codec codec = Codec::none, int level = level_default);

  /// Appends a record. `headers` keys are text.
  void add(std::int64_t timestamp_ms, std::optional<BytesView> key, std::optional<BytesView> value,
           std::span<const HeaderView> headers = {});
  /// The same at an offset of its own within the batch, as compaction leaves them: greater than the last
  /// one's.
  void add_at(std::int32_t offset_delta, std::int64_t timestamp_ms, std::optional<BytesView> key,
              std::optional<BytesView> value, std::span<const HeaderView> headers = {});

  std::int32_t records_count() const { return count_; }
  bool empty() const { return count_ == 0; }
  /// Bytes of header and records so far, before compression.
  std::size_t bytes() const { return header_bytes + records_.size(); }

  void set_producer(ProducerId id, ProducerEpoch epoch, std::int32_t base_sequence);
  void set_transactional(bool transactional) { transactional_ = transactional; }
  void set_leader_epoch(LeaderEpoch epoch) { leader_epoch_ = epoch; }

  /// The batch, with its CRC, at `base_offset` (producers say 0). Borrowed until the next call of anything
  /// here; writable, because appending to a log patches it. Producer and flags stay for the next batch,
  /// records do not. errors   limit_exceeded: more than 2^31-1 bytes · invalid_argument: the level
  Result<MutableBytes> finish(Offset base_offset = Offset{0});

  /// The control batch that ends a transaction of the producer that is set.
  Result<MutableBytes> finish_control(ControlMarker marker, std::int64_t timestamp_ms, Offset base_offset);

 private:
  Result<MutableBytes> seal(Offset base_offset, std::int16_t attributes);

  Codec codec_;
  int level_;
  Compressor compressor_;
  Bytes records_;  // uncompressed, as the format has them
  Bytes batch_;    // what finish() lends
  std::int32_t count_ = 0;
  std::int32_t last_offset_delta_ = -1;
  std::int64_t base_timestamp_ms_ = no_timestamp;
  std::int64_t max_timestamp_ms_ = no_timestamp;
  ProducerId producer_id_{no_producer_id};
  ProducerEpoch producer_epoch_{-1};
  std::int32_t base_sequence_ = no_sequence;
  LeaderEpoch leader_epoch_{-1};
  bool transactional_ = false;
};

}  // namespace sluice::record
