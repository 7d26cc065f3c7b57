// Batches as compaction leaves them: records taken out, everything else as it was; and compressed anew.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/error.h"
#include "record/batch.h"
#include "record/compression.h"
#include "record/records.h"

namespace sluice::record {

/// Base offset, last offset, producer, sequences, leader epoch, codec and kinds of a batch stay, so that
/// neither offsets nor a producer's sequence numbers change. One thread at a time; buffers are used again.
class BatchRewriter {
 public:
  /// `original` with `kept` of its records alone.
  ///
  /// kept               records of `original`, in order, one at least; borrowed from its decompressed bytes
  /// delete_horizon_ms  when tombstones and markers in it may go; stands in for the base timestamp. Nothing:
  ///                    the base timestamp is that of the first record kept
  /// returns            the batch with its CRC; borrowed until the next call
  /// errors             limit_exceeded: it would pass 2^31 - 1 bytes · unsupported: its codec
  Result<BytesView> rewrite(const BatchView& original, std::span<const RecordView> kept,
                            std::optional<std::int64_t> delete_horizon_ms);
  /// `original` without records: a header that says which offsets and sequences were there. Borrowed as
  /// above.
  BytesView empty(const BatchView& original);
  /// `original` with the same records under another codec; everything else in the header stays.
  ///
  /// plain    its records, decompressed and validated
  /// returns  the batch with its CRC; borrowed until the next call; writable, because appending patches it
  /// errors   as rewrite · invalid_argument: a level that the codec does not have
  Result<MutableBytes> recompress(const BatchView& original, BytesView plain, Codec codec, int level);

 private:
  struct Header {
    std::int16_t attributes = 0;
    std::int64_t base_timestamp_ms = no_timestamp;
    std::int64_t max_timestamp_ms = no_timestamp;
    std::int32_t records_count = 0;
  };
  Result<void> check_size(const BatchView& original) const;
  void write_header(const BatchView& original, const Header& header);

  Compressor compressor_;
  Bytes records_;
  Bytes batch_;
};

}  // namespace sluice::record
