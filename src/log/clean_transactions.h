// Which batches compaction may drop because of how their transactions ended.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "log/transactions.h"
#include "record/batch.h"

namespace sluice::log {

/// Is shown the batches of a log in order, and follows what is open. The same rules as Apache Kafka's:
/// batches of aborted transactions go at once; a marker may go once no batch of its transaction was seen,
/// and then after its delete horizon.
class CleanTransactions {
 public:
  /// `aborted`: those that have an offset in what is going to be shown, by first offset.
  explicit CleanTransactions(std::vector<AbortedTransaction> aborted);

  /// Takes the next batch. True where it may be dropped. `batch` is not a control batch / is one.
  bool take_data(const record::BatchView& batch);
  Result<bool> take_control(const record::BatchView& batch);

  /// The aborted transactions whose markers were kept, since the last call: the index of the new segment.
  std::vector<AbortedTransaction> take_kept() { return std::exchange(kept_, {}); }

 private:
  struct Ongoing {
    AbortedTransaction transaction;
    bool seen = false;  // a batch of it was shown
  };
  void begin_up_to(Offset last_offset);

  std::vector<AbortedTransaction> aborted_;
  std::size_t next_ = 0;  // of aborted_: what has not begun yet
  std::unordered_map<ProducerId, Ongoing> ongoing_aborted_;
  std::unordered_set<ProducerId> ongoing_committed_;
  std::vector<AbortedTransaction> kept_;
};

}  // namespace sluice::log
