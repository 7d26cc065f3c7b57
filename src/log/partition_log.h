// One partition's log: segments of batches in Apache Kafka's layout, one of which is written to.
//
//   log start <= high watermark = durable end <= log end
//
// What is durable is in synced segments (below synced_end, which the watermark file tells), or in the journal
// of all partitions (log/journal.h), from which it comes back.
//
// Appending puts bytes into the page cache; begin_sync, SyncJob::run and finish_sync make them durable, one
// group at a time, and only then move the high watermark (X14). A failed sync poisons the log (X13).
// docs/formats/log.md has the files byte by byte.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "log/clean_job.h"
#include "log/epochs.h"
#include "log/names.h"
#include "log/transactions.h"
#include "record/batch.h"
#include "record/compression.h"

namespace sluice::log {

/// Memory for what waits for the journal, shared by all logs of a broker: a disk that stalls must not cost
/// more. One thread.
class UnjournaledRoom {
 public:
  explicit UnjournaledRoom(std::size_t bytes_max) : free_(bytes_max) {}
  bool take(std::size_t bytes) {
    if (bytes > free_) return false;
    free_ -= bytes;
    return true;
  }
  void give_back(std::size_t bytes) { free_ += bytes; }
  /// A buffer that was used before, empty, or a new one without memory: a log that is written to all the time
  /// does not get its memory anew for every round.
  Bytes buffer() {
    if (spare_.empty()) return {};
    Bytes buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
  }
  void give_back(Bytes buffer) {
    if (buffer.capacity() == 0 || spare_.size() == spare_max) return;
    buffer.clear();
    spare_.push_back(std::move(buffer));
  }

 private:
  static constexpr std::size_t spare_max = 16;

  std::size_t free_;
  std::vector<Bytes> spare_;
};

/// Named after Kafka's topic properties; the defaults are Kafka's.
struct LogOptions {
  std::uint64_t segment_bytes_max = std::uint64_t{1} << 30;              ///< segment.bytes
  std::int64_t segment_ms_max = std::int64_t{7} * 24 * 3600 * 1000;      ///< segment.ms
  std::int64_t segment_jitter_ms = 0;                                    ///< segment.jitter.ms
  std::uint32_t segment_index_bytes_max = 10u << 20;                     ///< segment.index.bytes
  std::uint32_t index_interval_bytes = 4096;                             ///< index.interval.bytes
  std::int64_t producer_expiration_ms = std::int64_t{24} * 3600 * 1000;  ///< producer.id.expiration.ms
  bool log_append_time = false;  ///< message.timestamp.type: markers are stamped as well
  bool compacted = false;        ///< cleanup.policy has compact: holes between offsets are normal
  /// Appends are kept for the journal up to this many bytes between two rounds; 0: there is no journal.
  std::uint32_t unjournaled_bytes_max = 0;
  std::shared_ptr<UnjournaledRoom> unjournaled_room = nullptr;  ///< nullptr: as much as each log may have
};

/// What the caller knows about the last time the log was open.
struct OpenHints {
  /// The broker's mark of a clean shutdown was there: segments are trusted unread.
  bool clean = false;
  /// From recovery-point-offset-checkpoint: only used where the log's own durable watermark is missing, as in
  /// a directory that Apache Kafka wrote.
  Offset recovery_point{0};
  std::int64_t now_ms = 0;  ///< the clock of ages, see Now
};

/// The time of a call, by two clocks. Timestamps in records are the wall clock's. The age of segments and
/// producers is counted by another one, which the caller keeps from jumping; it began with the wall clock's
/// time.
struct Now {
  Now(std::int64_t ms)
      : wall_ms(ms), age_ms(ms) {}  // NOLINT(google-explicit-constructor): where they are one
  Now(std::int64_t wall, std::int64_t age) : wall_ms(wall), age_ms(age) {}

  std::int64_t wall_ms;
  std::int64_t age_ms;
};

/// What may be deleted. Named after Kafka's topic properties; -1: no limit.
struct RetentionRules {
  std::int64_t ms = -1;     ///< retention.ms
  std::int64_t bytes = -1;  ///< retention.bytes, of one partition
  /// As in Apache Kafka: a segment is as old as its largest record timestamp by the wall clock. Otherwise it
  /// is as old as its last append by the clock of ages.
  bool by_record_time = false;
};

/// What opening had to do.
struct RecoveryReport {
  std::size_t segments = 0;
  std::size_t segments_scanned = 0;
  std::uint64_t bytes_scanned = 0;
  std::uint64_t bytes_truncated = 0;  ///< of a torn tail, none of it ever acknowledged with acks=all
  std::string truncated_because;  ///< file, position and what was wrong there; empty where nothing was cut
  std::size_t indexes_rebuilt = 0;

  bool repaired() const { return bytes_truncated > 0 || indexes_rebuilt > 0; }
};

struct Appended {
  OffsetRange range;  ///< the batch's, or where it was before if `duplicate`
  bool duplicate =
      false;  ///< the same producer, epoch and sequences were appended before; nothing was written
  std::int64_t log_append_time_ms = record::no_timestamp;  ///< of a duplicate: unknown
};

/// What read() put into the buffer.
struct ReadSlice {
  std::size_t bytes = 0;         ///< whole batches
  Offset next;                   ///< where to read on: the end of the last batch, or `from`
  std::size_t bytes_needed = 0;  ///< where not even the first batch fitted: its size; else 0
};

/// How old records must be, and may get, before they are compacted. By the time of their append.
struct CleanLag {
  std::int64_t ms_min = 0;                                         ///< min.compaction.lag.ms
  std::int64_t ms_max = std::numeric_limits<std::int64_t>::max();  ///< max.compaction.lag.ms
};

/// What a round of compaction would do.
struct Cleanable {
  Offset first_dirty;        ///< records below it were compacted before
  Offset first_uncleanable;  ///< where a segment begins; what follows is left alone
  std::uint64_t clean_bytes = 0;
  std::uint64_t cleanable_bytes = 0;
  std::int64_t overdue_ms = 0;  ///< by how much max.compaction.lag.ms is passed

  double ratio() const;  ///< of cleanable bytes; what min.cleanable.dirty.ratio is held against
};

struct TimestampOffset {
  std::int64_t timestamp_ms = record::no_timestamp;
  Offset offset{-1};
  LeaderEpoch leader_epoch{-1};
};

struct BatchHead;
struct Located;
class PartitionLog;
class ProducerTable;
class Segment;
class TxnIndex;
class WatermarkFile;

/// Values that any thread can turn into durability. Made by PartitionLog::begin_sync.
class SyncJob {
 public:
  struct Done {
    Offset durable_end;  ///< everything below it is durable, if there is no error
    std::optional<Error> error;
  };

  /// Starts the writing that run() waits for, on whatever thread. Only saves time: promises and reports
  /// nothing.
  void start() const;
  /// Blocks in the operating system: content first, then new names, then the watermark file. Call once.
  Done run();

 private:
  friend class PartitionLog;
  struct Part {
    std::shared_ptr<env::File> file;
    std::string path;
  };
  env::FileSystem* fs_ = nullptr;
  std::vector<Part> parts_;
  std::string dir_;  // to sync where not empty: names in it are new
  std::shared_ptr<WatermarkFile> watermark_;
  Offset end_;
  Offset log_start_;
};

/// A log start on its way to the disk. Made by PartitionLog::begin_advance.
class AdvanceJob {
 public:
  Offset start() const { return start_; }
  /// Blocks until the start is durable.
  Result<void> run() const;

 private:
  friend class PartitionLog;
  env::FileSystem* fs_ = nullptr;
  std::string dir_;
  std::shared_ptr<WatermarkFile> watermark_;
  Offset start_;
};

/// Owned and called by one thread; only SyncJob::run may be elsewhere. At most one SyncJob is out at a time.
/// Every refusal because of the disk carries Kafka's KAFKA_STORAGE_ERROR in kafka_error.
class PartitionLog {
 public:
  /// Makes the directory DATA_DIR/TOPIC-PARTITION with an empty log that starts at 0, durably, and opens it.
  ///
  /// errors   already_exists, invalid_argument (the name), io_failed, no_space: there is no directory of that
  /// name
  static Result<std::unique_ptr<PartitionLog>> create(env::FileSystem& fs, const std::string& data_dir,
                                                      const TopicPartition& id, Uuid topic_id,
                                                      const LogOptions& options);

  /// Opens what is there and recovers it: a torn tail is cut off; damage below the durable watermark leaves
  /// the log halted, see halted(), and nothing is cut. What survives is durable when this returns.
  ///
  /// errors   not_found; io_failed, no_space; corrupt: partition.metadata
  static Result<std::unique_ptr<PartitionLog>> open(env::FileSystem& fs, const std::string& data_dir,
                                                    const TopicPartition& id, const LogOptions& options,
                                                    const OpenHints& hints);
  ~PartitionLog();

  /// Appends one batch at the log's end; writes through to the operating system, does not sync.
  ///
  /// batch    exactly one batch, validated (record::validate); its base offset and leader epoch are patched
  /// epoch    the leader's; a new one is made durable in leader-epoch-checkpoint first
  /// now      the age of segments and producers is counted in it, never in client timestamps
  /// returns  its offsets. Answer acks=all once durable_end() >= range.end - for a duplicate as well
  /// origin   client, or coordinator where sequences are not counted
  /// errors   corrupt; kafka with out_of_order_sequence_number, invalid_producer_epoch, invalid_txn_state
  /// (not
  ///          transactional while the producer has a transaction open); limit_exceeded with
  ///          record_list_too_large; no_space: nothing is kept of it and later appends may succeed;
  ///          io_failed: poisoned
  Result<Appended> append(MutableBytes batch, LeaderEpoch epoch, Now now, Origin origin = Origin::client);

  /// Ends the transaction of a producer: appends the control batch that says so. A marker is written as well
  /// where this log has no open transaction of the producer; it then only raises the epochs, and no aborted
  /// transaction comes of it. Otherwise as append.
  ///
  /// producer_epoch       may be above that of the producer's batches (fencing; KIP-890 raises it by one)
  /// marker               its coordinator_epoch is kept: markers of an older coordinator are refused later
  /// transaction_version  transaction.version of the marker (KIP-1228). From 2 on, an epoch that is not above
  ///                      the producer's is refused as well, unless the producer has no open transaction or
  ///                      the epoch is the last one there is (32767): then it is the marker sent again
  /// errors   kafka with invalid_producer_epoch, transaction_coordinator_fenced · those of append
  Result<Appended> append_marker(ProducerId producer_id, ProducerEpoch producer_epoch,
                                 record::ControlMarker marker, LeaderEpoch epoch, Now now,
                                 int transaction_version = 0);

  /// Reads whole batches from the one that holds `from` on, below `end`, into `out`.
  ///
  /// end      exclusive; high_watermark() or last_stable_offset(). Batches never straddle it
  /// returns  nothing (bytes 0) at the end; bytes_needed where `out` is too small for one batch: call again
  /// errors   out_of_range: outside [log_start_offset, log_end_offset] with Kafka's offset_out_of_range ·
  ///          corrupt: the range behind the damage of a halted log · io_failed
  Result<ReadSlice> read(Offset from, Offset end, MutableBytes out);

  /// The first record, at or after the log start and below `end`, with a timestamp >= `timestamp_ms`; offset
  /// -1 where there is none.
  Result<TimestampOffset> offset_for_timestamp(std::int64_t timestamp_ms, Offset end);
  /// The record with the largest timestamp below the high watermark (ListOffsets -3).
  Result<TimestampOffset> max_timestamp();
  EpochEnd end_offset_for_epoch(LeaderEpoch epoch) const;
  /// The epoch of the record at `offset`; -1 where unknown.
  LeaderEpoch epoch_at(Offset offset) const;

  Offset log_start_offset() const { return log_start_; }
  Offset log_end_offset() const { return log_end_; }
  Offset durable_end() const { return durable_end_; }
  /// Below it the segments are durable by themselves, without the journal. synced_end() <= durable_end().
  Offset synced_end() const { return synced_end_; }
  Offset high_watermark() const { return durable_end_; }  // X14
  /// Below it all transactions are decided, and their markers visible: the first offset of the earliest
  /// transaction that is open, or whose marker is at or above the high watermark, but not below the log
  /// start; else the high watermark.
  Offset last_stable_offset() const;
  /// The aborted transactions that have an offset in `range`, by first offset: what Fetch tells with the
  /// records of `range` so that read_committed can pass over theirs.
  ///
  /// errors   io_failed
  Result<std::vector<AbortedTransaction>> aborted_transactions(OffsetRange range);
  /// The open transaction of a producer in this log.
  std::optional<OpenTransaction> open_transaction(ProducerId producer_id) const;
  /// Every producer that is remembered, by id.
  std::vector<ProducerView> producers() const;
  std::optional<LeaderEpoch> last_epoch() const;
  std::uint64_t bytes() const;  ///< of all segments
  std::size_t segments_count() const { return segments_.size(); }
  const TopicPartition& id() const { return id_; }
  Uuid topic_id() const { return topic_id_; }
  const LogOptions& options() const { return options_; }
  void set_options(const LogOptions& options) { options_ = options; }
  const RecoveryReport& recovery() const { return recovery_; }
  /// Damage below the durable watermark, found by open(): appends are refused, what lies before it is served.
  const std::optional<Error>& halted() const { return halted_; }
  /// The error that ended this log's writing (X13); only opening it again may help.
  const std::optional<Error>& poisoned() const { return poisoned_; }

  /// Something was appended that is not durable, and that no running job covers.
  bool needs_sync() const;
  /// The bytes of the batches between durable_end and log_end, as the journal may have them. 0: there are
  /// none, or they were too many, or a new segment has begun: the next round has to be a SyncJob.
  std::size_t unjournaled_bytes() const;
  /// These bytes, until the next call that appends or drops.
  BytesView unjournaled() const { return unjournaled_; }
  /// A round or a SyncJob has them.
  void drop_unjournaled();
  /// Takes what the segments have not durable yet into a job; nothing where there is none, or one is still
  /// out, or poisoned.
  std::optional<SyncJob> begin_sync();
  /// The journal has everything below `end` durably. Returns whether the high watermark moved.
  Result<bool> note_journaled(Offset end);
  /// Appends a batch of the journal as it was, if it begins at the log's end; one that is there already is
  /// passed over. Before anything else is appended.
  ///
  /// returns  whether it was appended
  /// errors   corrupt: the log ends before it, or inside it · those of append
  Result<bool> append_replayed(BytesView batch, std::int64_t now_ms);
  /// Moves the high watermark, or poisons the log. Returns whether the watermark moved: not where file
  /// descriptors ran out, which leaves all to the next job.
  Result<bool> finish_sync(const SyncJob::Done& done);
  /// begin, run and finish in one, for callers that may block.
  Result<void> sync();

  /// Where the log should start by these rules: a segment goes where it is too old, or where those after it
  /// are large enough without it; all of it must be durable. The active one goes as well where it is too old:
  /// then this is the log's end, and roll() has to come first.
  Offset retention_start(const RetentionRules& rules, Now now) const;
  /// Moves the log start up (DeleteRecords, retention): durable first, then whole segments below it go.
  /// Blocks for a few syncs.
  ///
  /// errors   out_of_range: past the high watermark · conflict: past synced_end while a SyncJob is out: try
  ///          again when it is back · those of append
  Result<void> advance_log_start(Offset start);
  /// The same in three steps, of which only AdvanceJob::run blocks, on any thread. Any number may be out.
  /// `start` must not be past synced_end(): conflict.
  Result<AdvanceJob> begin_advance(Offset start);
  Result<void> finish_advance(const AdvanceJob& job, const Result<void>& done);
  /// The files of segments that are gone, renamed so that nothing looks for them: the caller removes them
  /// when it likes, on any thread. Those that stay are removed when the log is opened.
  std::vector<std::string> take_doomed() { return std::exchange(doomed_, {}); }

  /// What could be compacted: sealed segments whose transactions are all decided.
  ///
  /// cleaned_to  where the last round ended; nothing where there was none
  Cleanable cleanable(std::optional<Offset> cleaned_to, const CleanLag& lag, std::int64_t now_ms) const;
  /// Begins a round of compaction. At most one job is out at a time; until it is over, files of segments that
  /// are dropped stay. Drive it: run() on any thread, after_clean() here with what it returned, and again
  /// while that says true. Where this log goes first, the job stops by itself.
  ///
  /// errors  those of append that halt or poison; io_failed: an index of transactions cannot be read
  Result<CleanJob> begin_clean(const Cleanable& what, CleanSettings settings);
  /// Takes over what run() did: readers see the new segment from here on. Returns whether to go on.
  ///
  /// errors  that of `step`: the round is over, what it did so far stands; but after `exhausted` it is not
  ///         where the job is decided, and goes on · poisoned, where the names of segments are not known any
  ///         more (X13)
  Result<bool> after_clean(CleanJob& job, const Result<CleanJob::Step>& step);

  /// Closes the active segment and begins a new one, if it holds anything.
  Result<void> roll(std::int64_t now_ms);

  /// Everything durable, indexes trimmed, producers in a snapshot at the log's end: what a clean shutdown
  /// wants.
  Result<void> close();

 private:
  PartitionLog(env::FileSystem& fs, std::string dir, TopicPartition id, const LogOptions& options);
  friend class Recovery;

  Result<void> refuse_writes() const;
  Result<void> note_epoch(LeaderEpoch epoch);
  Result<void> store_epochs();
  Result<void> store(MutableBytes batch, BatchHead& head, LeaderEpoch epoch, std::int64_t now_ms);
  Result<void> make_room(const BatchHead& batch, std::int64_t now_ms);
  Result<void> write(BytesView batch);
  void keep_for_journal(BytesView batch);
  void forget_unjournaled();
  Result<void> write_batch(const BatchHead& head, BytesView batch, std::int64_t now_ms);
  Result<void> write_snapshot(Offset at, std::int64_t taken_ms, bool sync);
  void drop_stray_snapshots();
  void drop_segments_below_start();
  Result<void> seal_active(std::int64_t now_ms);
  Result<std::vector<Offset>> restore_producers(ProducerTable& table, const std::vector<Offset>& snapshots,
                                                Offset up_to, std::int64_t now_ms);
  Result<bool> load_snapshot(ProducerTable& table, Offset at);
  Result<void> replay(ProducerTable& table, OffsetRange range, std::int64_t now_ms, TxnIndex* txns);
  Result<void> rebuild_txns(Segment& segment, const std::vector<Offset>& snapshots, std::int64_t now_ms);
  std::unexpected<Error> poison(Error error);
  std::unexpected<Error> refused(Error error) const;
  Result<Segment*> segment_of(Offset offset);
  Result<std::optional<Located>> locate(Segment& segment, Offset offset);
  void remember_position(Offset offset, Offset segment_base, std::uint64_t position);
  Result<std::optional<TimestampOffset>> search_segment(Segment& segment, std::int64_t timestamp_ms,
                                                        Offset end);
  Result<std::int64_t> visible_max_timestamp(Segment& segment, bool by_index);
  Result<std::int64_t> batch_max_timestamp(const Segment& segment, const Located& batch);
  Result<std::optional<TimestampOffset>> search_batch(const Segment& segment, const Located& batch,
                                                      std::int64_t timestamp_ms);
  std::uint64_t segment_bytes_max() const;
  std::int64_t segment_ms_max(const Segment& segment) const;
  std::size_t sealed_from(Offset offset) const;
  void take_cleaned(CleanJob& job);
  void unload_cleaned();
  void remove_dropped();
  Segment& active() const { return *segments_.back(); }
  std::string name() const { return dir_name(id_); }

  // Constant after construction.
  env::FileSystem& fs_;
  std::string dir_;
  TopicPartition id_;
  Uuid topic_id_;

  LogOptions options_;
  std::vector<std::unique_ptr<Segment>> segments_;  // by base offset; never empty; the last one is active
  std::unique_ptr<ProducerTable> producers_;
  Epochs epochs_;
  bool epochs_dirty_ = false;  // the file does not have what the log start cut off
  std::shared_ptr<WatermarkFile> watermark_;
  Offset log_start_;
  Offset log_end_;
  Offset durable_end_;
  Offset synced_end_;
  Offset syncing_end_;  // what the job that is out will have made durable
  bool syncing_ = false;
  bool dir_dirty_ = false;                     // names in it were made since the last sync_dir
  std::vector<SyncJob::Part> sealed_;          // files of sealed segments that are not synced yet
  std::vector<SyncJob::Part> syncing_sealed_;  // those that the job that is out has taken
  bool syncing_dir_ = false;                   // and whether it syncs the directory
  std::optional<Error> halted_;
  std::optional<Error> poisoned_;
  RecoveryReport recovery_;
  std::vector<Offset> snapshots_;         // offsets of the snapshot files that are there, ascending
  Segment* indexed_ = nullptr;            // the one sealed segment whose indexes are loaded
  std::vector<std::string> doomed_;       // files of dropped segments, out of the way
  std::vector<Offset> dropped_;           // bases of segments dropped while a clean job is out
  std::shared_ptr<NameGate> clean_gate_;  // of the clean job that is out
  Segment* cleaned_ = nullptr;            // what it made last; its indexes must stay in memory

  /// Where reads went on last: the place of the batch at `offset`. Spares consumers in sequence the index.
  struct Place {
    Offset offset{-1};
    Offset segment_base;
    std::uint64_t position = 0;
  };
  std::array<Place, 8> places_;  // the first one is the last append's
  std::size_t places_next_ = 1;
  Bytes unjournaled_;  // whole batches in [unjournaled_begin_, log_end_)
  Offset unjournaled_begin_;
  bool unjournaled_whole_ = true;  // else they were too many to be kept
  Bytes scratch_;                  // for one batch that is looked into
  record::Decompressor decompressor_;
};

}  // namespace sluice::log
