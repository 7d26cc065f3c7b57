// Which leader epoch began at which offset: leader-epoch-checkpoint, as Kafka writes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"

namespace sluice::log {

struct EpochStart {
  LeaderEpoch epoch;
  Offset begin;
  friend bool operator==(const EpochStart&, const EpochStart&) = default;
};

/// The end of an epoch, as OffsetForLeaderEpoch answers; -1 and -1 where it is not known.
struct EpochEnd {
  LeaderEpoch epoch{-1};
  Offset end{-1};
  friend bool operator==(const EpochEnd&, const EpochEnd&) = default;
};

/// Epochs and offsets both grow from entry to entry.
class Epochs {
 public:
  /// errors   corrupt: not the format, or an order that cannot be
  static Result<Epochs> parse(std::string_view text);
  std::string text() const;

  const std::vector<EpochStart>& entries() const { return entries_; }
  std::optional<EpochStart> last() const;
  /// Whether batches of `epoch` may follow: false where a greater one has begun.
  bool accepts(LeaderEpoch epoch) const;
  /// Notes that `epoch` begins at `begin`. True where that is news. An epoch in which nothing was written
  /// goes.
  bool begin_epoch(LeaderEpoch epoch, Offset begin);
  /// Forgets what begins at or after `end`. True where that changed anything.
  bool truncate_to(Offset end);
  /// The log now starts at `start`: the epoch in force there begins there. True where that changed anything.
  bool start_at(Offset start);
  /// The end of the largest epoch that is not greater than `epoch`, in a log that ends at `log_end`; of an
  /// empty log, all of them end there. `epoch` is not above the leader's, which need not have an entry yet.
  EpochEnd end_of(LeaderEpoch epoch, Offset log_end) const;
  /// The epoch of the record at `offset`.
  LeaderEpoch epoch_at(Offset offset) const;

 private:
  std::vector<EpochStart> entries_;
};

}  // namespace sluice::log
