#include "log/clean_transactions.h"

namespace sluice::log {

CleanTransactions::CleanTransactions(std::vector<AbortedTransaction> aborted)
    : aborted_(std::move(aborted)) {}

/// A producer has one transaction at a time: one that is still followed ends before the next one begins.
void CleanTransactions::begin_up_to(Offset last_offset) {
  for (; next_ < aborted_.size() && aborted_[next_].first_offset <= last_offset; ++next_) {
    ongoing_aborted_.try_emplace(aborted_[next_].producer_id, Ongoing{aborted_[next_], false});
  }
}

bool CleanTransactions::take_data(const record::BatchView& batch) {
  begin_up_to(batch.last_offset());
  if (!batch.is_transactional()) return false;
  const auto aborted = ongoing_aborted_.find(batch.producer_id());
  if (aborted == ongoing_aborted_.end()) {
    ongoing_committed_.insert(batch.producer_id());
    return false;
  }
  aborted->second.seen = true;
  return true;
}

Result<bool> CleanTransactions::take_control(const record::BatchView& batch) {
  begin_up_to(batch.last_offset());
  if (batch.records_count() == 0) return true;  // emptied by an earlier compaction
  const std::optional<record::ControlMarker> marker = SLUICE_TRY(record::parse_control(batch));
  if (!marker) return false;
  if (marker->kind == record::ControlMarker::Kind::commit) {
    return ongoing_committed_.erase(batch.producer_id()) == 0;
  }
  const auto aborted = ongoing_aborted_.find(batch.producer_id());
  const bool keep = aborted != ongoing_aborted_.end() && aborted->second.seen;
  if (keep) kept_.push_back(aborted->second.transaction);
  if (aborted != ongoing_aborted_.end()) ongoing_aborted_.erase(aborted);
  return !keep;
}

}  // namespace sluice::log
