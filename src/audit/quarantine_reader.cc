#include "audit/quarantine_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "audit/hashing.h"
#include "audit/json_scan.h"
#include "audit/row_model.h"
#include "audit/values.h"

namespace sluice::audit {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{1} << 20;
/// A record's base64 and headers; brokers take no record near this.
constexpr std::size_t line_bytes_max = std::size_t{512} << 20;

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/// Standard alphabet, padded, no bits left over; false for anything else.
bool decode_base64(std::string_view text, Bytes& out) {
  out.clear();
  if (text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const int digit = base64_digit(c);
    if (digit < 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push_back(static_cast<std::byte>(bits >> held & 0xFFu));
  }
  return (bits & ((1u << held) - 1)) == 0;
}

/// The list of ["name","value"] pairs, in base64 and without white space.
class Headers {
 public:
  bool parse(std::string_view text);
  const std::vector<TopicHeader>& list() const { return list_; }

 private:
  bool parse_pair(std::string_view& text);
  static std::optional<std::string_view> take_string(std::string_view& text);

  std::vector<std::pair<Bytes, std::optional<Bytes>>> owned_;
  std::vector<TopicHeader> list_;
};

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

std::optional<std::string_view> Headers::take_string(std::string_view& text) {
  if (!take(text, "\"")) return std::nullopt;
  const auto end = text.find('"');  // base64 has no escapes
  if (end == std::string_view::npos) return std::nullopt;
  const auto out = text.substr(0, end);
  text.remove_prefix(end + 1);
  return out;
}

bool Headers::parse_pair(std::string_view& text) {
  auto& [name, value] = owned_.emplace_back();
  if (!take(text, "[")) return false;
  const auto name_text = take_string(text);
  if (!name_text || !decode_base64(*name_text, name) || !take(text, ",")) return false;
  if (!take(text, "null")) {
    const auto value_text = take_string(text);
    if (!value_text || !decode_base64(*value_text, value.emplace())) return false;
  }
  return take(text, "]");
}

bool Headers::parse(std::string_view text) {
  owned_.clear();
  list_.clear();
  if (!take(text, "[")) return false;
  if (text != "]") {
    do {
      if (!parse_pair(text)) return false;
    } while (take(text, ","));
  }
  for (const auto& [name, value] : owned_) {
    list_.push_back({name, value ? std::optional<BytesView>(*value) : std::nullopt});
  }
  return text == "]";
}

class LineReader {
 public:
  bool parse(std::string_view line, QuarantinedRecord& out);

 private:
  static bool take_bytes(const JsonValue& json, Bytes& owned, std::optional<BytesView>& out);

  JsonScanner scanner_;
  Headers headers_;
  Bytes key_;
  Bytes value_;
};

bool LineReader::take_bytes(const JsonValue& json, Bytes& owned, std::optional<BytesView>& out) {
  out.reset();
  if (json.kind == JsonValue::Kind::null) return true;
  if (json.kind != JsonValue::Kind::string || json.escaped || !decode_base64(json.raw, owned)) return false;
  out = owned;
  return true;
}

bool LineReader::parse(std::string_view line, QuarantinedRecord& out) {
  using Kind = JsonValue::Kind;
  static constexpr std::array<std::string_view, 7> names = {"partition", "offset", "timestamp", "reason",
                                                            "key",       "value",  "headers"};
  if (!scanner_.scan(line) || scanner_.members().size() != names.size()) return false;
  const auto& members = scanner_.members();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (members[i].key != names[i]) return false;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (members[i].value.kind != Kind::number) return false;
  }
  const auto partition = to_int64(members[0].value.raw);
  const auto offset = to_int64(members[1].value.raw);
  const auto timestamp = to_int64(members[2].value.raw);
  if (!partition || !offset || !timestamp || members[3].value.kind != Kind::string) return false;
  TopicRecord record;
  record.offset = Offset(*offset);
  record.timestamp_ms = *timestamp;
  if (!take_bytes(members[4].value, key_, record.key) || !take_bytes(members[5].value, value_, record.value))
    return false;
  if (members[6].value.kind != Kind::array || !headers_.parse(members[6].value.raw)) return false;
  record.headers = headers_.list();
  out = {PartitionId(static_cast<std::int32_t>(*partition)), record.offset, quarantine_hash(record)};
  return true;
}

}  // namespace

Result<QuarantineContent> read_quarantine_file(env::FileSystem& files, const std::string& path,
                                               const std::function<void(const QuarantinedRecord&)>& take) {
  const auto file = SLUICE_TRY(files.open(path, env::OpenMode::read));
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  QuarantineContent content;
  LineReader reader;
  Bytes chunk(chunk_bytes);
  std::string line;
  const auto wrong = [&] {
    return fail(Code::corrupt, fmt::format("{} cannot be read: line {} is not a quarantined record", path,
                                           content.records + 1));
  };
  for (std::uint64_t at = 0;;) {
    const auto got = SLUICE_TRY(file->read_at(at, chunk));
    if (got == 0) break;
    at += got;
    XXH3_64bits_update(&state, chunk.data(), got);
    std::string_view rest = as_text(BytesView(chunk).first(got));
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      line += rest.substr(0, end);
      rest.remove_prefix(end + 1);
      QuarantinedRecord record;
      if (!reader.parse(line, record)) return wrong();
      take(record);
      ++content.records;
      line.clear();
    }
    line += rest;
    if (line.size() > line_bytes_max) return wrong();
  }
  if (!line.empty()) return wrong();  // every line has its end
  content.hash = XXH3_64bits_digest(&state);
  return content;
}

}  // namespace sluice::audit
