#include "audit/json_scan.h"

namespace sluice::audit {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The value of 4 hexadecimal digits at `at`; negative where they are not there.
int hex4(const char* at, const char* end) {
  if (end - at < 4) return -1;
  int out = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    const int digit = is_digit(c)            ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return -1;
    out = out * 16 + digit;
  }
  return out;
}

bool is_high_surrogate(int unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low_surrogate(int unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

void append_utf8(int code_point, std::string& out) {
  const auto put = [&](int byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

}  // namespace

std::size_t utf8_sequence(const char* at, const char* end) {
  const auto byte = [&](int i) { return static_cast<unsigned char>(at[i]); };
  if (at == end) return 0;
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const int length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || end - at < length) return 0;
  for (int i = 1; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;  // longer than it need be
  if (lead == 0xED && byte(1) > 0x9F) return 0;  // a surrogate
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;  // beyond U+10FFFF
  return static_cast<std::size_t>(length);
}

void append_unescaped(std::string_view raw, std::string& out) {
  const char* at = raw.data();
  const char* const end = at + raw.size();
  while (at != end) {
    if (*at != '\\') {
      out += *at++;
      continue;
    }
    const char kind = at[1];
    at += 2;
    switch (kind) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u': {
        int unit = hex4(at, end);
        at += 4;
        if (is_high_surrogate(unit)) {
          unit = 0x10000 + ((unit - 0xD800) << 10) + (hex4(at + 2, end) - 0xDC00);
          at += 6;
        }
        append_utf8(unit, out);
        break;
      }
      default:
        out += kind;
    }
  }
}

bool JsonScanner::scan(std::string_view text) {
  members_.clear();
  keys_.clear();
  keys_.reserve(text.size());
  at_ = text.data();
  end_ = at_ + text.size();
  skip_space();
  if (at_ == end_ || *at_ != '{' || !scan_object_members(1, true)) return false;
  skip_space();
  return at_ == end_;
}

void JsonScanner::skip_space() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

std::string_view JsonScanner::unescaped_key(const JsonValue& value) {
  if (!value.escaped) return value.raw;
  const auto begin = keys_.size();
  append_unescaped(value.raw, keys_);
  return std::string_view(keys_).substr(begin);
}

bool JsonScanner::scan_object_members(int depth, bool keep) {
  if (depth > json_depth_max) return false;
  ++at_;  // '{'
  skip_space();
  if (at_ != end_ && *at_ == '}') {
    ++at_;
    return true;
  }
  while (true) {
    JsonValue key;
    JsonValue value;
    skip_space();
    if (at_ == end_ || *at_ != '"' || !scan_string(key)) return false;
    skip_space();
    if (at_ == end_ || *at_++ != ':') return false;
    if (!scan_value(depth, value)) return false;
    if (keep) members_.push_back({unescaped_key(key), value});
    skip_space();
    if (at_ == end_) return false;
    const char next = *at_++;
    if (next == '}') return true;
    if (next != ',') return false;
  }
}

bool JsonScanner::scan_elements(int depth) {
  if (depth > json_depth_max) return false;
  ++at_;  // '['
  skip_space();
  if (at_ != end_ && *at_ == ']') {
    ++at_;
    return true;
  }
  while (true) {
    JsonValue value;
    if (!scan_value(depth, value)) return false;
    skip_space();
    if (at_ == end_) return false;
    const char next = *at_++;
    if (next == ']') return true;
    if (next != ',') return false;
  }
}

bool JsonScanner::scan_value(int depth, JsonValue& value) {
  using Kind = JsonValue::Kind;
  skip_space();
  if (at_ == end_) return false;
  const char* const begin = at_;
  bool good = false;
  switch (*at_) {
    case '"':
      value.kind = Kind::string;
      return scan_string(value);
    case '{':
      value.kind = Kind::object;
      good = scan_object_members(depth + 1, false);
      break;
    case '[':
      value.kind = Kind::array;
      good = scan_elements(depth + 1);
      break;
    case 't':
      value.kind = Kind::boolean;
      good = scan_word("true");
      break;
    case 'f':
      value.kind = Kind::boolean;
      good = scan_word("false");
      break;
    case 'n':
      value.kind = Kind::null;
      good = scan_word("null");
      break;
    default:
      value.kind = Kind::number;
      good = scan_number();
  }
  value.raw = std::string_view(begin, static_cast<std::size_t>(at_ - begin));
  return good;
}

bool JsonScanner::scan_word(std::string_view word) {
  if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

bool JsonScanner::scan_number() {
  const auto digits = [this] {
    if (at_ == end_ || !is_digit(*at_)) return false;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return true;
  };
  if (at_ != end_ && *at_ == '-') ++at_;
  if (at_ != end_ && *at_ == '0') {
    ++at_;
  } else if (!digits()) {
    return false;
  }
  if (at_ != end_ && *at_ == '.') {
    ++at_;
    if (!digits()) return false;
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (!digits()) return false;
  }
  return true;
}

bool JsonScanner::scan_string(JsonValue& value) {
  const char* const begin = ++at_;
  while (at_ != end_) {
    const auto c = static_cast<unsigned char>(*at_);
    if (c == '"') {
      value.raw = std::string_view(begin, static_cast<std::size_t>(at_ - begin));
      ++at_;
      return true;
    }
    if (c == '\\') {
      value.escaped = true;
      if (!scan_escape()) return false;
    } else if (c < 0x20) {
      return false;
    } else if (c < 0x80) {
      ++at_;
    } else {
      const auto length = utf8_sequence(at_, end_);
      if (length == 0) return false;
      at_ += length;
    }
  }
  return false;
}

bool JsonScanner::scan_escape() {
  ++at_;  // '\'
  if (at_ == end_) return false;
  const char kind = *at_++;
  if (kind != 'u') return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
  const int unit = hex4(at_, end_);
  if (unit < 0 || is_low_surrogate(unit)) return false;
  at_ += 4;
  if (!is_high_surrogate(unit)) return true;
  if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u' || !is_low_surrogate(hex4(at_ + 2, end_)))
    return false;
  at_ += 6;
  return true;
}

}  // namespace sluice::audit
