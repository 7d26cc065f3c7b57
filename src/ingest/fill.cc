#include "ingest/fill.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lake/hashes.h"
#include "record/records.h"

namespace sluice::ingest {

Fill::Fill(const FillPlan& plan, Offset begin, Offset limit, Before before, Uuid nonce)
    : plan_(plan), begin_(begin), limit_(limit), nonce_(nonce), next_(begin), last_(std::move(before)) {}

std::string Fill::temporary_prefix() const {
  return fmt::format("{}/{}-{}", table::temporaries_dir(plan_.chain()), table::padded(begin_),
                     to_string(nonce_));
}

Result<void> Fill::open_writer() {
  if (writer_) return {};
  SLUICE_TRY(plan_.store->make_dir(table::temporaries_dir(plan_.chain())));
  const lake::RangeIds ids{plan_.topic.cluster_id, plan_.topic.topic, plan_.topic.topic_id, plan_.partition,
                           plan_.schema_version};
  writer_ =
      SLUICE_TRY(lake::RangeWriter::create(plan_.store->files(), plan_.store->path(temporary_prefix()), ids,
                                           plan_.schema, plan_.partitioning, plan_.writer, begin_));
  return {};
}

Result<void> Fill::take_missing(Offset until) {
  until = std::min(until, limit_);
  if (until <= next_) return {};
  if (!plan_.topic.compacted) {
    return base::fail(
        Code::corrupt,
        fmt::format(
            "{}-{}: offsets [{},{}) were not ingested: the topic does not have them, and it is not compacted",
            plan_.topic.topic, plan_.partition.value, next_.value, until.value),
        "look at the topic with sluice consume; nothing after them was committed");
  }
  counts_.compacted += until - next_;
  next_ = until;
  return {};
}

Result<Fill::Taken> Fill::take(const Piece& piece, record::Decompressor& decompressor) {
  const Offset end = std::min(piece.range.end, limit_);
  if (end <= next_) return next_ >= limit_ ? Taken::full : Taken::all;
  if (piece.range.begin > next_) SLUICE_TRY(take_missing(piece.range.begin));
  switch (piece.kind) {
    case Piece::Kind::records: {
      const Taken taken = SLUICE_TRY(take_records(piece, decompressor));
      if (taken == Taken::full) return taken;
      break;
    }
    case Piece::Kind::control:
      counts_.control += end - next_;
      next_ = end;
      break;
    case Piece::Kind::aborted:
      counts_.aborted += end - next_;
      next_ = end;
      break;
    case Piece::Kind::missing:
      SLUICE_TRY(take_missing(end));
      break;
  }
  if (piece.kind != Piece::Kind::missing) last_.leader_epoch = piece.leader_epoch;
  return next_ >= limit_ ? Taken::full : Taken::all;
}

Result<Fill::Taken> Fill::take_records(const Piece& piece, record::Decompressor& decompressor) {
  const auto batch = SLUICE_TRY(record::BatchView::parse(piece.batch));
  const BytesView bytes = SLUICE_TRY(decompressor.records(batch));
  SLUICE_TRY(open_writer());
  const Offset base = batch.base_offset();
  const Offset end = std::min(piece.range.end, limit_);
  const std::int64_t records_max = plan_.records_max;
  std::int32_t delta_before = -1;
  Result<void> problem;
  bool full = false;
  std::optional<record::RecordView> last;  // borrowed from `bytes`
  const auto add = [&](const record::RecordView& view) -> bool {
    if (view.offset_delta <= delta_before || view.offset_delta > batch.last_offset_delta()) {
      problem = base::fail(Code::corrupt, fmt::format("a record with offset delta {} follows {}",
                                                      view.offset_delta, delta_before));
      return false;
    }
    delta_before = view.offset_delta;
    const Offset offset = base + view.offset_delta;
    if (offset < next_) return true;
    if (offset >= end) return false;
    full = records_max > 0 && records_ >= records_max;
    if (full) return false;
    if (offset > next_) {
      problem = take_missing(offset);
      if (!problem) return false;
    }
    const lake::Record record{offset,       batch.timestamp_ms(view.timestamp_delta),
                              view.key,     view.value,
                              view.headers, view.headers_count};
    const auto added = writer_->add(record);
    if (!added) {
      is_spent_ = true;
      problem = std::unexpected(added.error());
    }
    if (!added || (full = *added == lake::RangeWriter::Added::full)) return false;
    next_ = offset + 1;
    ++records_;
    last = view;
    return true;
  };
  Result<void> walked = record::for_each_record(bytes, batch.records_count(), add);
  if (!problem) walked = std::move(problem);
  if (!walked) {
    return std::unexpected(
        std::move(walked.error())
            .in(fmt::format("{}-{}: the batch at [{},{}) was not ingested", plan_.topic.topic,
                            plan_.partition.value, batch.base_offset().value, batch.end_offset().value)));
  }
  if (last) {
    const Offset offset = base + last->offset_delta;
    const std::int64_t timestamp_ms = batch.timestamp_ms(last->timestamp_delta);
    last_.last_record =
        table::LastRecord{offset, timestamp_ms, lake::raw_hash(offset, timestamp_ms, last->key, last->value)};
    last_.leader_epoch = piece.leader_epoch;
  }
  if (full) return Taken::full;
  SLUICE_TRY(take_missing(end));  // offsets at the end of a batch whose records compaction took
  return Taken::all;
}

std::string Fill::name_of(const std::string& path) const {
  const std::string root = plan_.store->path("") + "/";
  return path.starts_with(root) ? path.substr(root.size()) : path;
}

Result<void> Fill::add_files(const lake::FinishedRange& finished, table::CommitObject& object) const {
  std::map<std::string, int> in_dir;
  for (const lake::DataFile& file : finished.files) {
    const int number = in_dir[file.hive_dir]++;
    object.files.push_back({table::FileKind::rows,
                            table::data_file_name(file.hive_dir, plan_.chain(), object.range, number),
                            name_of(file.temp_path), file.bytes, file.rows, file.logical_hash});
  }
  if (finished.quarantine) {
    object.files.push_back({table::FileKind::quarantine,
                            table::quarantine_file_name(plan_.chain(), object.range),
                            name_of(finished.quarantine->temp_path), finished.quarantine->bytes,
                            finished.quarantine->records, finished.quarantine->hash});
  }
  if (!object.files.empty()) SLUICE_TRY(plan_.store->sync_names(table::temporaries_dir(plan_.chain())));
  return {};
}

Result<table::CommitObject> Fill::finish(std::int64_t now_ms) {
  is_spent_ = true;
  table::CommitObject object;
  object.nonce = nonce_;
  object.written_at_ms = now_ms;
  object.writer = "sluice " SLUICE_VERSION;
  object.cluster_id = plan_.topic.cluster_id;
  object.topic = plan_.topic.topic;
  object.topic_id = plan_.topic.topic_id;
  object.partition = plan_.partition;
  object.range = {begin_, next_};
  object.leader_epoch = last_.leader_epoch;
  object.last_record = last_.last_record;
  object.partition_by = plan_.partitioning.to_strings();
  object.counts = counts_;
  if (writer_) {
    const lake::FinishedRange finished = SLUICE_TRY(writer_->finish(next_));
    object.counts.rows = finished.rows;
    object.counts.quarantined = finished.quarantined;
    object.raw_hash = finished.raw_hash;
    SLUICE_TRY(add_files(finished, object));
  }
  object.schema_version = object.counts.rows > 0 || object.counts.quarantined > 0 ? plan_.schema_version : 0;
  SLUICE_TRY(table::check(object));  // X9 above all: every offset of the range is in one count
  return object;
}

void Fill::discard() {
  writer_.reset();
  const std::string dir = table::temporaries_dir(plan_.chain());
  const std::string prefix = temporary_prefix().substr(dir.size() + 1);
  const auto names = plan_.store->list(dir);
  if (!names) return;  // what stays is swept later (X3)
  for (const std::string& name : *names) {
    if (name.starts_with(prefix)) static_cast<void>(plan_.store->remove_temporary(dir + "/" + name));
  }
}

}  // namespace sluice::ingest
