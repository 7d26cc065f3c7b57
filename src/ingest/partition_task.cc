#include "ingest/partition_task.h"

#include <fmt/format.h>

#include <limits>

#include "ingest/continuity.h"

namespace sluice::ingest {
namespace {

constexpr Offset no_limit{std::numeric_limits<std::int64_t>::max()};

FillPlan plan_of(const Job& job, PartitionId partition, const lake::WriterOptions& writer) {
  FillPlan plan;
  plan.store = job.store;
  plan.topic = job.topic;
  plan.partition = partition;
  plan.schema_version = job.schema_version;
  plan.schema = job.schema;
  plan.partitioning = job.partitioning;
  plan.writer = writer;
  plan.records_max = job.options.roll_records;
  return plan;
}

Before before_of(const table::CommitObject* object) {
  if (object == nullptr) return {};
  return {object->leader_epoch, object->last_record};
}

}  // namespace

PartitionTask::PartitionTask(const Job& job, PartitionId partition, Source& source,
                             const lake::WriterOptions& writer, const std::atomic<bool>& stop)
    : job_(job),
      source_(source),
      stop_(stop),
      plan_(plan_of(job, partition, writer)),
      log_(*job.store, plan_.chain(), job.topic.cluster_id),
      content_(job.env, plan_, job.make_source, job.options.unreachable_max) {
  const auto index = static_cast<std::size_t>(partition.value);
  // A partition that the topic got later starts at its first offset, 0 (X2).
  if (index < job.descriptor.starts.size()) start_ = job.descriptor.starts[index];
}

Offset PartitionTask::position() const {
  return log_.started() ? log_.end() : start_;
}

void PartitionTask::notice(const std::string& text) {
  if (job_.observer != nullptr) job_.observer->on_notice(plan_.partition, text);
}

Result<void> PartitionTask::open() {
  SLUICE_TRY(log_.open());
  SLUICE_TRY(settle());
  const std::int64_t swept = SLUICE_TRY(table::sweep(*job_.store, log_));
  if (swept > 0) notice(fmt::format("removed {} temporary files that can no longer be committed", swept));
  bounds_ = SLUICE_TRY(source_.bounds(plan_.partition));
  if (position() < bounds_.log_start && job_.options.accept_gap) SLUICE_TRY(start_after_gap(bounds_));
  // By a source of its own: what source_ has fetched for this thread's other partitions must not be taken
  // away.
  const auto witness = SLUICE_TRY(job_.make_source());
  SLUICE_TRY(check_continuity(*witness, plan_, bounds_, position(), before_of(log_.last()), *job_.env.clock,
                              job_.options.unreachable_max));
  if (job_.options.until_end) target_ = bounds_.stable_end;
  start_fill(position());
  return source_.assign(plan_.partition, position(), fill_->last().leader_epoch);
}

/// Finishes every commit since the last checkpoint, whoever made it.
Result<void> PartitionTask::settle() {
  for (const table::CommitObject& object : log_.tail()) {
    if (object.range.begin < published_) continue;
    const auto report = SLUICE_TRY(table::publish(*job_.store, object, content_, false));
    published_ = object.range.end;
    if (report.published + report.rebuilt == 0) continue;
    summary_.recovered += report.published + report.rebuilt;
    notice(fmt::format(
        "finished the commit of offsets [{},{}): {} files from their temporary ones, {} read again",
        object.range.begin.value, object.range.end.value, report.published, report.rebuilt));
  }
  return {};
}

Result<void> PartitionTask::start_after_gap(const Bounds& bounds) {
  table::CommitObject gap;
  gap.kind = table::CommitKind::gap;
  gap.nonce = job_.env.random->next_uuid();
  gap.written_at_ms = job_.env.clock->wall_ms();
  gap.writer = "sluice " SLUICE_VERSION;
  gap.cluster_id = plan_.topic.cluster_id;
  gap.topic = plan_.topic.topic;
  gap.topic_id = plan_.topic.topic_id;
  gap.partition = plan_.partition;
  gap.range = {position(), bounds.log_start};
  const Before before = before_of(log_.last());
  gap.leader_epoch = before.leader_epoch;
  gap.last_record = before.last_record;
  gap.partition_by = plan_.partitioning.to_strings();
  gap.counts.lost = gap.range.count();
  if (SLUICE_TRY(log_.commit(gap)) == table::CommitOutcome::refused) return {};  // another worker decided
  summary_.lost += gap.range.count();
  notice(fmt::format("recorded as lost, as --accept-gap says: offsets [{},{})", gap.range.begin.value,
                     gap.range.end.value));
  return {};
}

void PartitionTask::start_fill(Offset begin) {
  fill_ =
      std::make_unique<Fill>(plan_, begin, no_limit, before_of(log_.last()), job_.env.random->next_uuid());
  fill_began_ = job_.env.clock->now();
}

Result<void> PartitionTask::feed(const Polled& polled) {
  bounds_ = polled.bounds;
  Result<void> fed = feed_pieces(polled);
  if (fed) fed = polled.result;
  if (fed || must_seek_ || fill_->empty() || fill_->is_spent()) return fed;
  // The partition halts, maybe because the topic drops its records: what was read before that is committed
  // first.
  Result<void> saved = commit_fill();
  if (!saved) notice("what was read before the halt was not committed: " + saved.error().message);
  return fed;
}

Result<void> PartitionTask::feed_pieces(const Polled& polled) {
  for (const Piece& piece : polled.pieces) {
    if (must_seek_ || stop_.load(std::memory_order_relaxed)) return {};  // what comes is not wanted any more
    if (fill_->empty()) fill_began_ = job_.env.clock->now();
    while (SLUICE_TRY(fill_->take(piece, decompressor_)) == Fill::Taken::full) {
      if (fill_->empty()) {
        return base::fail(
            Code::limit_exceeded,
            fmt::format("{}-{}: the record at offset {} was not ingested: it does not fit into the "
                        "memory of one range",
                        plan_.topic.topic, plan_.partition.value, fill_->next().value),
            "raise --memory-max");
      }
      SLUICE_TRY(commit_fill());
      if (must_seek_ || stop_.load(std::memory_order_relaxed)) return {};
    }
    const bool full =
        fill_->bytes_estimate() >= job_.options.roll_bytes || fill_->records() >= job_.options.roll_records;
    if (full) SLUICE_TRY(commit_fill());
  }
  return {};
}

Result<void> PartitionTask::tick(env::Instant now) {
  if (!must_seek_ && !fill_->empty()) {
    const bool at_target = target_ && fill_->next() >= *target_;
    if (at_target || now - fill_began_ >= job_.options.roll_interval) SLUICE_TRY(commit_fill());
  }
  if (done()) {
    // Others may have died over commits of theirs; whoever leaves last leaves the table whole.
    SLUICE_TRY(settle());
    source_.revoke(plan_.partition);
    return {};
  }
  if (!must_seek_) return {};
  must_seek_ = false;
  return source_.assign(plan_.partition, fill_->next(), fill_->last().leader_epoch);
}

Result<void> PartitionTask::commit_fill() {
  const table::CommitObject object = SLUICE_TRY(fill_->finish(job_.env.clock->wall_ms()));
  SLUICE_TRY(settle());
  const table::CommitOutcome outcome = SLUICE_TRY(log_.commit(object));
  return outcome == table::CommitOutcome::committed ? committed(object) : refused();
}

Result<void> PartitionTask::committed(const table::CommitObject& object) {
  SLUICE_TRY(table::publish(*job_.store, object, content_, true));
  published_ = object.range.end;
  ++summary_.commits;
  summary_.rows += object.counts.rows;
  summary_.quarantined += object.counts.quarantined;
  summary_.explained_gaps += object.counts.control + object.counts.aborted + object.counts.compacted;
  for (const table::CommitFile& file : object.files) summary_.bytes += file.bytes;
  bookmark();
  if (job_.observer != nullptr) job_.observer->on_commit(object);
  SLUICE_TRY(checkpoint_if_due());
  // The chain may have grown beyond this object while its answer was lost.
  must_seek_ = log_.end() != object.range.end;
  start_fill(log_.end());
  return {};
}

Result<void> PartitionTask::refused() {
  ++summary_.races_lost;
  notice(fmt::format("another worker committed offsets from {} on first; going on at {}",
                     fill_->begin().value, log_.end().value));
  start_fill(log_.end());
  must_seek_ = true;
  // One's own files are among what can never be committed now.
  SLUICE_TRY(table::sweep(*job_.store, log_));
  return {};
}

Result<void> PartitionTask::checkpoint_if_due() {
  if (log_.tail().size() < job_.options.checkpoint_commits) return {};
  SLUICE_TRY(settle());
  SLUICE_TRY(log_.write_checkpoint());
  SLUICE_TRY(job_.store->sweep_puts());
  return {};
}

void PartitionTask::bookmark() {
  if (job_.positions == nullptr) return;
  const auto stored = job_.positions->advance({{{plan_.topic.topic, plan_.partition}, log_.end()}});
  // Only a hint (X1): another worker may hold the lock, and the commit log knows better anyway.
  if (!stored && stored.error().code != Code::conflict)
    notice("the position was not stored: " + stored.error().message);
}

void PartitionTask::stop() {
  if (fill_) fill_->discard();
  source_.revoke(plan_.partition);
}

Progress PartitionTask::progress() const {
  return {plan_.partition, bounds_.log_start, position(), fill_ ? fill_->next() : position(),
          bounds_.stable_end};
}

}  // namespace sluice::ingest
