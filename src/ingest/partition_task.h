// One partition of a worker: chain, recovery, continuity, fill, commit, publish.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "ingest/fill.h"
#include "ingest/recovery.h"
#include "ingest/worker.h"
#include "table/commit_log.h"

namespace sluice::ingest {

/// One thread at a time. `job`, `source` and `stop` outlive it. After an error it is not used again: the
/// partition has halted.
class PartitionTask {
 public:
  PartitionTask(const Job& job, PartitionId partition, Source& source, const lake::WriterOptions& writer,
                const std::atomic<bool>& stop);

  /// Reads the chain, finishes what others left (X6), checks that the topic is still the one (X12), and
  /// assigns the partition to the source at the end of the chain.
  Result<void> open();

  /// Takes what a poll gave; commits ranges as they become full.
  Result<void> feed(const Polled& polled);
  /// Commits what is there where its time has come, or the wanted end is reached. Then moves the source where
  /// another worker has moved the chain. Not while something of a poll is still being fed.
  Result<void> tick(env::Instant now);
  /// Ends without a trace of what is not committed.
  void stop();
  /// Whether the end that until_end wants is committed.
  bool done() const { return target_ && position() >= *target_ && (!fill_ || fill_->empty()); }

  PartitionId partition() const { return plan_.partition; }
  Progress progress() const;
  const Summary& summary() const { return summary_; }

 private:
  Offset position() const;  ///< the next offset that no commit covers
  Result<void> settle();
  Result<void> start_after_gap(const Bounds& bounds);
  Result<void> feed_pieces(const Polled& polled);
  void start_fill(Offset begin);
  Result<void> commit_fill();
  Result<void> committed(const table::CommitObject& object);
  Result<void> refused();
  Result<void> checkpoint_if_due();
  void bookmark();
  void notice(const std::string& text);

  const Job& job_;
  Source& source_;
  const std::atomic<bool>& stop_;  // once true, what still comes is not taken
  FillPlan plan_;
  table::CommitLog log_;
  LakeContent content_;
  record::Decompressor decompressor_;
  std::unique_ptr<Fill> fill_;
  env::Instant fill_began_;
  Offset start_;      // where the chain is to begin
  Offset published_;  // every object before it is known to be published
  std::optional<Offset> target_;
  bool must_seek_ = false;
  Bounds bounds_;
  Summary summary_;
};

}  // namespace sluice::ingest
