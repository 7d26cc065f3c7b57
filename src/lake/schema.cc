#include "lake/schema.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <unordered_set>

#include "lake/names.h"

namespace sluice::lake {
namespace {

constexpr std::string_view format_name = "sluice.schema/1";

struct TypeName {
  Type type;
  std::string_view text;
};
constexpr TypeName type_names[] = {{Type::int64, "int64"},
                                   {Type::float64, "double"},
                                   {Type::boolean, "bool"},
                                   {Type::string, "string"},
                                   {Type::date, "date"},
                                   {Type::timestamp, "timestamp"},
                                   {Type::timestamp_local, "timestamp_local"}};

std::unexpected<Error> refuse(std::string what) {
  return fail(Code::invalid_argument, "the schema was not accepted: " + std::move(what),
              "docs/formats/schema.md describes schemas");
}

Result<void> check_name(const Field& field) {
  const std::string shown = printable(field.name);
  if (field.name.empty())
    return refuse(fmt::format("the field for key `{}` has an empty name", printable(field.from)));
  if (field.name.size() > field_name_bytes_max) {
    return refuse(fmt::format("the name `{}` has {} bytes; at most {} are allowed", shown, field.name.size(),
                              field_name_bytes_max));
  }
  if (field.name.starts_with('_')) {
    return refuse(
        fmt::format("the name `{}` begins with '_', which is reserved; give the column another name "
                    "and the key as \"from\"",
                    shown));
  }
  if (std::ranges::any_of(field.name, is_control)) {
    return refuse(fmt::format("the name `{}` holds control characters", shown));
  }
  if (!simdjson::validate_utf8(field.name)) return refuse(fmt::format("the name `{}` is not UTF-8", shown));
  return {};
}

Result<void> check_from(const Field& field) {
  if (field.from.size() > field_key_bytes_max || !simdjson::validate_utf8(field.from)) {
    return refuse(fmt::format("field `{}`: \"from\" is longer than {} bytes or not UTF-8",
                              printable(field.name), field_key_bytes_max));
  }
  return {};
}

/// One member of a field's object, once each.
struct FieldMembers {
  std::optional<std::string> name;
  std::optional<std::string> from;
  std::optional<std::string> type;
  std::optional<bool> nullable;
};

template <class T>
bool take(std::optional<T>& to, const simdjson::dom::element& value) {
  if (to) return false;
  if constexpr (std::is_same_v<T, bool>) {
    bool flag = false;
    if (value.get_bool().get(flag) != simdjson::SUCCESS) return false;
    to = flag;
  } else {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) return false;
    to = std::string(text);
  }
  return true;
}

Result<Field> parse_field(const simdjson::dom::element& element, std::size_t number) {
  simdjson::dom::object object;
  if (element.get_object().get(object) != simdjson::SUCCESS) {
    return refuse(fmt::format("field number {} is not an object", number));
  }
  FieldMembers members;
  for (const auto member : object) {
    bool taken = false;
    if (member.key == "name") taken = take(members.name, member.value);
    if (member.key == "from") taken = take(members.from, member.value);
    if (member.key == "type") taken = take(members.type, member.value);
    if (member.key == "nullable") taken = take(members.nullable, member.value);
    if (!taken) {
      return refuse(fmt::format("field number {}: member `{}` is unknown, given twice, or of the wrong type",
                                number, printable(member.key)));
    }
  }
  if (!members.name) return refuse(fmt::format("field number {} has no name", number));
  if (!members.type) return refuse(fmt::format("field `{}` has no type", printable(*members.name)));
  const auto* type = std::ranges::find(type_names, *members.type, &TypeName::text);
  if (type == std::end(type_names)) {
    return refuse(
        fmt::format("field `{}`: there is no type `{}`; there are int64, double, bool, string, date, "
                    "timestamp, timestamp_local",
                    printable(*members.name), printable(*members.type)));
  }
  return Field{*members.name, members.from.value_or(*members.name), type->type,
               members.nullable.value_or(true)};
}

Result<std::vector<Field>> parse_fields(const simdjson::dom::element& element) {
  simdjson::dom::array array;
  if (element.get_array().get(array) != simdjson::SUCCESS) return refuse("\"fields\" is not an array");
  std::vector<Field> fields;
  for (const auto field : array) {
    if (fields.size() == schema_fields_max)
      return refuse(fmt::format("more than {} fields", schema_fields_max));
    fields.push_back(SLUICE_TRY(parse_field(field, fields.size() + 1)));
  }
  return fields;
}

}  // namespace

std::string_view name(Type type) {
  const auto* found = std::ranges::find(type_names, type, &TypeName::type);
  return found == std::end(type_names) ? std::string_view{"unknown"} : found->text;
}

Result<Schema> Schema::make(std::vector<Field> fields) {
  if (fields.empty()) return refuse("it has no fields");
  if (fields.size() > schema_fields_max)
    return refuse(fmt::format("it has more than {} fields", schema_fields_max));
  std::unordered_set<std::string> names;
  std::unordered_set<std::string_view> keys;
  for (const Field& field : fields) {
    SLUICE_TRY(check_name(field));
    SLUICE_TRY(check_from(field));
    if (!names.insert(ascii_lower(field.name)).second) {
      return refuse(fmt::format("two fields are called `{}` (upper and lower case are the same in Hive)",
                                printable(field.name)));
    }
    if (!keys.insert(field.from).second) {
      return refuse(fmt::format("two fields take the key `{}`", printable(field.from)));
    }
  }
  Schema schema;
  schema.fields_ = std::move(fields);
  return schema;
}

Result<Schema> Schema::parse(std::string_view json) {
  if (json.size() > schema_text_bytes_max) {
    return refuse(
        fmt::format("its text has {} bytes; at most {} are allowed", json.size(), schema_text_bytes_max));
  }
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (const auto error = parser.parse(json.data(), json.size(), true).get_object().get(object);
      error != simdjson::SUCCESS) {
    return refuse(fmt::format("it is not a JSON object: {}", simdjson::error_message(error)));
  }
  std::optional<std::string> format;
  std::optional<std::vector<Field>> fields;
  for (const auto member : object) {
    bool taken = false;
    if (member.key == "format") taken = take(format, member.value);
    if (member.key == "fields" && !fields) {
      fields = SLUICE_TRY(parse_fields(member.value));
      taken = true;
    }
    if (!taken) {
      return refuse(
          fmt::format("member `{}` is unknown, given twice, or of the wrong type", printable(member.key)));
    }
  }
  if (!format || *format != format_name) return refuse(fmt::format("\"format\" is not \"{}\"", format_name));
  if (!fields) return refuse("it has no \"fields\"");
  return make(std::move(*fields));
}

const Field* Schema::find(std::string_view name) const {
  const auto found = std::ranges::find(fields_, name, &Field::name);
  return found == fields_.end() ? nullptr : &*found;
}

std::string Schema::to_json() const {
  std::string out = fmt::format("{{\"format\":\"{}\",\"fields\":[", format_name);
  for (const Field& field : fields_) {
    if (&field != &fields_.front()) out += ',';
    out += "\n  {\"name\":";
    append_json_string(out, field.name);
    if (field.from != field.name) {
      out += ",\"from\":";
      append_json_string(out, field.from);
    }
    out += fmt::format(",\"type\":\"{}\",\"nullable\":{}}}", lake::name(field.type), field.nullable);
  }
  return out + "]}\n";
}

}  // namespace sluice::lake
