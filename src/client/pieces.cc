#include "client/pieces.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::client {
namespace {

/// Which producers' batches belong to aborted transactions, at one place of the log while it is walked.
class Aborts {
 public:
  explicit Aborts(std::span<const AbortedTransaction> aborted) : upcoming_(aborted.begin(), aborted.end()) {
    std::ranges::sort(upcoming_, {}, &AbortedTransaction::first_offset);  // not every broker sorts them
  }

  /// What kind of piece the batch is; to be asked for every batch in order.
  Result<Piece::Kind> kind_of(const record::BatchView& batch) {
    for (; next_ < upcoming_.size() && upcoming_[next_].first_offset <= batch.last_offset(); ++next_) {
      open_.insert(upcoming_[next_].producer);
    }
    if (!batch.is_control()) {
      const bool aborted = batch.is_transactional() && open_.contains(batch.producer_id());
      return aborted ? Piece::Kind::aborted : Piece::Kind::data;
    }
    if (!open_.empty()) {
      const auto marker = SLUICE_TRY(record::parse_control(batch));
      if (marker && marker->kind == record::ControlMarker::Kind::abort) open_.erase(batch.producer_id());
    }
    return Piece::Kind::control;
  }

 private:
  std::vector<AbortedTransaction> upcoming_;
  std::size_t next_ = 0;
  std::set<ProducerId> open_;
};

Result<void> check_batch(const record::BatchView& batch, Offset after, bool check_crc) {
  if (batch.base_offset() < after) {
    return fail(Code::corrupt, fmt::format("the batch at {} begins before {}, where the one before it ends",
                                           batch.base_offset().value, after.value));
  }
  if (check_crc && !batch.crc_ok()) {
    return fail(Code::corrupt, fmt::format("the batch of the offsets {} to {} fails its checksum",
                                           batch.base_offset().value, batch.last_offset().value));
  }
  return {};
}

}  // namespace

Result<void> split_into_pieces(BytesView records, std::span<const AbortedTransaction> aborted, bool check_crc,
                               FetchedPartition& out) {
  Aborts aborts(aborted);
  Offset after{0};  // where the batch before ends
  bool any = false;
  while (true) {
    const auto batch = SLUICE_TRY(record::next_batch(records));
    if (!batch) break;
    any = true;
    SLUICE_TRY(check_batch(*batch, after, check_crc));
    after = batch->end_offset();
    const Piece::Kind kind = SLUICE_TRY(aborts.kind_of(*batch));
    if (after <= out.end) continue;  // wholly before the position
    if (batch->base_offset() > out.end) {
      out.pieces.push_back({Piece::Kind::compacted, {out.end, batch->base_offset()}, std::nullopt});
      out.end = batch->base_offset();
    }
    out.pieces.push_back({kind, {out.end, after}, batch});
    out.end = after;
    out.last_leader_epoch = batch->leader_epoch();
  }
  if (!any && !records.empty()) {
    return fail(Code::corrupt, fmt::format("the answer holds {} bytes and no whole batch", records.size()));
  }
  return {};
}

}  // namespace sluice::client
