// Which types the values of a field allow, and which names its key allows. docs/formats/schema.md,
// "Inference".
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "lake/json_object.h"
#include "lake/json_text.h"
#include "lake/names.h"
#include "lake/schema.h"

namespace sluice::lake {
namespace {

constexpr std::size_t inferred_name_bytes_max = 200;
constexpr std::int64_t exact_in_double_max = std::int64_t{1} << 53;

/// What was seen of one field.
struct Seen {
  bool integer = false;
  bool wide_integer = false;  ///< beyond what a double holds exactly
  bool real = false;
  bool boolean = false;
  bool date = false;
  bool timestamp = false;
  bool timestamp_local = false;
  bool other = false;  ///< fits a string only

  int kinds() const {
    return (integer || real ? 1 : 0) + (boolean ? 1 : 0) + (date ? 1 : 0) + (timestamp ? 1 : 0) +
           (timestamp_local ? 1 : 0) + (other ? 1 : 0);
  }
  Type type() const {
    if (kinds() != 1 || other) return Type::string;
    if (real) return wide_integer ? Type::string : Type::float64;
    if (integer) return Type::int64;
    if (boolean) return Type::boolean;
    if (date) return Type::date;
    return timestamp ? Type::timestamp : Type::timestamp_local;
  }
};

void look_at_integer(std::string_view token, Seen& seen) {
  std::int64_t value = 0;
  if (!parse_int64(token, value)) {
    seen.other = true;
    return;
  }
  seen.integer = true;
  if (value > exact_in_double_max || value < -exact_in_double_max) seen.wide_integer = true;
}

void look_at_string(const JsonMember& member, Seen& seen) {
  std::int64_t ignored = 0;
  if (member.escaped) {
    seen.other = true;
  } else if (parse_date(member.text, ignored)) {
    seen.date = true;
  } else if (parse_timestamp(member.text, Zone::with, ignored)) {
    seen.timestamp = true;
  } else if (parse_timestamp(member.text, Zone::without, ignored)) {
    seen.timestamp_local = true;
  } else {
    seen.other = true;
  }
}

void look_at(const JsonMember& member, Seen& seen) {
  double ignored = 0;
  switch (member.kind) {
    case JsonKind::null:
      return;
    case JsonKind::boolean:
      seen.boolean = true;
      return;
    case JsonKind::integer:
      look_at_integer(member.text, seen);
      return;
    case JsonKind::real:
      (parse_double(member.text, ignored) ? seen.real : seen.other) = true;
      return;
    case JsonKind::string:
      look_at_string(member, seen);
      return;
    case JsonKind::nested:
      seen.other = true;
      return;
  }
}

/// A column's name for `key`, apart from being unique.
std::string name_for(std::string_view key) {
  std::string name;
  for (const char c : key) {
    // At a character's first byte, the name may end here.
    if (name.size() >= inferred_name_bytes_max && (static_cast<unsigned char>(c) & 0xC0u) != 0x80u) break;
    name += is_control(c) ? '_' : c;
  }
  if (name.empty()) return "field";
  return name.front() == '_' ? "f" + name : name;
}

}  // namespace

struct Inference::State {
  JsonObject object;
  std::vector<std::string> keys;  ///< in order of appearance
  std::vector<Seen> seen;
  std::unordered_map<std::string, std::size_t> index;
  std::size_t records = 0;
  std::size_t left_out = 0;
  bool too_many = false;
};

Inference::Inference() : state_(std::make_unique<State>()) {}
Inference::~Inference() = default;

void Inference::add(std::optional<BytesView> value) {
  State& s = *state_;
  std::unordered_set<std::string_view> keys;
  const bool usable =
      value && s.object.parse(*value) && std::ranges::all_of(s.object.members(), [&](const auto& m) {
        return m.key.size() <= field_key_bytes_max && keys.insert(m.key).second;
      });
  if (!usable) {
    ++s.left_out;
    return;
  }
  ++s.records;
  for (const JsonMember& member : s.object.members()) {
    const auto [found, is_new] = s.index.try_emplace(std::string(member.key), s.keys.size());
    if (is_new) {
      if (s.keys.size() == schema_fields_max) {
        s.too_many = true;
        s.index.erase(found);
        return;
      }
      s.keys.emplace_back(member.key);
      s.seen.emplace_back();
    }
    look_at(member, s.seen[found->second]);
  }
}

std::size_t Inference::records() const {
  return state_->records;
}
std::size_t Inference::left_out() const {
  return state_->left_out;
}

Result<Schema> Inference::finish() const {
  const State& s = *state_;
  if (s.too_many) {
    return fail(Code::limit_exceeded,
                fmt::format("no schema was inferred: the first {} records have more than {} different keys",
                            s.records, schema_fields_max),
                "declare the schema with --schema FILE");
  }
  if (s.keys.empty()) {
    return fail(
        Code::not_found,
        fmt::format("no schema was inferred: of the first {} records none is a JSON object with a field",
                    s.records + s.left_out),
        "declare the schema with --schema FILE");
  }
  std::unordered_set<std::string> taken;
  std::vector<Field> fields;
  for (std::size_t i = 0; i < s.keys.size(); ++i) {
    const std::string wanted = name_for(s.keys[i]);
    std::string name = wanted;
    for (int n = 2; !taken.insert(ascii_lower(name)).second; ++n) name = fmt::format("{}_{}", wanted, n);
    fields.push_back({name, s.keys[i], s.seen[i].type(), true});
  }
  return Schema::make(std::move(fields));
}

}  // namespace sluice::lake
