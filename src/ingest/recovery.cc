#include "ingest/recovery.h"

#include <fmt/format.h>

#include <algorithm>

#include "lake/read_back.h"
#include "lake/xxh3.h"
#include "table/descriptor.h"

namespace sluice::ingest {
namespace {

constexpr std::size_t read_chunk_bytes = 1u << 20;
constexpr env::Duration poll_wait = std::chrono::milliseconds(200);

bool is_damage(const Error& error) {
  return error.code == Code::corrupt || error.code == Code::not_found;
}

std::string where(const table::CommitObject& object) {
  return fmt::format("{}-{}: the committed offsets [{},{})", object.topic, object.partition.value,
                     object.range.begin.value, object.range.end.value);
}

/// Whether `again` is what `object` recorded, names and attempts apart.
bool same_content(const table::CommitObject& object, const table::CommitObject& again) {
  if (again.raw_hash != object.raw_hash || again.counts != object.counts ||
      again.files.size() != object.files.size())
    return false;
  for (std::size_t i = 0; i < again.files.size(); ++i) {
    const table::CommitFile& a = object.files[i];
    const table::CommitFile& b = again.files[i];
    if (a.kind != b.kind || a.name != b.name || a.rows != b.rows || a.logical_hash != b.logical_hash)
      return false;
  }
  return true;
}

}  // namespace

LakeContent::LakeContent(const env::Env& env, const FillPlan& plan, const MakeSource& make_source,
                         env::Duration patience)
    : env_(env), plan_(plan), make_source_(make_source), patience_(patience) {}

Result<bool> LakeContent::holds(const std::string& name, const table::CommitFile& file) {
  const std::string path = plan_.store->path(name);
  if (file.kind == table::FileKind::quarantine) return holds_quarantine(path, file);
  const auto found = lake::read_back(plan_.store->files(), path);
  if (found) return found->rows == file.rows && found->logical_hash == file.logical_hash;
  if (is_damage(found.error())) return false;
  return std::unexpected(found.error());
}

Result<bool> LakeContent::holds_quarantine(const std::string& path, const table::CommitFile& file) {
  const auto opened = plan_.store->files().open(path, env::OpenMode::read);
  if (!opened) {
    if (is_damage(opened.error())) return false;
    return std::unexpected(opened.error());
  }
  lake::HashStream hash;
  Bytes chunk(read_chunk_bytes);
  for (std::uint64_t at = 0;;) {
    const std::size_t bytes = SLUICE_TRY((*opened)->read_at(at, chunk));
    hash.update(chunk.data(), bytes);
    at += bytes;
    if (bytes < chunk.size()) return at == file.bytes && hash.digest() == file.logical_hash;
  }
}

Result<FillPlan> LakeContent::plan_for(const table::CommitObject& object) const {
  FillPlan plan = plan_;
  plan.records_max = 0;
  plan.writer.memory_bytes_max = 0;  // a range that fitted once
  if (object.schema_version != 0 && object.schema_version != plan_.schema_version) {
    const auto text = SLUICE_TRY(table::read_schema(*plan_.store, object.schema_version));
    if (!text) {
      return base::fail(Code::corrupt, fmt::format("{} were not written again: schema version {} is missing",
                                                   where(object), object.schema_version));
    }
    plan.schema = std::make_shared<const lake::Schema>(SLUICE_TRY(lake::Schema::parse(*text)));
    plan.schema_version = object.schema_version;
  }
  plan.partitioning = SLUICE_TRY(lake::Partitioning::parse(object.partition_by, *plan.schema));
  return plan;
}

Result<void> LakeContent::refill(Fill& fill, const table::CommitObject& object) {
  const auto source = SLUICE_TRY(make_source_());
  const TopicInfo topic = SLUICE_TRY(source->describe());
  if (topic.topic_id != object.topic_id) {
    return base::fail(Code::conflict, fmt::format("the cluster's topic now has id {}, the table's had {}",
                                                  to_string(topic.topic_id), to_string(object.topic_id)));
  }
  SLUICE_TRY(source->assign(object.partition, object.range.begin, LeaderEpoch{-1}));
  record::Decompressor decompressor;
  env::Instant last_news = env_.clock->now();
  while (fill.next() < object.range.end) {
    const Offset before = fill.next();
    for (const Polled& polled : SLUICE_TRY(source->poll(poll_wait))) {
      if (polled.partition != object.partition) continue;
      for (const Piece& piece : polled.pieces) SLUICE_TRY(fill.take(piece, decompressor));
      if (!polled.result && fill.next() < object.range.end) return polled.result;
    }
    const env::Instant now = env_.clock->now();
    if (fill.next() != before) last_news = now;
    if (now - last_news > patience_) {
      return base::fail(Code::timed_out,
                        fmt::format("the topic gave nothing after offset {}", fill.next().value));
    }
  }
  return {};
}

Result<std::vector<std::string>> LakeContent::rebuild(const table::CommitObject& object) {
  const FillPlan plan = SLUICE_TRY(plan_for(object));
  Fill fill(plan, object.range.begin, object.range.end, {}, env_.random->next_uuid());
  Result<void> filled = refill(fill, object);
  if (!filled) {
    fill.discard();
    Error error =
        std::move(filled.error()).in(where(object) + " have lost their file and were not read again");
    return std::unexpected(std::move(error).hinting(
        "sluice audit run says what the table still holds; the partition stays halted"));
  }
  const table::CommitObject again = SLUICE_TRY(fill.finish(object.written_at_ms));
  if (!same_content(object, again)) {
    fill.discard();
    return base::fail(
        Code::corrupt,
        where(object) +
            " have lost their file and were not written again: the topic now has other records there "
            "(compacted since, or another topic's content)",
        "sluice audit run says what the table still holds; the partition stays halted");
  }
  std::vector<std::string> names;
  for (const table::CommitFile& file : again.files) names.push_back(file.temporary);
  return names;
}

}  // namespace sluice::ingest
