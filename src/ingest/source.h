// Where records come from, as ingest sees it: whole batches, in offset order, with what is missing explained.
// The real one asks a Kafka cluster (kafka_source.h); tests have others.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "env/clock.h"
#include "record/batch.h"

namespace sluice::ingest {

/// What a topic is (X12: who it is decides whether a table may go on).
struct TopicInfo {
  std::string cluster_id;
  std::string topic;
  Uuid topic_id;
  bool compacted = false;       ///< cleanup.policy has compact: offsets may be missing
  std::int32_t partitions = 0;  ///< numbered from 0
};

struct Bounds {
  Offset log_start;
  Offset stable_end;  ///< what a read_committed reader can reach
  Offset log_end;     ///< the high watermark
};

/// Offsets in a row that share a fate.
struct Piece {
  enum class Kind : std::uint8_t {
    records,  ///< a batch of data
    control,  ///< a transaction marker
    aborted,  ///< a batch of an aborted transaction
    missing,  ///< no batch holds these offsets: compaction removed them, or they are lost
  };
  Kind kind = Kind::records;
  OffsetRange range;
  LeaderEpoch leader_epoch;
  BytesView batch;  ///< records only: the whole batch, checksum verified
};

/// What one partition gave in one poll. Pieces are in order; the first may begin before the wanted offset.
struct Polled {
  PartitionId partition;
  std::vector<Piece> pieces;
  Bounds bounds;
  Result<void> result;  ///< what is wrong with this partition alone, out_of_range among it
};

/// A reader of some partitions of one topic, for one thread. Never commits, never resets an offset.
class Source {
 public:
  virtual ~Source() = default;

  virtual Result<TopicInfo> describe() = 0;
  virtual Result<Bounds> bounds(PartitionId partition) = 0;
  /// Where the log of the largest epoch <= `epoch` ends; offset -1 where the cluster does not know.
  virtual Result<Offset> end_of_epoch(PartitionId partition, LeaderEpoch epoch) = 0;

  /// From now on poll() gives `partition` from `from`. Again: moves it.
  /// `last_epoch`: of the record before `from` where it is known, so that a truncated log is noticed.
  virtual Result<void> assign(PartitionId partition, Offset from, LeaderEpoch last_epoch) = 0;
  virtual void revoke(PartitionId partition) = 0;
  /// Waits up to `wait` for something to come; may be empty. What it gives lives until the next call of
  /// anything here, and the bytes of each batch are followed by at least 64 readable ones.
  virtual Result<std::vector<Polled>> poll(env::Duration wait) = 0;
};

/// Makes a source of its own for each thread.
using MakeSource = std::function<Result<std::unique_ptr<Source>>()>;

}  // namespace sluice::ingest
