#include "audit/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

namespace sluice::audit {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::pair<std::string_view, FieldType>, 7> types = {
    {{"int64", FieldType::int64},
     {"double", FieldType::float64},
     {"bool", FieldType::boolean},
     {"string", FieldType::string},
     {"date", FieldType::date},
     {"timestamp", FieldType::timestamp},
     {"timestamp_local", FieldType::timestamp_local}}};

std::unexpected<Error> wrong(std::string what) {
  return fail(Code::corrupt, "the table's schema is not valid: " + std::move(what));
}

Result<Field> parse_field(const Json& json) {
  if (!json.is_object() || !json.contains("name") || !json["name"].is_string())
    return wrong("a field has no name");
  Field field;
  field.name = json["name"].get<std::string>();
  field.from = field.name;
  if (json.contains("from")) {
    if (!json["from"].is_string()) return wrong(fmt::format("field '{}': 'from' is no text", field.name));
    field.from = json["from"].get<std::string>();
  }
  if (json.contains("nullable")) {
    if (!json["nullable"].is_boolean())
      return wrong(fmt::format("field '{}': 'nullable' is no bool", field.name));
    field.nullable = json["nullable"].get<bool>();
  }
  const std::string type =
      json.contains("type") && json["type"].is_string() ? json["type"].get<std::string>() : "";
  const auto* const known = std::ranges::find(types, type, &std::pair<std::string_view, FieldType>::first);
  if (known == types.end())
    return wrong(fmt::format("field '{}' has no type that is known here", field.name));
  field.type = known->second;
  return field;
}

std::optional<std::size_t> find_field(const std::vector<Field>& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  if (found == fields.end()) return std::nullopt;
  return static_cast<std::size_t>(found - fields.begin());
}

/// "[NAME=]day(FIELD)" or "[NAME=]hour(FIELD)"; nullopt where it is neither.
std::optional<Level> parse_function(const std::string& term, const std::vector<Field>& fields) {
  for (const auto& [word, kind] : {std::pair("day(", Level::Kind::day), {"hour(", Level::Kind::hour}}) {
    const std::string_view text = term;
    const auto at = text.find(word);
    if (at == std::string_view::npos || text.back() != ')' || (at != 0 && text[at - 1] != '=')) continue;
    const auto inner_at = at + std::string_view(word).size();
    const auto inner = text.substr(inner_at, text.size() - 1 - inner_at);
    Level level;
    level.kind = kind;
    const std::string_view suffix = kind == Level::Kind::day ? "_day" : "_hour";
    const auto plain = inner == "_timestamp" ? std::string_view("timestamp") : inner;
    level.name = at != 0 ? std::string(text.substr(0, at - 1)) : std::string(plain) + std::string(suffix);
    const auto field = find_field(fields, inner);
    if (inner != "_timestamp" && !field) return std::nullopt;
    level.field = field.value_or(Level::record_timestamp);
    return level;
  }
  return std::nullopt;
}

Result<Level> parse_level(const std::string& term, std::vector<Field>& fields) {
  if (const auto field = find_field(fields, term)) {
    fields[*field].directory = true;
    return Level{Level::Kind::column, term, *field};
  }
  if (auto level = parse_function(term, fields)) return *std::move(level);
  return wrong(fmt::format("no field stands behind the partition term '{}'", term));
}

}  // namespace

Result<Schema> parse_schema(std::string_view text, std::span<const std::string> partition_by) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return wrong("it is no JSON object");
  if (!json.contains("format") || json["format"] != "sluice.schema/1")
    return wrong("its format is not sluice.schema/1");
  if (!json.contains("fields") || !json["fields"].is_array() || json["fields"].empty())
    return wrong("it has no fields");
  Schema schema;
  for (const auto& field : json["fields"]) schema.fields.push_back(SLUICE_TRY(parse_field(field)));
  for (const auto& term : partition_by) schema.levels.push_back(SLUICE_TRY(parse_level(term, schema.fields)));
  return schema;
}

}  // namespace sluice::audit
