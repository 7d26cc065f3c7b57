#include "table/sealed_json.h"

#include <fmt/format.h>

#include <limits>

#include "base/crc32c.h"

namespace sluice::table {
namespace {

constexpr std::string_view seal_prefix = "\ncrc32c ";
constexpr std::size_t seal_bytes = seal_prefix.size() + 8 + 1;

const Json& empty_list() {
  static const Json list = Json::array();
  return list;
}

/// The length of the UTF-8 sequence at text[at], or 0 where there is none.
std::size_t utf8_sequence_bytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : (lead & 0xF0u) == 0xE0      ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0u) != 0x80) return 0;
  }
  if (length == 3 && ((lead == 0xE0 && byte(at + 1) < 0xA0) || (lead == 0xED && byte(at + 1) >= 0xA0)))
    return 0;
  if (length == 4 && ((lead == 0xF0 && byte(at + 1) < 0x90) || (lead == 0xF4 && byte(at + 1) >= 0x90)))
    return 0;
  return length;
}

}  // namespace

Bytes seal(const Json& json) {
  std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  const std::uint32_t crc = base::crc32c(as_bytes(text));
  text += fmt::format("{}{:08x}\n", seal_prefix, crc);
  return to_owned(as_bytes(text));
}

Result<Json> unseal(BytesView bytes, std::string_view what) {
  const std::string_view text = as_text(bytes);
  if (text.size() < seal_bytes) {
    return base::fail(Code::corrupt,
                      fmt::format("{} was not read: it has {} bytes and so no checksum", what, text.size()));
  }
  const std::string_view body = text.substr(0, text.size() - seal_bytes);
  const std::string expected = fmt::format("{}{:08x}\n", seal_prefix, base::crc32c(as_bytes(body)));
  if (text.substr(body.size()) != expected) {
    return base::fail(Code::corrupt, fmt::format("{} was not read: its {} bytes do not match its checksum",
                                                 what, text.size()));
  }
  Json json = Json::parse(body, nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    return base::fail(Code::corrupt, fmt::format("{} was not read: it is not a JSON object", what));
  }
  return json;
}

std::string hash_text(std::uint64_t hash) {
  return fmt::format("{:016x}", hash);
}

const Json* Members::find(const char* key) {
  if (!ok_) return nullptr;
  const auto found = object_.find(key);
  if (found == object_.end()) {
    ok_ = false;
    return nullptr;
  }
  return &*found;
}

std::string Members::text(const char* key) {
  const Json* member = find(key);
  if (member == nullptr || !member->is_string()) {
    ok_ = false;
    return {};
  }
  return member->get<std::string>();
}

std::int64_t Members::integer(const char* key) {
  const Json* member = find(key);
  // A number above INT64_MAX is unsigned and would turn negative.
  const bool fits =
      member != nullptr && member->is_number_integer() &&
      (!member->is_number_unsigned() ||
       member->get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
  if (!fits) {
    ok_ = false;
    return 0;
  }
  return member->get<std::int64_t>();
}

std::int32_t Members::integer32(const char* key) {
  const std::int64_t value = integer(key);
  if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max()) {
    ok_ = false;
    return 0;
  }
  return static_cast<std::int32_t>(value);
}

Uuid Members::uuid(const char* key) {
  Uuid id;
  if (!base::parse_uuid(text(key), id)) ok_ = false;
  return id;
}

std::uint64_t Members::hash(const char* key) {
  const std::string digits = text(key);
  std::uint64_t hash = 0;
  for (const char c : digits) {
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'a' || c > 'f')) ok_ = false;
    hash = hash << 4 | static_cast<std::uint64_t>(decimal ? c - '0' : c - 'a' + 10);
  }
  if (digits.size() != 16) ok_ = false;
  return ok_ ? hash : 0;
}

std::vector<std::string> Members::texts(const char* key) {
  std::vector<std::string> out;
  for (const Json& item : list(key)) {
    if (!item.is_string()) {
      ok_ = false;
      return {};
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

const Json& Members::list(const char* key) {
  const Json* member = find(key);
  if (member == nullptr || !member->is_array()) {
    ok_ = false;
    return empty_list();
  }
  return *member;
}

const Json* Members::object_or_null(const char* key) {
  const Json* member = find(key);
  if (member == nullptr || member->is_null()) return nullptr;
  if (!member->is_object()) ok_ = false;
  return ok_ ? member : nullptr;
}

bool is_plain_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) return false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_sequence_bytes(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) return false;
    at += length;
  }
  return true;
}

}  // namespace sluice::table
