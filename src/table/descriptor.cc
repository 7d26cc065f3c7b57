#include "table/descriptor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "table/names.h"
#include "table/sealed_json.h"

namespace sluice::table {
namespace {

constexpr std::int64_t format_version = 1;
constexpr std::size_t text_bytes_max = 4096;
constexpr std::size_t partition_terms_max = 64;
constexpr std::size_t partitions_max = 50'000;

std::unexpected<Error> wrong(std::string_view what) {
  return base::fail(Code::corrupt,
                    fmt::format("the table's descriptor {} is not valid: {}", descriptor_name, what));
}

Result<void> check(const Descriptor& d) {
  for (const std::string* text : {&d.cluster_id, &d.topic, &d.filter}) {
    if (!is_plain_text(*text, text_bytes_max)) return wrong("a text is too long or not plain UTF-8");
  }
  for (const std::string& term : d.partition_by) {
    if (!is_plain_text(term, text_bytes_max)) return wrong("a partition term is not plain UTF-8");
  }
  if (d.cluster_id.empty() || d.topic.empty() || d.topic_id.is_zero() || d.table_id.is_zero())
    return wrong("an id is missing");
  if (d.partition_by.size() > partition_terms_max) return wrong("too many partition terms");
  if (d.starts.empty() || d.starts.size() > partitions_max) return wrong("it has no partitions, or too many");
  for (const Offset start : d.starts) {
    if (start < Offset{0}) return wrong("a start offset is negative");
  }
  return {};
}

Json to_json(const Descriptor& d) {
  Json json;
  json["format"] = format_version;
  json["table_id"] = to_string(d.table_id);
  json["cluster_id"] = d.cluster_id;
  json["topic"] = d.topic;
  json["topic_id"] = to_string(d.topic_id);
  json["pipeline"] = {{"partition_by", d.partition_by}, {"filter", d.filter}};
  json["starts"] = Json::array();
  for (const Offset start : d.starts) json["starts"].push_back(start.value);
  return json;
}

bool from_json(const Json& json, Descriptor& d) {
  Members members{json};
  if (members.integer("format") != format_version) return false;
  d.table_id = members.uuid("table_id");
  d.cluster_id = members.text("cluster_id");
  d.topic = members.text("topic");
  d.topic_id = members.uuid("topic_id");
  const Json* pipeline = members.object_or_null("pipeline");
  if (pipeline == nullptr) return false;
  Members rules{*pipeline};
  d.partition_by = rules.texts("partition_by");
  d.filter = rules.text("filter");
  const Json& starts = members.list("starts");
  if (!members.ok() || !rules.ok() || starts.size() > partitions_max) return false;
  for (const Json& start : starts) {
    if (!start.is_number_integer()) return false;
    d.starts.push_back(Offset{start.get<std::int64_t>()});
  }
  return true;
}

Result<void> belongs(const Descriptor& there, const Descriptor& wanted) {
  const auto refuse = [](std::string_view what, std::string_view is, std::string_view should) {
    return base::fail(
        Code::conflict,
        fmt::format("nothing was written: the table belongs to {} {}, not to {}", what, is, should),
        "give the topic another --lake directory");
  };
  if (there.cluster_id != wanted.cluster_id) return refuse("cluster", there.cluster_id, wanted.cluster_id);
  if (there.topic != wanted.topic) return refuse("topic", there.topic, wanted.topic);
  if (there.topic_id != wanted.topic_id) {
    return base::fail(
        Code::conflict,
        fmt::format("nothing was written: the table holds topic {} with id {}, and the cluster's topic of "
                    "that name has id {}: it was deleted and made anew",
                    there.topic, to_string(there.topic_id), to_string(wanted.topic_id)),
        "give the new topic another --lake directory; the old table stays as it is");
  }
  if (there.partition_by != wanted.partition_by || there.filter != wanted.filter) {
    return base::fail(Code::conflict,
                      fmt::format("nothing was written: the table is partitioned by [{}], not by [{}]",
                                  fmt::join(there.partition_by, ", "), fmt::join(wanted.partition_by, ", ")),
                      "give the same --partition-by as before, or another --lake directory");
  }
  return {};
}

/// The content of `name`, made durable before anybody relies on it (X4).
Result<std::optional<Bytes>> read_durable(Store& store, const std::string& name, const std::string& dir,
                                          std::uint64_t bytes_max) {
  std::optional<Bytes> bytes = SLUICE_TRY(store.get(name, bytes_max));
  if (bytes) SLUICE_TRY(store.sync_names(dir));
  return bytes;
}

}  // namespace

Result<Bytes> encode(const Descriptor& descriptor) {
  SLUICE_TRY(check(descriptor));
  Bytes bytes = seal(to_json(descriptor));
  if (bytes.size() > descriptor_bytes_max) return wrong("it is too large");
  return bytes;
}

Result<Descriptor> decode_descriptor(BytesView bytes) {
  const Json json = SLUICE_TRY(unseal(bytes, "the table's descriptor"));
  Descriptor descriptor;
  if (!from_json(json, descriptor)) return wrong("a member is missing or of another type or format");
  SLUICE_TRY(check(descriptor));
  if (as_text(seal(to_json(descriptor))) != as_text(bytes))
    return wrong("its text is not the one that its content has");
  return descriptor;
}

Result<Descriptor> read_descriptor(Store& store) {
  const auto bytes =
      SLUICE_TRY(read_durable(store, std::string(descriptor_name), "_sluice", descriptor_bytes_max));
  if (!bytes) {
    return base::fail(Code::not_found,
                      fmt::format("no table was found at {}: it has no {}", store.path(""), descriptor_name),
                      "run sluice ingest first, or check --lake and --topic");
  }
  return decode_descriptor(*bytes);
}

Result<Descriptor> bind_table(Store& store, const Descriptor& wanted) {
  Result<Descriptor> there = read_descriptor(store);
  if (!there) {
    if (there.error().code != Code::not_found) return there;
    const Bytes bytes = SLUICE_TRY(encode(wanted));
    const Result<void> put = store.put_new(std::string(descriptor_name), bytes);
    there = read_descriptor(store);  // one's own or a faster worker's, also after a lost answer
    if (!there && !put) return std::unexpected(put.error());
  }
  if (there) SLUICE_TRY(belongs(*there, wanted));
  return there;
}

Result<std::optional<std::string>> read_schema(Store& store, std::int32_t version) {
  const auto bytes =
      SLUICE_TRY(read_durable(store, schema_name(version), "_sluice/schema", schema_bytes_max));
  if (!bytes) return std::nullopt;
  return std::string(as_text(*bytes));
}

Result<std::string> bind_schema(Store& store, std::int32_t version, const std::string& text) {
  std::optional<std::string> there = SLUICE_TRY(read_schema(store, version));
  if (there) return *std::move(there);
  if (text.size() > schema_bytes_max) {
    return base::fail(Code::limit_exceeded,
                      fmt::format("the schema was not stored: it has {} bytes, more than {}", text.size(),
                                  schema_bytes_max));
  }
  const Result<void> put = store.put_new(schema_name(version), as_bytes(text));
  there = SLUICE_TRY(read_schema(store, version));
  if (there) return *std::move(there);
  if (!put) return std::unexpected(put.error());
  return base::fail(Code::io_failed, fmt::format("schema version {} was written and is not there", version));
}

}  // namespace sluice::table
