// A fill: one range on its way from batches to files. Counts what becomes of every offset (X9).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "env/file_system.h"
#include "ingest/source.h"
#include "lake/range_writer.h"
#include "record/compression.h"
#include "table/commit_object.h"
#include "table/names.h"
#include "table/store.h"

namespace sluice::ingest {

/// What a fill is made with; the same for all fills of a partition.
struct FillPlan {
  table::Store* store = nullptr;
  TopicInfo topic;
  PartitionId partition;
  std::int32_t schema_version = 1;
  std::shared_ptr<const lake::Schema> schema;
  lake::Partitioning partitioning;
  lake::WriterOptions writer;
  std::int64_t records_max = 0;  ///< rows and quarantined records of one range; 0: no bound

  table::ChainId chain() const { return {topic.topic_id, partition}; }
};

/// What is known of the record before a range.
struct Before {
  LeaderEpoch leader_epoch{-1};
  std::optional<table::LastRecord> last_record;
};

/// One thread. Its temporary files lie under _sluice/tmp, named by its begin and its nonce.
class Fill {
 public:
  /// `limit`: the range ends there at the latest.
  Fill(const FillPlan& plan, Offset begin, Offset limit, Before before, Uuid nonce);

  enum class Taken : std::uint8_t {
    all,   ///< of the piece, up to the limit
    full,  ///< the range ends at next(), inside or before the piece
  };
  /// Takes what lies at next() and after it out of `piece`. Errors, which end the range: corrupt for a batch
  /// that cannot be read, and for offsets that are missing although the topic is not compacted (X12).
  Result<Taken> take(const Piece& piece, record::Decompressor& decompressor);

  Offset begin() const { return begin_; }
  Offset next() const { return next_; }
  bool empty() const { return next_ == begin_; }
  std::int64_t records() const { return records_; }
  std::uint64_t bytes_estimate() const { return writer_ ? writer_->bytes_estimate() : 0; }
  const Before& last() const { return last_; }
  /// Whether it cannot be finished any more: its writer failed, or it was finished already.
  bool is_spent() const { return is_spent_; }

  /// Ends the range at next(): writes, syncs and closes the files and makes their temporary names durable
  /// (X3), then says in a commit object what they are. Call once, not on an empty fill.
  Result<table::CommitObject> finish(std::int64_t now_ms);

  /// Removes the temporary files that this fill has made. Only for one that was never offered for commit.
  void discard();

 private:
  Result<Taken> take_records(const Piece& piece, record::Decompressor& decompressor);
  Result<void> take_missing(Offset until);
  Result<void> open_writer();
  std::string temporary_prefix() const;
  Result<void> add_files(const lake::FinishedRange& finished, table::CommitObject& object) const;
  std::string name_of(const std::string& path) const;

  const FillPlan& plan_;
  const Offset begin_;
  const Offset limit_;
  const Uuid nonce_;
  Offset next_;
  Before last_;
  std::int64_t records_ = 0;
  bool is_spent_ = false;
  table::CommitCounts counts_;  // all but rows and quarantined, which the writer counts
  std::unique_ptr<lake::RangeWriter> writer_;
};

}  // namespace sluice::ingest
