#include "audit/row_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "audit/hashing.h"
#include "audit/values.h"

namespace sluice::audit {
namespace {

constexpr std::string_view hive_null = "__HIVE_DEFAULT_PARTITION__";
constexpr std::size_t hive_value_bytes_max = 200;
constexpr std::uint64_t canonical_nan = 0x7ff8000000000000u;
constexpr std::int64_t micros_per_ms = 1000;
// Years 0000 to 9999; a record with another timestamp has no directory (docs/formats/data_file.md).
constexpr std::int64_t directory_ms_min = -62'167'219'200'000;
constexpr std::int64_t directory_ms_max = 253'402'300'799'999;

void append_u64(std::string& out, std::uint64_t value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

std::int64_t double_bits(double value) {
  return std::bit_cast<std::int64_t>(std::isnan(value) ? std::bit_cast<double>(canonical_nan) : value);
}

}  // namespace

void RowHasher::add_double(double value) {
  add_fixed(double_bits(value));
}

std::uint64_t RowHasher::end(PartitionId partition, Offset offset, std::int64_t timestamp_ms,
                             std::string_view hive_dir) {
  append_u64(buffer_, static_cast<std::uint64_t>(partition.value));
  append_u64(buffer_, static_cast<std::uint64_t>(offset.value));
  append_u64(buffer_, static_cast<std::uint64_t>(timestamp_ms));
  buffer_ += hive_dir;
  return xxh3(buffer_);
}

RowModel::RowModel(Schema schema) : schema_(std::move(schema)) {
  for (std::size_t i = 0; i < schema_.fields.size(); ++i) by_key_.emplace(schema_.fields[i].from, i);
  found_.resize(schema_.fields.size());
  values_.resize(schema_.fields.size());
}

std::optional<std::uint64_t> RowModel::row_hash(PartitionId partition, const TopicRecord& record) {
  if (!record.value || !scanner_.scan(as_text(*record.value)) || !assign_members()) return std::nullopt;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const auto& field = schema_.fields[i];
    const auto* const json = found_[i];
    if (json == nullptr || json->kind == JsonValue::Kind::null) {
      if (!field.nullable) return std::nullopt;
      values_[i].state = Value::State::null;
    } else if (!convert(field, *json, values_[i])) {
      return std::nullopt;
    }
  }
  if (!make_hive_dir(record.timestamp_ms)) return std::nullopt;
  hasher_.begin();
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (schema_.fields[i].directory) continue;
    const auto& value = values_[i];
    if (value.state == Value::State::null) {
      hasher_.add_null();
    } else if (value.state == Value::State::fixed) {
      hasher_.add_fixed(value.fixed);
    } else {
      hasher_.add_text(value.text);
    }
  }
  return hasher_.end(partition, record.offset, record.timestamp_ms, hive_dir_);
}

/// False where a key is unknown or there twice.
bool RowModel::assign_members() {
  std::ranges::fill(found_, nullptr);
  std::size_t guess = 0;  // producers write the same keys in the same order
  for (const auto& member : scanner_.members()) {
    if (guess >= schema_.fields.size() || schema_.fields[guess].from != member.key) {
      const auto known = by_key_.find(member.key);
      if (known == by_key_.end()) return false;
      guess = known->second;
    }
    if (found_[guess] != nullptr) return false;
    found_[guess++] = &member.value;
  }
  return true;
}

bool RowModel::convert(const Field& field, const JsonValue& json, Value& value) {
  using Kind = JsonValue::Kind;
  value.state = Value::State::fixed;
  std::optional<std::int64_t> fixed;
  switch (field.type) {
    case FieldType::int64:
      if (json.kind == Kind::number) fixed = to_int64(json.raw);
      break;
    case FieldType::float64:
      if (json.kind == Kind::number) {
        if (const auto number = to_double(json.raw)) fixed = double_bits(*number);
      }
      break;
    case FieldType::boolean:
      if (json.kind == Kind::boolean) fixed = json.raw == "true" ? 1 : 0;
      break;
    case FieldType::string:
      return convert_text(json, value);
    case FieldType::date:
      if (json.kind == Kind::string && !json.escaped) fixed = to_date(json.raw);
      break;
    case FieldType::timestamp:
    case FieldType::timestamp_local:
      if (json.kind == Kind::string && !json.escaped) {
        fixed = to_timestamp(json.raw, field.type == FieldType::timestamp);
      }
      break;
  }
  if (!fixed) return false;
  value.fixed = *fixed;
  return true;
}

bool RowModel::convert_text(const JsonValue& json, Value& value) {
  value.state = Value::State::text;
  value.text.clear();
  if (json.kind == JsonValue::Kind::string && json.escaped) {
    append_unescaped(json.raw, value.text);
  } else {
    value.text = json.raw;
  }
  return true;
}

/// The text of a directory's value, not escaped; nullopt for null.
std::optional<std::string> RowModel::level_text(const Level& level, std::int64_t timestamp_ms) {
  std::int64_t micros = 0;
  FieldType type = FieldType::timestamp;
  if (level.field == Level::record_timestamp) {
    micros = timestamp_ms * micros_per_ms;
  } else {
    const auto& value = values_[level.field];
    if (value.state == Value::State::null) return std::nullopt;
    type = schema_.fields[level.field].type;
    micros = value.fixed;
    if (level.kind == Level::Kind::column && type == FieldType::string) return value.text;
  }
  if (level.kind == Level::Kind::day) return date_text(type == FieldType::date ? micros : day_of(micros));
  if (level.kind == Level::Kind::hour) return hour_text(micros);
  switch (type) {
    case FieldType::boolean:
      return micros != 0 ? "true" : "false";
    case FieldType::date:
      return date_text(micros);
    case FieldType::timestamp:
    case FieldType::timestamp_local:
      return timestamp_text(micros);
    default:
      return std::to_string(micros);
  }
}

/// False where a value cannot be a directory.
bool RowModel::make_hive_dir(std::int64_t timestamp_ms) {
  hive_dir_.clear();
  for (const auto& level : schema_.levels) {
    const bool nameless = timestamp_ms < directory_ms_min || timestamp_ms > directory_ms_max;
    if (level.field == Level::record_timestamp && nameless) return false;
    const auto text = level_text(level, timestamp_ms);
    std::string escaped(hive_null);
    if (text) {
      if (text->empty() || *text == hive_null) return false;
      escaped = hive_escape(*text);
      if (escaped.size() > hive_value_bytes_max) return false;
    }
    if (!hive_dir_.empty()) hive_dir_ += '/';
    hive_dir_ += hive_escape(level.name) + "=" + escaped;
  }
  return true;
}

std::uint64_t quarantine_hash(const TopicRecord& record) {
  std::string bytes;
  append_u64(bytes, raw_term(record.offset, record.timestamp_ms, record.key, record.value));
  for (const auto& header : record.headers) {
    append_u64(bytes, header.name.size());
    bytes += as_text(header.name);
    append_u64(bytes, header.value ? header.value->size() : ~std::uint64_t{0});
    if (header.value) bytes += as_text(*header.value);
  }
  return xxh3(bytes);
}

}  // namespace sluice::audit
