#include "lake/partitioning.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "lake/hive_path.h"
#include "lake/json_text.h"
#include "lake/names.h"

namespace sluice::lake {
namespace {

constexpr std::string_view record_timestamp_name = "_timestamp";
// The first and the last millisecond of the years 0000 to 9999: other days have no name of four digits' year.
constexpr std::int64_t timestamp_ms_min = -62'167'219'200'000;
constexpr std::int64_t timestamp_ms_max = 253'402'300'799'999;
constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t micros_per_hour = 3'600 * micros_per_second;
constexpr std::int64_t micros_per_day = 24 * micros_per_hour;

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

std::unexpected<Error> refuse(std::string_view term, std::string why) {
  return fail(Code::invalid_argument,
              fmt::format("cannot partition by '{}': {}", printable(term), std::move(why)),
              "use COLUMN, day(FIELD), hour(FIELD) or NAME=day(FIELD)");
}

/// A term taken apart: NAME=FUNCTION(FIELD), FUNCTION(FIELD) or FIELD.
struct Parts {
  std::string name;
  std::string function;
  std::string field;
};

Parts split(std::string_view text) {
  Parts parts;
  const auto open = text.find('(');
  if (open == std::string_view::npos || !text.ends_with(')')) {
    parts.field = text;
    return parts;
  }
  std::string_view head = text.substr(0, open);
  if (const auto equals = head.find('='); equals != std::string_view::npos) {
    parts.name = head.substr(0, equals);
    head.remove_prefix(equals + 1);
  }
  parts.function = head;
  parts.field = text.substr(open + 1, text.size() - open - 2);
  return parts;
}

Result<std::size_t> find_field(std::string_view term, const Parts& parts, const Schema& schema) {
  if (parts.field == record_timestamp_name && !parts.function.empty()) return PartitionTerm::record_timestamp;
  const Field* field = schema.find(parts.field);
  if (field == nullptr)
    return refuse(term, fmt::format("the schema has no field `{}`", printable(parts.field)));
  return static_cast<std::size_t>(field - schema.fields().data());
}

Result<void> check_type(std::string_view term, const PartitionTerm& parsed, const Schema& schema) {
  if (parsed.field == PartitionTerm::record_timestamp) return {};
  const Type type = schema.fields()[parsed.field].type;
  const bool is_time = type == Type::timestamp || type == Type::timestamp_local;
  if (parsed.kind == PartitionTerm::Kind::column && type == Type::float64) {
    return refuse(term, "a double makes no directory name that every reader understands");
  }
  if (parsed.kind == PartitionTerm::Kind::day && !is_time && type != Type::date) {
    return refuse(term, fmt::format("day() takes a date or a timestamp, not a {}", name(type)));
  }
  if (parsed.kind == PartitionTerm::Kind::hour && !is_time) {
    return refuse(term, fmt::format("hour() takes a timestamp, not a {}", name(type)));
  }
  return {};
}

Result<PartitionTerm> parse_term(const std::string& text, const Schema& schema) {
  Parts parts = split(text);
  PartitionTerm term;
  term.text = text;
  if (parts.function == "day") {
    term.kind = PartitionTerm::Kind::day;
  } else if (parts.function == "hour") {
    term.kind = PartitionTerm::Kind::hour;
  } else if (!parts.function.empty() || text.find('(') != std::string::npos) {
    return refuse(text, "there are the functions day and hour");
  }
  term.field = SLUICE_TRY(find_field(text, parts, schema));
  SLUICE_TRY(check_type(text, term, schema));
  term.name = parts.name;
  if (term.name.empty()) {
    term.name = term.field == PartitionTerm::record_timestamp ? record_timestamp_name.substr(1)
                                                              : std::string_view(parts.field);
    if (!parts.function.empty()) term.name += "_" + parts.function;
  }
  if (term.name.starts_with('_') || term.name.starts_with('.')) {
    return refuse(text, "readers skip directories whose names begin with '_' or '.'; write NAME=day(FIELD)");
  }
  if (hive_escape(term.name).size() > hive_value_bytes_max - 1)
    return refuse(text, "the directory's name is too long");
  return term;
}

}  // namespace

std::string hive_escape(std::string_view text) {
  constexpr std::string_view special = "\"#%'*/:=?\\{[]^";
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_control(c) || special.find(c) != std::string_view::npos) {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15u];
    } else {
      out += c;
    }
  }
  return out;
}

Result<Partitioning> Partitioning::parse(std::span<const std::string> terms, const Schema& schema) {
  Partitioning partitioning;
  for (const std::string& text : terms) {
    PartitionTerm term = SLUICE_TRY(parse_term(text, schema));
    const std::string lower = ascii_lower(term.name);
    for (const PartitionTerm& other : partitioning.terms_) {
      if (ascii_lower(other.name) == lower)
        return refuse(text, fmt::format("the directory `{}` is there twice", term.name));
    }
    partitioning.terms_.push_back(std::move(term));
  }
  for (const PartitionTerm& term : partitioning.terms_) {
    for (std::size_t i = 0; i < schema.fields().size(); ++i) {
      if (partitioning.is_directory(i) || ascii_lower(schema.fields()[i].name) != ascii_lower(term.name))
        continue;
      return refuse(term.text, fmt::format("`{}` is already a column of the files", term.name));
    }
  }
  return partitioning;
}

std::vector<std::string> Partitioning::to_strings() const {
  std::vector<std::string> out;
  for (const PartitionTerm& term : terms_) out.push_back(term.text);
  return out;
}

bool Partitioning::is_directory(std::size_t index) const {
  return std::ranges::any_of(terms_, [&](const PartitionTerm& t) {
    return t.kind == PartitionTerm::Kind::column && t.field == index;
  });
}

// --- the directory of one row ---

namespace {

void append_day(std::string& out, std::int64_t days) {
  const CivilDay day = civil_from_days(days);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}", day.year, day.month, day.day);
}

void append_timestamp(std::string& out, std::int64_t micros) {
  const std::int64_t days = floor_divide(micros, micros_per_day);
  const std::int64_t of_day = micros - days * micros_per_day;
  append_day(out, days);
  const std::int64_t seconds = of_day / micros_per_second;
  fmt::format_to(std::back_inserter(out), " {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60,
                 seconds % 60);
  if (of_day % micros_per_second != 0)
    fmt::format_to(std::back_inserter(out), ".{:06}", of_day % micros_per_second);
}

std::string column_value(Type type, std::uint64_t bits, std::string_view text) {
  std::string out;
  const auto whole = static_cast<std::int64_t>(bits);
  switch (type) {
    case Type::string:
      return std::string(text);
    case Type::int64:
      return std::to_string(whole);
    case Type::boolean:
      return whole != 0 ? "true" : "false";
    case Type::date:
      append_day(out, whole);
      return out;
    case Type::timestamp:
    case Type::timestamp_local:
      append_timestamp(out, whole);
      return out;
    case Type::float64:
      break;
  }
  return out;
}

std::string time_value(const PartitionTerm& term, Type type, std::int64_t whole) {
  std::string out;
  if (type == Type::date) {
    append_day(out, whole);
    return out;
  }
  const std::int64_t days = floor_divide(whole, micros_per_day);
  append_day(out, days);
  if (term.kind == PartitionTerm::Kind::hour) {
    fmt::format_to(std::back_inserter(out), "-{:02}", (whole - days * micros_per_day) / micros_per_hour);
  }
  return out;
}

}  // namespace

HivePaths::HivePaths(std::shared_ptr<const Schema> schema, const Partitioning& partitioning)
    : schema_(std::move(schema)), partitioning_(partitioning) {
  for (const PartitionTerm& term : partitioning_.terms()) names_.push_back(hive_escape(term.name) + "=");
  keys_.resize(names_.size());
}

bool HivePaths::append_value(const PartitionTerm& term, const Row& row, std::int64_t timestamp_ms) {
  if (term.field == PartitionTerm::record_timestamp) {
    if (timestamp_ms < timestamp_ms_min || timestamp_ms > timestamp_ms_max)
      return no_value(term, "out of range");
    path_ += time_value(term, Type::timestamp, timestamp_ms * 1000);
    return true;
  }
  if (row.present[term.field] == 0) {
    path_ += hive_null;
    return true;
  }
  const Type type = schema_->fields()[term.field].type;
  if (term.kind != PartitionTerm::Kind::column) {
    path_ += time_value(term, type, static_cast<std::int64_t>(row.bits[term.field]));
    return true;
  }
  const std::string value = column_value(type, row.bits[term.field], row.text[term.field]);
  const std::string escaped = hive_escape(value);
  if (value.empty()) return no_value(term, "is empty");
  if (value == hive_null) return no_value(term, "is Hive's name for null");
  if (escaped.size() > hive_value_bytes_max) return no_value(term, "takes more than 200 bytes");
  path_ += escaped;
  return true;
}

bool HivePaths::no_value(const PartitionTerm& term, std::string_view why) {
  problem_ = fmt::format("partition value of `{}` {}", printable(term.name), why);
  return false;
}

bool HivePaths::same_key(std::size_t i, const Row& row, std::int64_t timestamp_ms) {
  const PartitionTerm& term = partitioning_.terms()[i];
  const bool own = term.field == PartitionTerm::record_timestamp;
  const Type type = own ? Type::timestamp : schema_->fields()[term.field].type;
  const bool present = own || row.present[term.field] != 0;
  std::int64_t whole = own ? timestamp_ms : static_cast<std::int64_t>(row.bits[term.field]);
  if (term.kind != PartitionTerm::Kind::column && type != Type::date) {
    const std::int64_t hours = floor_divide(whole, own ? micros_per_hour / 1000 : micros_per_hour);
    whole = term.kind == PartitionTerm::Kind::hour ? hours : floor_divide(hours, 24);
  }
  const std::string_view text = own ? std::string_view{} : row.text[term.field];
  Key& key = keys_[i];
  if (key.known && key.present == present && key.whole == whole && key.text == text) return true;
  key = {true, present, whole, std::string(text)};
  return false;
}

bool HivePaths::make(const Row& row, std::int64_t timestamp_ms) {
  bool same = problem_.empty();
  for (std::size_t i = 0; i < names_.size(); ++i) same = same_key(i, row, timestamp_ms) && same;
  if (same) return true;
  path_.clear();
  problem_.clear();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i != 0) path_ += '/';
    path_ += names_[i];
    if (!append_value(partitioning_.terms()[i], row, timestamp_ms)) return false;
  }
  return true;
}

}  // namespace sluice::lake
