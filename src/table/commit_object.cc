#include "table/commit_object.h"

#include <fmt/format.h>

#include <array>
#include <set>

#include "table/names.h"
#include "table/sealed_json.h"
#include "table/store.h"

namespace sluice::table {
namespace {

constexpr std::int64_t format_version = 1;
constexpr std::size_t text_bytes_max = 4096;
constexpr std::size_t partition_terms_max = 64;
constexpr std::string_view temporary_prefix = "_sluice/tmp/";

constexpr std::string_view kind_text(CommitKind kind) {
  return kind == CommitKind::data ? "data" : "gap";
}
constexpr std::string_view kind_text(FileKind kind) {
  return kind == FileKind::rows ? "rows" : "quarantine";
}

struct CountMember {
  const char* key;
  std::int64_t CommitCounts::* value;
};
constexpr std::array count_members = {
    CountMember{"rows", &CommitCounts::rows},         CountMember{"quarantined", &CommitCounts::quarantined},
    CountMember{"filtered", &CommitCounts::filtered}, CountMember{"control", &CommitCounts::control},
    CountMember{"aborted", &CommitCounts::aborted},   CountMember{"compacted", &CommitCounts::compacted},
    CountMember{"lost", &CommitCounts::lost},
};

std::unexpected<Error> wrong(const CommitObject& object, std::string_view what) {
  return base::fail(
      Code::corrupt,
      fmt::format("the commit object of partition {} offsets [{},{}) is not valid: {}",
                  object.partition.value, object.range.begin.value, object.range.end.value, what));
}

Result<void> check_texts(const CommitObject& object) {
  for (const std::string* text : {&object.writer, &object.cluster_id, &object.topic, &object.filter}) {
    if (!is_plain_text(*text, text_bytes_max)) return wrong(object, "a text is too long or not plain UTF-8");
  }
  if (object.cluster_id.empty() || object.topic.empty())
    return wrong(object, "it names no cluster or no topic");
  if (object.topic_id.is_zero() || object.nonce.is_zero())
    return wrong(object, "it has no topic id or no nonce");
  if (object.partition_by.size() > partition_terms_max) return wrong(object, "too many partition terms");
  for (const std::string& term : object.partition_by) {
    if (!is_plain_text(term, text_bytes_max)) return wrong(object, "a partition term is not plain UTF-8");
  }
  return {};
}

Result<void> check_counts(const CommitObject& object) {
  std::int64_t left = object.range.count();
  for (const CountMember& member : count_members) {
    const std::int64_t count = object.counts.*member.value;
    if (count < 0 || count > left)
      return wrong(object, "its counts exceed its range");  // so no sum overflows
    left -= count;
  }
  if (left != 0) return wrong(object, fmt::format("{} of its offsets are in no count", left));  // X9
  const bool is_gap = object.kind == CommitKind::gap;
  if (is_gap != (object.counts.lost != 0))
    return wrong(object, "lost offsets belong in a gap, and nothing else does");
  if (is_gap && object.counts.lost != object.range.count()) return wrong(object, "a gap has other counts");
  return {};
}

Result<void> check_files(const CommitObject& object) {
  if (object.files.size() > commit_files_max) return wrong(object, "it names too many files");
  std::int64_t rows = 0;
  std::int64_t quarantined = 0;
  std::set<std::string_view> names;
  for (const CommitFile& file : object.files) {
    const bool in_place = valid_name(file.name) && !file.name.starts_with(temporary_prefix) &&
                          valid_name(file.temporary) && file.temporary.starts_with(temporary_prefix);
    if (!in_place) return wrong(object, "a file's name leads out of its place");
    if (!names.insert(file.name).second || !names.insert(file.temporary).second) {
      return wrong(object, "two of its files have one name");
    }
    if (file.rows <= 0 || file.rows > object.range.count())
      return wrong(object, "a file has an impossible row count");
    (file.kind == FileKind::rows ? rows : quarantined) += file.rows;
  }
  if (rows != object.counts.rows || quarantined != object.counts.quarantined) {
    return wrong(object, "its files do not add up to its counts");
  }
  return {};
}

Json to_json(const CommitFile& file) {
  return {{"kind", kind_text(file.kind)}, {"name", file.name}, {"temporary", file.temporary},
          {"bytes", file.bytes},          {"rows", file.rows}, {"hash", hash_text(file.logical_hash)}};
}

Json to_json(const CommitObject& object) {
  Json json;
  json["format"] = format_version;
  json["kind"] = kind_text(object.kind);
  json["nonce"] = to_string(object.nonce);
  json["written_at_ms"] = object.written_at_ms;
  json["writer"] = object.writer;
  json["cluster_id"] = object.cluster_id;
  json["topic"] = object.topic;
  json["topic_id"] = to_string(object.topic_id);
  json["partition"] = object.partition.value;
  json["begin"] = object.range.begin.value;
  json["end"] = object.range.end.value;
  json["leader_epoch"] = object.leader_epoch.value;
  json["last_record"] = nullptr;
  if (object.last_record) {
    json["last_record"] = {{"offset", object.last_record->offset.value},
                           {"timestamp_ms", object.last_record->timestamp_ms},
                           {"fingerprint", hash_text(object.last_record->fingerprint)}};
  }
  json["schema_version"] = object.schema_version;
  json["partition_by"] = object.partition_by;
  json["filter"] = object.filter;
  for (const CountMember& member : count_members) json["counts"][member.key] = object.counts.*member.value;
  json["raw_hash"] = hash_text(object.raw_hash);
  json["files"] = Json::array();
  for (const CommitFile& file : object.files) json["files"].push_back(to_json(file));
  return json;
}

CommitFile file_from(const Json& json, bool& ok) {
  Members members{json};
  CommitFile file;
  const std::string kind = members.text("kind");
  if (kind != kind_text(FileKind::rows) && kind != kind_text(FileKind::quarantine)) members.fail();
  file.kind = kind == kind_text(FileKind::rows) ? FileKind::rows : FileKind::quarantine;
  file.name = members.text("name");
  file.temporary = members.text("temporary");
  const std::int64_t bytes = members.integer("bytes");
  if (bytes < 0) members.fail();
  file.bytes = static_cast<std::uint64_t>(bytes);
  file.rows = members.integer("rows");
  file.logical_hash = members.hash("hash");
  ok = ok && members.ok();
  return file;
}

std::optional<LastRecord> last_record_from(const Json* json, bool& ok) {
  if (json == nullptr) return std::nullopt;
  Members members{*json};
  LastRecord last{Offset{members.integer("offset")}, members.integer("timestamp_ms"),
                  members.hash("fingerprint")};
  ok = ok && members.ok();
  return last;
}

CommitCounts counts_from(const Json* json, bool& ok) {
  CommitCounts counts;
  if (json == nullptr) {
    ok = false;
    return counts;
  }
  Members members{*json};
  for (const CountMember& member : count_members) counts.*member.value = members.integer(member.key);
  ok = ok && members.ok();
  return counts;
}

bool from_json(const Json& json, CommitObject& object) {
  Members members{json};
  bool ok = members.integer("format") == format_version;
  const std::string kind = members.text("kind");
  ok = ok && (kind == kind_text(CommitKind::data) || kind == kind_text(CommitKind::gap));
  object.kind = kind == kind_text(CommitKind::gap) ? CommitKind::gap : CommitKind::data;
  object.nonce = members.uuid("nonce");
  object.written_at_ms = members.integer("written_at_ms");
  object.writer = members.text("writer");
  object.cluster_id = members.text("cluster_id");
  object.topic = members.text("topic");
  object.topic_id = members.uuid("topic_id");
  object.partition = PartitionId{members.integer32("partition")};
  object.range = {Offset{members.integer("begin")}, Offset{members.integer("end")}};
  object.leader_epoch = LeaderEpoch{members.integer32("leader_epoch")};
  object.last_record = last_record_from(members.object_or_null("last_record"), ok);
  object.schema_version = members.integer32("schema_version");
  object.partition_by = members.texts("partition_by");
  object.filter = members.text("filter");
  object.counts = counts_from(members.object_or_null("counts"), ok);
  object.raw_hash = members.hash("raw_hash");
  const Json& files = members.list("files");
  if (files.size() > commit_files_max) return false;
  for (const Json& file : files) object.files.push_back(file_from(file, ok));
  return ok && members.ok();
}

}  // namespace

Result<void> check(const CommitObject& object) {
  if (object.partition.value < 0) return wrong(object, "its partition is negative");
  if (object.range.begin < Offset{0} || object.range.empty())
    return wrong(object, "its range is empty or negative");
  if (object.last_record &&
      (object.last_record->offset < Offset{0} || object.last_record->offset >= object.range.end)) {
    return wrong(object, "its last record lies outside of it");
  }
  if (object.leader_epoch < LeaderEpoch{-1}) return wrong(object, "its leader epoch is below -1");
  if (object.schema_version < 0 || (object.counts.rows > 0 && object.schema_version == 0)) {
    return wrong(object, "it has rows and no schema version");
  }
  SLUICE_TRY(check_texts(object));
  SLUICE_TRY(check_counts(object));
  return check_files(object);
}

Result<Bytes> encode(const CommitObject& object) {
  SLUICE_TRY(check(object));
  Bytes bytes = seal(to_json(object));
  if (bytes.size() > commit_object_bytes_max) return wrong(object, "it is too large");
  return bytes;
}

Result<CommitObject> decode_commit_object(BytesView bytes) {
  if (bytes.size() > commit_object_bytes_max) {
    return base::fail(Code::limit_exceeded,
                      fmt::format("a commit object was not read: it has {} bytes", bytes.size()));
  }
  const Json json = SLUICE_TRY(unseal(bytes, "a commit object"));
  CommitObject object;
  if (!from_json(json, object)) {
    return base::fail(Code::corrupt,
                      "a commit object was not read: a member is missing or of another type or format");
  }
  SLUICE_TRY(check(object));
  const Bytes canonical = seal(to_json(object));
  if (as_text(canonical) != as_text(bytes)) {
    return base::fail(Code::corrupt,
                      "a commit object was not read: its text is not the one that its content has");
  }
  return object;
}

}  // namespace sluice::table
