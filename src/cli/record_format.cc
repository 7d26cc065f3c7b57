#include "cli/record_format.h"

#include <fmt/format.h>

#include <charconv>

#include "cli/output.h"

namespace sluice::cli {
namespace {

constexpr std::string_view record_verbs = "tpodkvshexyiTKVSH%{}";
constexpr std::string_view header_verbs = "kvKV%{}";

/// The byte of an escape at text[at], which is '\'; `at` ends after it. nullopt where it is none.
std::optional<char> parse_escape(std::string_view text, std::size_t& at) {
  if (at + 1 >= text.size()) return std::nullopt;
  const char kind = text[at + 1];
  at += 2;
  switch (kind) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case '0':
      return '\0';
    case '\\':
      return '\\';
    case 'x': {
      unsigned byte = 0;
      if (text.size() - at < 2) return std::nullopt;
      const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
      if (error != std::errc{} || end != text.data() + at + 2) return std::nullopt;
      at += 2;
      return static_cast<char>(byte);
    }
    default:
      return std::nullopt;
  }
}

std::unexpected<Error> wrong(std::string_view text, std::size_t at) {
  return fail(Code::invalid_argument,
              fmt::format("format '{}' is not understood at '{}'; nothing was read", printable(text),
                          printable(text.substr(std::min(at, text.size()), 4))),
              "verbs are %t %p %o %d %k %v %s %h %e %x %y %i and %T %K %V %S %H, see sluice consume --help");
}

/// The place of the '}' that closes the '{' at `open`; npos where there is none.
std::size_t closing(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '%' && i + 1 < text.size() && (text[i + 1] == '{' || text[i + 1] == '}')) {
      ++i;  // a brace for itself
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

void append_json_bytes(std::string_view name, const std::optional<BytesView>& bytes, std::string& out) {
  if (!bytes) {
    out += fmt::format(",\"{}\":null", name);
    return;
  }
  const auto text = as_text(*bytes);
  if (is_utf8(text)) {
    out += fmt::format(",\"{}\":{}", name, json_string(text));
  } else {
    out += fmt::format(",\"{}_base64\":\"{}\"", name, base64(*bytes));
  }
}

}  // namespace

std::string base64(BytesView bytes) {
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto left = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (j < left ? static_cast<std::uint32_t>(bytes[i + j]) : 0);
    for (std::size_t j = 0; j < 4; ++j) out += j <= left ? alphabet[bits >> (18 - 6 * j) & 63u] : '=';
  }
  return out;
}

Result<RecordFormat> RecordFormat::parse(std::string_view text) {
  RecordFormat format;
  format.steps_ = SLUICE_TRY(parse_steps(text, false));
  return format;
}

Result<void> RecordFormat::parse_braces(std::string_view text, std::size_t& at, Step& step, bool in_header) {
  const bool takes_encoding = step.verb == 'k' || step.verb == 'v' || step.verb == 's';
  const bool takes_format = step.verb == 'h' && !in_header;
  if (at >= text.size() || text[at] != '{' || (!takes_encoding && !takes_format)) return {};
  const auto end = closing(text, at);
  if (end == std::string_view::npos) return wrong(text, at);
  const auto inner = text.substr(at + 1, end - at - 1);
  if (takes_format) {
    step.each = SLUICE_TRY(parse_steps(inner, true));
  } else if (inner == "hex") {
    step.encoding = Encoding::hex;
  } else if (inner == "base64") {
    step.encoding = Encoding::base64;
  } else {
    return wrong(text, at);
  }
  at = end + 1;
  return {};
}

Result<std::vector<RecordFormat::Step>> RecordFormat::parse_steps(std::string_view text, bool in_header) {
  std::vector<Step> steps;
  const auto literal = [&](char c) {
    if (steps.empty() || steps.back().verb != 0) steps.emplace_back();
    steps.back().literal += c;
  };
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\') {
      const auto begin = at;
      const auto byte = parse_escape(text, at);
      if (!byte) return wrong(text, begin);
      literal(*byte);
    } else if (text[at] != '%') {
      literal(text[at++]);
    } else {
      const auto verbs = in_header ? header_verbs : record_verbs;
      if (at + 1 >= text.size() || verbs.find(text[at + 1]) == std::string_view::npos) return wrong(text, at);
      const char verb = text[at + 1];
      at += 2;
      if (verb == '%' || verb == '{' || verb == '}') {
        literal(verb);
        continue;
      }
      auto& step = steps.emplace_back();
      step.verb = verb;
      SLUICE_TRY(parse_braces(text, at, step, in_header));
    }
  }
  return steps;
}

void RecordFormat::append(const PrintedRecord& record, std::string& out) const {
  append_steps(steps_, record, out);
}

void RecordFormat::append_steps(const std::vector<Step>& steps, const PrintedRecord& record,
                                std::string& out) {
  for (const auto& step : steps) append_step(step, record, out);
}

void RecordFormat::append_bytes(const std::optional<BytesView>& bytes, Encoding encoding, std::string& out) {
  if (!bytes) return;
  switch (encoding) {
    case Encoding::raw:
      out += as_text(*bytes);
      break;
    case Encoding::hex:
      for (const auto byte : *bytes) out += fmt::format("{:02x}", static_cast<unsigned>(byte));
      break;
    case Encoding::base64:
      out += base64(*bytes);
      break;
  }
}

/// Each header by its own format, or "name=value,name=value".
void RecordFormat::append_headers(const Step& step, const PrintedRecord& record, std::string& out) {
  bool first = true;
  for (const auto& header : record.headers) {
    if (!step.each.empty()) {
      PrintedRecord as_record;
      as_record.key = header.name;
      as_record.value = header.value;
      append_steps(step.each, as_record, out);
      continue;
    }
    if (!std::exchange(first, false)) out += ',';
    append_bytes(header.name, Encoding::raw, out);
    out += '=';
    append_bytes(header.value, Encoding::raw, out);
  }
}

void RecordFormat::append_step(const Step& step, const PrintedRecord& record, std::string& out) {
  const auto number = [&](std::int64_t value) { out += std::to_string(value); };
  const auto length = [&](const std::optional<BytesView>& bytes) {
    number(bytes ? static_cast<std::int64_t>(bytes->size()) : -1);
  };
  switch (step.verb) {
    case 't':
      out += record.topic;
      break;
    case 'T':
      return number(static_cast<std::int64_t>(record.topic.size()));
    case 'p':
      return number(record.partition.value);
    case 'o':
      return number(record.offset.value);
    case 'd':
      return number(record.timestamp_ms);
    case 'e':
      return number(record.leader_epoch.value);
    case 'x':
      return number(record.producer_id.value);
    case 'y':
      return number(record.producer_epoch.value);
    case 'i':
      return number(record.number);
    case 'k':
      return append_bytes(record.key, step.encoding, out);
    case 'v':
    case 's':
      return append_bytes(record.value, step.encoding, out);
    case 'K':
      return length(record.key);
    case 'V':
    case 'S':
      return length(record.value);
    case 'h':
      return append_headers(step, record, out);
    case 'H':
      return number(static_cast<std::int64_t>(record.headers.size()));
    default:
      out += step.literal;
  }
}

void append_json(const PrintedRecord& record, std::string& out) {
  out +=
      fmt::format("{{\"topic\":{},\"partition\":{},\"offset\":{},\"timestamp\":{}", json_string(record.topic),
                  record.partition.value, record.offset.value, record.timestamp_ms);
  append_json_bytes("key", record.key, out);
  append_json_bytes("value", record.value, out);
  if (!record.headers.empty()) {
    out += ",\"headers\":[";
    bool first = true;
    for (const auto& header : record.headers) {
      out += std::exchange(first, false) ? "{\"name\":" : ",{\"name\":";
      out += json_string(as_text(header.name));
      append_json_bytes("value", header.value, out);
      out += '}';
    }
    out += ']';
  }
  out += "}\n";
}

}  // namespace sluice::cli
