#include "lake/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "lake/json_text.h"
#include "lake/names.h"

namespace sluice::lake {

Decoder::Decoder(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {
  const auto& fields = schema_->fields();
  const std::size_t n = fields.size();
  slots_.resize(n + 1);  // the last one stands for the beginning of a record
  for (std::size_t i = 0; i < n; ++i) {
    Slot& slot = slots_[i];
    slot.type = fields[i].type;
    slot.nullable = fields[i].nullable;
    slot.next = i + 1;  // after the last field: the slot without a pattern, which nothing matches
    index_.emplace(fields[i].from, i);
    std::string pattern;
    append_json_string(pattern, fields[i].from);
    pattern += ':';
    const bool plain = pattern.size() == fields[i].from.size() + 3;
    if (!plain || pattern.size() > pattern_bytes_max) continue;
    slot.pattern_bytes = static_cast<std::uint32_t>(pattern.size());
    std::memcpy(slot.pattern, pattern.data(), pattern.size());
    slot.others = pattern.size() == pattern_bytes_max ? 0 : ~std::uint32_t{0} << pattern.size();
  }
  slots_[n].next = 0;
  seen_.assign(n, 0);
  row_.bits.assign(n, 0);
  row_.text.assign(n, {});
  row_.present.assign(n, 0);
}

bool Decoder::decode(BytesView value) {
  return decode_quickly(value) || decode_exactly(value);
}

void Decoder::clear_row() {
  std::ranges::fill(row_.bits, 0);
  std::ranges::fill(row_.text, std::string_view{});
  std::ranges::fill(row_.present, std::uint8_t{0});
}

bool Decoder::decode_exactly(BytesView value) {
  ++exact_count_;
  clear_row();
  if (!object_.parse(value)) {
    // Not problem(): a reason is hashed with the quarantine file, so it must not change with simdjson's
    // version.
    reason_ = "not a JSON object";
    return false;
  }
  ++record_;
  for (const JsonMember& member : object_.members())
    if (!take_member(member)) return false;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    if (seen_[i] == record_ || slots_[i].nullable) continue;
    reason_ = fmt::format("field `{}`: not there, but not nullable", printable(schema_->fields()[i].from));
    return false;
  }
  return true;
}

bool Decoder::take_member(const JsonMember& member) {
  const auto found = index_.find(member.key);
  if (found == index_.end()) {
    reason_ = fmt::format("unknown field `{}`", printable(member.key));
    return false;
  }
  const std::size_t i = found->second;
  if (seen_[i] == record_) {
    reason_ = fmt::format("field `{}` twice", printable(member.key));
    return false;
  }
  seen_[i] = record_;
  if (member.kind == JsonKind::null) {
    if (slots_[i].nullable) return true;
    reason_ = fmt::format("field `{}`: null, but not nullable", printable(member.key));
    return false;
  }
  row_.present[i] = 1;
  return take_typed(i, member) || misfit(i, member);
}

bool Decoder::take_typed(std::size_t index, const JsonMember& member) {
  const bool is_number = member.kind == JsonKind::integer || member.kind == JsonKind::real;
  const bool is_plain_text = member.kind == JsonKind::string && !member.escaped;
  std::int64_t whole = 0;
  double real = 0;
  bool fits = false;
  switch (slots_[index].type) {
    case Type::string:
      row_.text[index] = member.text;
      return true;
    case Type::float64:
      if (!is_number || !parse_double(member.text, real)) return false;
      row_.bits[index] = std::bit_cast<std::uint64_t>(real);
      return true;
    case Type::int64:
      fits = member.kind == JsonKind::integer && parse_int64(member.text, whole);
      break;
    case Type::boolean:
      fits = member.kind == JsonKind::boolean;
      whole = member.text == "true" ? 1 : 0;
      break;
    case Type::date:
      fits = is_plain_text && parse_date(member.text, whole);
      break;
    case Type::timestamp:
      fits = is_plain_text && parse_timestamp(member.text, Zone::with, whole);
      break;
    case Type::timestamp_local:
      fits = is_plain_text && parse_timestamp(member.text, Zone::without, whole);
      break;
  }
  row_.bits[index] = static_cast<std::uint64_t>(whole);
  return fits;
}

bool Decoder::misfit(std::size_t index, const JsonMember& member) {
  const Field& field = schema_->fields()[index];
  const std::string shown = printable(member.text);
  const std::string_view quote = member.kind == JsonKind::string ? "\"" : "";
  reason_ = fmt::format("field `{}`: {}{}{} does not fit {}", printable(field.from), quote, shown, quote,
                        name(field.type));
  return false;
}

}  // namespace sluice::lake
