#include "table/checkpoint.h"

#include <fmt/format.h>

#include "table/sealed_json.h"

namespace sluice::table {
namespace {

constexpr std::int64_t format_version = 1;
constexpr std::size_t cluster_id_bytes_max = 4096;

std::unexpected<Error> wrong(std::string_view what) {
  return base::fail(Code::corrupt, fmt::format("a checkpoint is not valid: {}", what));
}

bool counts_are_sound(const CommitCounts& c, std::int64_t records) {
  std::int64_t left = records;
  for (const std::int64_t count :
       {c.rows, c.quarantined, c.filtered, c.control, c.aborted, c.compacted, c.lost}) {
    if (count < 0 || count > left) return false;
    left -= count;
  }
  return left == 0;
}

Result<void> check(const Checkpoint& checkpoint) {
  if (checkpoint.cluster_id.empty() || !is_plain_text(checkpoint.cluster_id, cluster_id_bytes_max)) {
    return wrong("its cluster id is not plain text");
  }
  if (checkpoint.topic_id.is_zero() || checkpoint.partition.value < 0) return wrong("it names no partition");
  if (checkpoint.start < Offset{0} || checkpoint.end <= checkpoint.start) return wrong("it covers nothing");
  if (checkpoint.ranges.empty() || checkpoint.ranges.size() > checkpoint_ranges_max)
    return wrong("it lists no ranges, or too many");
  Offset at = checkpoint.previous_end.value_or(checkpoint.start);
  if (at < checkpoint.start) return wrong("the one before it ends before the chain begins");
  for (const OffsetRange& range : checkpoint.ranges) {
    if (range.begin != at || range.empty()) return wrong("its ranges do not follow each other");
    at = range.end;
  }
  if (at != checkpoint.end) return wrong("its ranges do not reach its end");
  if (checkpoint.commits < static_cast<std::int64_t>(checkpoint.ranges.size()))
    return wrong("it counts too few objects");
  if (!counts_are_sound(checkpoint.counts, checkpoint.end - checkpoint.start))
    return wrong("its counts are not those of its range");
  return {};
}

Json to_json(const Checkpoint& c) {
  Json json;
  json["format"] = format_version;
  json["cluster_id"] = c.cluster_id;
  json["topic_id"] = to_string(c.topic_id);
  json["partition"] = c.partition.value;
  json["start"] = c.start.value;
  json["end"] = c.end.value;
  json["previous_end"] = c.previous_end ? c.previous_end->value : -1;
  json["commits"] = c.commits;
  json["counts"] = {{"rows", c.counts.rows},         {"quarantined", c.counts.quarantined},
                    {"filtered", c.counts.filtered}, {"control", c.counts.control},
                    {"aborted", c.counts.aborted},   {"compacted", c.counts.compacted},
                    {"lost", c.counts.lost}};
  json["ends"] = Json::array();
  for (const OffsetRange& range : c.ranges) json["ends"].push_back(range.end.value);
  return json;
}

bool from_json(const Json& json, Checkpoint& c) {
  Members members{json};
  if (members.integer("format") != format_version) return false;
  c.cluster_id = members.text("cluster_id");
  c.topic_id = members.uuid("topic_id");
  c.partition = PartitionId{members.integer32("partition")};
  c.start = Offset{members.integer("start")};
  c.end = Offset{members.integer("end")};
  const std::int64_t previous_end = members.integer("previous_end");
  if (previous_end >= 0) c.previous_end = Offset{previous_end};
  c.commits = members.integer("commits");
  const Json* counts = members.object_or_null("counts");
  if (counts == nullptr) return false;
  Members sums{*counts};
  c.counts = {sums.integer("rows"),    sums.integer("quarantined"), sums.integer("filtered"),
              sums.integer("control"), sums.integer("aborted"),     sums.integer("compacted"),
              sums.integer("lost")};
  const Json& ends = members.list("ends");
  if (!members.ok() || !sums.ok() || ends.size() > checkpoint_ranges_max) return false;
  Offset begin = c.previous_end.value_or(c.start);
  for (const Json& end : ends) {
    if (!end.is_number_integer()) return false;
    c.ranges.push_back({begin, Offset{end.get<std::int64_t>()}});
    begin = c.ranges.back().end;
  }
  return true;
}

}  // namespace

Result<Bytes> encode(const Checkpoint& checkpoint) {
  SLUICE_TRY(check(checkpoint));
  return seal(to_json(checkpoint));
}

Result<Checkpoint> decode_checkpoint(BytesView bytes) {
  if (bytes.size() > checkpoint_bytes_max) return wrong("it is too large");
  const Json json = SLUICE_TRY(unseal(bytes, "a checkpoint"));
  Checkpoint checkpoint;
  if (!from_json(json, checkpoint)) return wrong("a member is missing or of another type or format");
  SLUICE_TRY(check(checkpoint));
  if (as_text(seal(to_json(checkpoint))) != as_text(bytes))
    return wrong("its text is not the one that its content has");
  return checkpoint;
}

}  // namespace sluice::table
