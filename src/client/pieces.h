// From the bytes that a Fetch answer holds of a partition to pieces that account for every offset.
#pragma once

#include <span>

#include "client/fetcher.h"

namespace sluice::client {

/// A transaction that ended in an abort: batches of the producer from `first_offset` up to its abort marker.
struct AbortedTransaction {
  ProducerId producer;
  Offset first_offset;
};

/// Appends to `out.pieces` the whole batches of `records` from out.end on, and moves out.end (and the last
/// leader epoch) over them. A batch that is cut short at the end is left for the next answer. `aborted` may
/// be in any order; empty under read_uncommitted.
///
/// errors   corrupt: a batch that cannot be read or fails its CRC, batches out of order, or bytes without one
///          whole batch. Pieces before it are good and stay.
Result<void> split_into_pieces(BytesView records, std::span<const AbortedTransaction> aborted, bool check_crc,
                               FetchedPartition& out);

}  // namespace sluice::client
