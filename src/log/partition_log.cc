#include "log/partition_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "log/batch_head.h"
#include "log/control_batch.h"
#include "log/partition_files.h"
#include "log/producers.h"
#include "log/recovery.h"
#include "log/segment.h"
#include "log/watermark.h"
#include "record/validate.h"

namespace sluice::log {
namespace {

/// Whether what failed before anything was synced may succeed later.
bool may_pass(const Error& error) {
  return error.code == Code::no_space || error.code == Code::exhausted;
}

}  // namespace

PartitionLog::PartitionLog(env::FileSystem& fs, std::string dir, TopicPartition id, const LogOptions& options)
    : fs_(fs),
      dir_(std::move(dir)),
      id_(std::move(id)),
      options_(options),
      producers_(std::make_unique<ProducerTable>()) {}

PartitionLog::~PartitionLog() {
  forget_unjournaled();
  if (clean_gate_ != nullptr) clean_gate_->close();
}

Result<std::unique_ptr<PartitionLog>> PartitionLog::create(env::FileSystem& fs, const std::string& data_dir,
                                                           const TopicPartition& id, Uuid topic_id,
                                                           const LogOptions& options) {
  SLUICE_TRY(check_topic_name(id.topic));
  SLUICE_TRY(make_partition_dir(fs, data_dir, id, topic_id));
  return open(fs, data_dir, id, options, {.clean = true, .recovery_point = Offset{0}, .now_ms = 0});
}

Result<std::unique_ptr<PartitionLog>> PartitionLog::open(env::FileSystem& fs, const std::string& data_dir,
                                                         const TopicPartition& id, const LogOptions& options,
                                                         const OpenHints& hints) {
  std::unique_ptr<PartitionLog> log{new PartitionLog{fs, env::join(data_dir, dir_name(id)), id, options}};
  Recovery recovery{*log, hints};
  if (Result<void> recovered = recovery.run(); !recovered) {
    return std::unexpected(std::move(recovered.error()).in(fmt::format("{} was not opened", log->name())));
  }
  return log;
}

std::unexpected<Error> PartitionLog::refused(Error error) const {
  if (error.kafka_error == 0) error.kafka_error = record::kafka_error::kafka_storage_error;
  return std::unexpected(std::move(error).in(fmt::format("nothing was written to {}", name())));
}

std::unexpected<Error> PartitionLog::poison(Error error) {
  if (!poisoned_) {  // X13: the first reason stays, and nothing after it counts
    poisoned_ = std::move(error)
                    .in(fmt::format("{} takes no more records", name()))
                    .hinting("see to the disk, then start the broker again: it keeps what was acknowledged");
    poisoned_->kafka_error = record::kafka_error::kafka_storage_error;
  }
  return std::unexpected(*poisoned_);
}

Result<void> PartitionLog::refuse_writes() const {
  if (poisoned_) return std::unexpected(*poisoned_);
  if (halted_) return std::unexpected(*halted_);
  return {};
}

Result<Appended> PartitionLog::append(MutableBytes batch, LeaderEpoch epoch, Now now, Origin origin) {
  SLUICE_TRY(refuse_writes());
  const record::BatchView view = SLUICE_TRY(record::BatchView::parse(batch));
  BatchHead head = head_of(view);
  if (head.bytes != batch.size()) {
    return refused(
        {Code::corrupt, "the bytes are not exactly one batch", {}, record::kafka_error::corrupt_message});
  }
  if (head.bytes > segment_bytes_max()) {
    return refused({Code::limit_exceeded,
                    fmt::format("a batch of {} bytes is larger than segment.bytes {}", head.bytes,
                                options_.segment_bytes_max),
                    {},
                    record::kafka_error::record_list_too_large});
  }
  if (head.is_control) {
    return refused({Code::invalid_argument,
                    "a control batch cannot be appended like records",
                    {},
                    record::kafka_error::invalid_record});
  }
  if (head.has_producer()) {
    const std::optional<OffsetRange> before = SLUICE_TRY(producers_->check(head, origin));
    if (before) return Appended{*before, true, record::no_timestamp};
  }
  SLUICE_TRY(store(batch, head, epoch, now.age_ms));
  if (head.has_producer()) producers_->note(head, now.age_ms);
  return Appended{head.range, false,
                  view.is_log_append_time() ? view.max_timestamp_ms() : record::no_timestamp};
}

/// Puts a batch that may be appended at the log's end. `head` gets its offsets.
Result<void> PartitionLog::store(MutableBytes batch, BatchHead& head, LeaderEpoch epoch,
                                 std::int64_t now_ms) {
  if (head.range.count() > std::numeric_limits<std::int64_t>::max() - log_end_.value) {
    return refused(
        {Code::limit_exceeded, fmt::format("no offsets are left after {}", log_end_.value), {}, 0});
  }
  SLUICE_TRY(note_epoch(epoch));
  head.range = {log_end_, log_end_ + head.range.count()};
  head.leader_epoch = epoch;
  SLUICE_TRY(make_room(head, now_ms));
  record::patch_base_offset(batch, head.range.begin);
  record::patch_leader_epoch(batch, epoch);
  return write_batch(head, batch, now_ms);
}

Result<void> PartitionLog::write_batch(const BatchHead& head, BytesView batch, std::int64_t now_ms) {
  SLUICE_TRY(write(batch));
  Segment& segment = active();
  if (segment.empty()) segment.first_append_ms = now_ms;
  segment.last_append_ms = now_ms;
  places_[0] = {head.range.begin, segment.base(), segment.bytes()};
  segment.note(head, options_.index_interval_bytes);
  log_end_ = head.range.end;
  keep_for_journal(batch);
  return {};
}

Result<bool> PartitionLog::append_replayed(BytesView batch, std::int64_t now_ms) {
  SLUICE_TRY(refuse_writes());
  const record::BatchView view = SLUICE_TRY(record::BatchView::parse(batch));
  const BatchHead head = head_of(view);
  if (head.range.end <= log_end_) return false;
  if (head.range.begin != log_end_ || head.bytes != batch.size()) {
    return std::unexpected(
        Error{Code::corrupt,
              fmt::format("{} ends at offset {}, but the journal goes on with [{}, {})", name(),
                          log_end_.value, head.range.begin.value, head.range.end.value),
              {},
              record::kafka_error::kafka_storage_error});
  }
  SLUICE_TRY(note_epoch(head.leader_epoch));
  SLUICE_TRY(make_room(head, now_ms));
  std::optional<record::ControlMarker> marker;
  if (head.is_control) marker = SLUICE_TRY(record::parse_control(view));
  SLUICE_TRY(write_batch(head, batch, now_ms));
  if (head.has_producer()) note_stored(head, marker, now_ms, *producers_, &active().txns());
  return true;
}

// Writes through to the operating system. A part of a batch that a full disk left is cut off again, so that
// the file ends with a whole batch whenever the log goes on.
Result<void> PartitionLog::write(BytesView batch) {
  Segment& segment = active();
  Result<void> written = segment.file()->write_at(segment.bytes(), batch);
  if (written) return {};
  Result<void> trimmed = segment.trim();
  if (!trimmed) return poison(std::move(trimmed.error()));
  if (written.error().code != Code::no_space) return poison(std::move(written.error()));
  return refused(std::move(written.error()).hinting("free disk space: appends succeed again by themselves"));
}

Result<void> PartitionLog::note_epoch(LeaderEpoch epoch) {
  const std::optional<EpochStart> last = epochs_.last();
  if (last && last->epoch == epoch) return {};
  if (epoch.value < 0 || !epochs_.accepts(epoch)) {
    return refused(
        {Code::invalid_argument,
         fmt::format("leader epoch {} is older than {}", epoch.value, last ? last->epoch.value : 0),
         {},
         0});
  }
  Epochs grown = epochs_;
  grown.begin_epoch(epoch, log_end_);
  Result<void> written = write_epochs(fs_, dir_, grown);
  // A sync of the directory that failed may have lost the names of new segments with it (X13).
  if (!written && (dir_dirty_ ? written.error().code != Code::exhausted : !may_pass(written.error())))
    return poison(std::move(written.error()));
  if (!written) return refused(std::move(written.error()));
  epochs_ = std::move(grown);
  epochs_dirty_ = false;
  return {};
}

Result<void> PartitionLog::make_room(const BatchHead& batch, std::int64_t now_ms) {
  const Segment& segment = active();
  if (segment.empty() && batch.range.begin == segment.base()) return {};
  const bool full = segment.bytes() + batch.bytes > segment_bytes_max();
  const bool old = now_ms - segment.first_append_ms > segment_ms_max(segment);
  const bool far = batch.last_offset() - segment.base() > std::numeric_limits<std::int32_t>::max();
  if (full || old || far || segment.indexes().full(options_.segment_index_bytes_max)) return roll(now_ms);
  return {};
}

Result<void> PartitionLog::roll(std::int64_t now_ms) {
  SLUICE_TRY(refuse_writes());
  if (active().empty()) return {};
  if (Result<void> sealed = seal_active(now_ms); !sealed) {
    if (may_pass(sealed.error())) return refused(std::move(sealed.error()));
    return poison(std::move(sealed.error()));
  }
  return {};
}

// Every step may fail and be tried again: the new segment counts only when all of them are done.
Result<void> PartitionLog::seal_active(std::int64_t now_ms) {
  Segment& segment = active();
  SLUICE_TRY(segment.indexes().persist(fs_));
  std::vector<SyncJob::Part> parts{{segment.file(), segment.path()}};
  std::vector<std::string> paths{segment.indexes().offset_path(), segment.indexes().time_path()};
  if (SLUICE_TRY(segment.txns().persist(fs_))) paths.push_back(segment.txns().path());
  for (const std::string& path : paths) {
    parts.push_back({SLUICE_TRY(fs_.open(path, env::OpenMode::read_write)), path});
  }
  dir_dirty_ = true;  // before the names are made: what failed half-way may have made some
  std::unique_ptr<Segment> next = SLUICE_TRY(Segment::create(fs_, dir_, log_end_));
  producers_->expire(now_ms, options_.producer_expiration_ms);
  SLUICE_TRY(write_snapshot(log_end_, segment.last_append_ms, false));
  sealed_.insert(sealed_.end(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
  if (segments_.size() > 1 && indexed_ != nullptr) indexed_->indexes().unload();
  indexed_ = &segment;
  next->first_append_ms = next->last_append_ms = now_ms;
  segments_.push_back(std::move(next));
  drop_stray_snapshots();
  return {};
}

// A snapshot only spares reading the log, so a full disk may do without one.
Result<void> PartitionLog::write_snapshot(Offset at, std::int64_t taken_ms, bool sync) {
  const std::string path = env::join(dir_, file_name(at, snapshot_suffix));
  const bool ends_before = active().empty() && segments_.size() > 1;  // at the end of the segment before
  const Segment& segment = ends_before ? *segments_[segments_.size() - 2] : active();
  const Bytes content = producers_->snapshot(taken_ms, segment.txns().digest());
  const auto write_file = [&]() -> Result<void> {
    std::shared_ptr<env::File> file = SLUICE_TRY(fs_.open(path, env::OpenMode::create_truncate));
    SLUICE_TRY(file->write_at(0, content));
    if (sync) return file->sync();
    sealed_.push_back({std::move(file), path});
    return {};
  };
  dir_dirty_ = true;
  Result<void> written = write_file();
  if (!written && written.error().code != Code::no_space) return written;
  if (written && !std::ranges::binary_search(snapshots_, at)) {
    snapshots_.insert(std::ranges::upper_bound(snapshots_, at), at);
  }
  return {};
}

// Those at the base of a segment, and the newest one, are of use. One that cannot be removed does no harm.
void PartitionLog::drop_stray_snapshots() {
  std::erase_if(snapshots_, [&](Offset at) {
    const bool of_use = at == snapshots_.back() || std::ranges::any_of(segments_, [&](const auto& segment) {
                          return segment->base() == at;
                        });
    return !of_use && fs_.remove_file(env::join(dir_, file_name(at, snapshot_suffix))).has_value();
  });
}

std::optional<LeaderEpoch> PartitionLog::last_epoch() const {
  const std::optional<EpochStart> last = epochs_.last();
  return last ? std::optional{last->epoch} : std::nullopt;
}

/// Positions are 31 bits.
std::uint64_t PartitionLog::segment_bytes_max() const {
  return std::min<std::uint64_t>(options_.segment_bytes_max, std::numeric_limits<std::int32_t>::max());
}

/// segment.ms less a jitter that is the segment's own and the same after a restart, so that partitions that
/// were made together do not all roll at once.
std::int64_t PartitionLog::segment_ms_max(const Segment& segment) const {
  const std::int64_t jitter_max = std::min(options_.segment_jitter_ms, options_.segment_ms_max);
  if (jitter_max <= 0) return options_.segment_ms_max;
  std::uint64_t mixed = topic_id_.low ^ topic_id_.high ^ static_cast<std::uint64_t>(segment.base().value);
  mixed =
      (mixed + static_cast<std::uint64_t>(id_.partition.value)) * 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio
  return options_.segment_ms_max -
         static_cast<std::int64_t>((mixed >> 1) % static_cast<std::uint64_t>(jitter_max));
}

std::uint64_t PartitionLog::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& segment : segments_) sum += segment->bytes();
  return sum;
}

Offset PartitionLog::retention_start(const RetentionRules& rules, Now now) const {
  Offset start = log_start_;
  std::uint64_t left = bytes();
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = *segments_[i];
    const bool is_active = i + 1 == segments_.size();
    if (is_active && segment.empty()) break;
    const std::int64_t largest = segment.indexes().max_timestamp_ms();
    const std::int64_t age_ms =
        rules.by_record_time && largest >= 0 ? now.wall_ms - largest : now.age_ms - segment.last_append_ms;
    const bool old = rules.ms >= 0 && age_ms > rules.ms;
    const bool beyond = rules.bytes >= 0 && left - segment.bytes() >= static_cast<std::uint64_t>(rules.bytes);
    const Offset end = is_active ? log_end_ : segments_[i + 1]->base();
    if (!(old || beyond) || end > durable_end_) break;
    left -= segment.bytes();
    start = std::max(start, end);
  }
  return start;
}

// ---- the log start ----

Result<void> AdvanceJob::run() const {
  // The files that stay must be found again once those below the start are gone, and the new start must be
  // known before any of them goes (A14).
  SLUICE_TRY(fs_->sync_dir(dir_));
  return watermark_->store_log_start(start_);
}

Result<AdvanceJob> PartitionLog::begin_advance(Offset start) {
  SLUICE_TRY(refuse_writes());
  if (start > durable_end_) {
    return std::unexpected(Error{Code::out_of_range,
                                 fmt::format("the start of {} was not moved to {}: its high watermark is {}",
                                             name(), start.value, durable_end_.value),
                                 {},
                                 record::kafka_error::offset_out_of_range});
  }
  // Where the journal alone has what lies below the new start, a recovery would find a log that ends before
  // it begins.
  if (start > synced_end_) {
    return std::unexpected(
        Error{Code::conflict,
              fmt::format("the start of {} was not moved to {}: its segments are being synced", name(),
                          start.value),
              "try again", record::kafka_error::kafka_storage_error});
  }
  AdvanceJob job;
  job.fs_ = &fs_;
  job.dir_ = dir_;
  job.watermark_ = watermark_;
  job.start_ = start;
  return job;
}

Result<void> PartitionLog::finish_advance(const AdvanceJob& job, const Result<void>& done) {
  if (!done && done.error().code == Code::exhausted) return refused(done.error());
  if (!done) return poison(done.error());
  SLUICE_TRY(refuse_writes());
  if (job.start() <= log_start_) return {};
  log_start_ = job.start();
  if (epochs_.start_at(log_start_)) epochs_dirty_ = true;  // opening the log would do the same
  drop_segments_below_start();
  return {};
}

Result<void> PartitionLog::advance_log_start(Offset start) {
  SLUICE_TRY(refuse_writes());
  if (start <= log_start_) return {};
  if (start > synced_end_ && start <= durable_end_) SLUICE_TRY(sync());
  const AdvanceJob job = SLUICE_TRY(begin_advance(start));
  return finish_advance(job, job.run());
}

/// What the log start cut off of the epochs since the file was written.
Result<void> PartitionLog::store_epochs() {
  if (!epochs_dirty_) return {};
  SLUICE_TRY(write_epochs(fs_, dir_, epochs_));
  epochs_dirty_ = false;
  return {};
}

void PartitionLog::drop_segments_below_start() {
  std::size_t dropped = 0;
  while (dropped + 1 < segments_.size() && segments_[dropped + 1]->base() <= log_start_) {
    const Segment* const segment = segments_[dropped++].get();
    if (indexed_ == segment) indexed_ = nullptr;
    if (cleaned_ == segment) cleaned_ = nullptr;
    dropped_.push_back(segment->base());
  }
  // Closed before they are removed, so that the room is given back on the thread that removes them.
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(dropped));
  if (dropped == 0) return;
  drop_stray_snapshots();
  if (clean_gate_ == nullptr) remove_dropped();  // else their names may be the job's
}

}  // namespace sluice::log
