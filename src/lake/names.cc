#include "lake/names.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <iterator>

namespace sluice::lake {

std::string printable(std::string_view text) {
  const bool cut = text.size() > printable_bytes_max;
  std::string out(text.substr(0, printable_bytes_max));
  // A cut may leave the beginning of a character behind; drop it rather than call the text invalid.
  if (cut) {
    std::size_t tail = 0;
    while (tail < 3 && tail < out.size() &&
           (static_cast<unsigned char>(out[out.size() - 1 - tail]) & 0xC0u) == 0x80u)
      ++tail;
    if (tail < out.size() && static_cast<unsigned char>(out[out.size() - 1 - tail]) >= 0xC0u) {
      const std::string_view last = std::string_view(out).substr(out.size() - 1 - tail);
      if (!simdjson::validate_utf8(last)) out.resize(out.size() - 1 - tail);
    }
  }
  const bool utf8 = simdjson::validate_utf8(out);
  for (char& c : out)
    if (is_control(c) || (!utf8 && static_cast<unsigned char>(c) >= 0x80u)) c = '?';
  if (cut) out += "...";
  return out;
}

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (is_control(c)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_base64(std::string& out, BytesView bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t begin = out.size();
  out.resize(begin + (bytes.size() + 2) / 3 * 4, '=');
  char* to = out.data() + begin;
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const auto v = static_cast<unsigned>(bytes[i]) << 16 | static_cast<unsigned>(bytes[i + 1]) << 8 |
                   static_cast<unsigned>(bytes[i + 2]);
    *to++ = alphabet[v >> 18];
    *to++ = alphabet[v >> 12 & 63u];
    *to++ = alphabet[v >> 6 & 63u];
    *to++ = alphabet[v & 63u];
  }
  const std::size_t left = bytes.size() - i;
  if (left == 0) return;
  const auto v =
      static_cast<unsigned>(bytes[i]) << 16 | (left == 2 ? static_cast<unsigned>(bytes[i + 1]) << 8 : 0u);
  *to++ = alphabet[v >> 18];
  *to++ = alphabet[v >> 12 & 63u];
  if (left == 2) *to = alphabet[v >> 6 & 63u];
}

}  // namespace sluice::lake
