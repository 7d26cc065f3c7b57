// What compaction leaves of a batch. Internal to `log`; the rules are in clean_job.h.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "log/clean_job.h"
#include "log/clean_transactions.h"
#include "log/offset_map.h"
#include "record/batch.h"
#include "record/compression.h"
#include "record/rewriter.h"

namespace sluice::log {

/// What a round of compaction knows; borrowed by its filter.
struct CleanKnowledge {
  const OffsetMap& newest;
  Offset latest;  ///< the newest offset that `newest` knows about: records past it stay
  const std::unordered_map<ProducerId, LastOfProducer>& producers;
  std::int64_t now_ms = 0;
  std::int64_t delete_retention_ms = 0;
};

/// Is shown every batch of a log once, in order.
class CleanFilter {
 public:
  CleanFilter(const CleanKnowledge& know, CleanTransactions& transactions, CleanStats& stats)
      : know_(know), transactions_(transactions), stats_(stats) {}

  /// What is to be written in the place of `batch`: itself, a smaller one, or nothing. Borrowed until the
  /// next call.
  ///
  /// must_stay  at least a header stays, for its offsets
  /// errors     corrupt, limit_exceeded: its records cannot be read
  Result<std::optional<BytesView>> filter(const record::BatchView& batch, bool must_stay);

 private:
  bool is_last_of_producer(const record::BatchView& batch) const;
  bool stays(const record::BatchView& batch, const record::RecordView& record) const;
  Result<BytesView> keep(const record::BatchView& batch, bool marker_may_go);

  const CleanKnowledge& know_;
  CleanTransactions& transactions_;
  CleanStats& stats_;
  record::Decompressor decompressor_;
  record::BatchRewriter rewriter_;
  std::vector<record::RecordView> kept_;
};

}  // namespace sluice::log
