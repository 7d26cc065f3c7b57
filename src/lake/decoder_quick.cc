// The quick road of the decoder. It knows records whose keys and strings have no escapes and whose numbers
// are plain, in any order of fields (the order of the last record is tried first). Everything else it refuses
// by returning nullptr; it never has to say why.
//
// It looks up to value_padding_bytes past the record's end without harm: what it finds there can only make it
// walk past `end`, and then the record is refused. `end` is compared once before every key and every value,
// and between two comparisons it advances by less than the padding.
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include <simdjson.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "lake/decoder.h"
#include "lake/json_text.h"
#include "lake/range_writer.h"

namespace sluice::lake {
namespace {

std::uint64_t load(const char* p) {
  return base::load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(p));
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Past white space; stops at `end`. Nearly always there is none.
const char* skip_space(const char* p, const char* end) {
  if (static_cast<unsigned char>(*p) > ' ') [[likely]]
    return p;
  while (p < end && is_space(*p)) ++p;
  return p;
}

/// What a word of text has of digits at its front.
struct Digits {
  unsigned count;       ///< 0 to 8
  std::uint64_t value;  ///< of these digits as a number
};

/// All eight bytes at once: which are digits, then pairs, fours and the eight by one multiplication each.
Digits leading_digits(std::uint64_t word) {
  const std::uint64_t t = word ^ 0x3030303030303030u;  // digits become 0 to 9
  const std::uint64_t other = ((t + 0x7676767676767676u) | t) & 0x8080808080808080u;
  const unsigned count = other == 0 ? 8 : static_cast<unsigned>(std::countr_zero(other)) / 8;
  if (count == 0) return {0, 0};
  std::uint64_t v = t << (8 * (8 - count));  // the digits stand last, zeros before them
  v = (v * 10) + (v >> 8);
  v = (((v & 0x000000FF000000FFu) * 0x000F424000000064u) +
       (((v >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u)) >>
      32;
  return {count, v};
}

constexpr std::array<double, 23> powers_of_ten = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::uint64_t hundred_million = 100'000'000;
constexpr std::uint64_t exact_in_double_max = std::uint64_t{1} << 53;

/// Where a string's content ends: the first quote, backslash or control character at or after p; and whether
/// a byte beyond ASCII lies before it. nullptr where it is not inside [p, end).
const char* text_end(const char* p, const char* end, bool& beyond_ascii) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i control_max = _mm_set1_epi8(0x1f);
  for (; p < end; p += 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
                                      _mm_cmpeq_epi8(_mm_min_epu8(v, control_max), v));
    const auto stops = static_cast<unsigned>(_mm_movemask_epi8(stop));
    const auto high = static_cast<unsigned>(_mm_movemask_epi8(v));
    if (stops != 0) {
      beyond_ascii = beyond_ascii || (high & (stops - 1) & ~stops) != 0;
      p += std::countr_zero(stops);
      return p < end ? p : nullptr;
    }
    beyond_ascii = beyond_ascii || high != 0;
  }
#else
  for (; p < end; ++p) {
    const auto byte = static_cast<unsigned char>(*p);
    if (byte == '"' || byte == '\\' || byte < 0x20) return p;
    beyond_ascii = beyond_ascii || byte >= 0x80;
  }
#endif
  return nullptr;
}

}  // namespace

bool Decoder::decode_quickly(BytesView value) {
  const char* p = reinterpret_cast<const char*>(value.data());
  const char* const end = p + value.size();
  if (value.empty()) return false;
  p = skip_space(p, end);
  if (p >= end || *p != '{') return false;
  ++p;
  ++record_;
  previous_ = slots_.size() - 1;
  for (std::size_t seen = 1;; ++seen) {
    std::size_t index = 0;
    p = quick_key(p, end, index);
    if (p == nullptr || seen_[index] == record_) return false;
    seen_[index] = record_;
    previous_ = index;
    p = quick_value(p, end, index);
    if (p == nullptr) return false;
    p = skip_space(p, end);
    if (*p == ',') {
      ++p;
      continue;
    }
    if (p >= end || *p != '}') return false;
    p = skip_space(p + 1, end);
    return p == end && quick_finish(seen);
  }
}

/// Fields that were not there are null.
bool Decoder::quick_finish(std::size_t seen) {
  if (seen == seen_.size()) return true;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    if (seen_[i] == record_) continue;
    if (!slots_[i].nullable) return false;
    row_.bits[i] = 0;
    row_.text[i] = {};
    row_.present[i] = 0;
  }
  return true;
}

/// Takes a key with its colon and the white space behind; p is at or before it.
const char* Decoder::quick_key(const char* p, const char* end, std::size_t& index) {
  p = skip_space(p, end);
  if (p >= end) return nullptr;
  index = slots_[previous_].next;
  if (index + 1 < slots_.size()) {
    const Slot& slot = slots_[index];
    const std::size_t bytes = slot.pattern_bytes;
    std::size_t word = 0;
    std::uint64_t different = bytes == 0 ? 1 : 0;
    for (; (word + 1) * 8 < bytes; ++word) different |= load(p + word * 8) ^ slot.pattern[word];
    different |= (load(p + word * 8) ^ slot.pattern[word]) & slot.last_mask;
    if (different == 0) [[likely]]
      return skip_space(p + bytes, end);
  }
  return quick_key_slow(p, end, index);
}

/// A key that was not expected here; it is expected the next time.
const char* Decoder::quick_key_slow(const char* p, const char* end, std::size_t& index) {
  if (*p != '"') return nullptr;
  bool beyond_ascii = false;
  const char* const last = text_end(p + 1, end, beyond_ascii);
  if (last == nullptr || *last != '"') return nullptr;
  const std::string_view key(p + 1, static_cast<std::size_t>(last - p - 1));
  const auto found = index_.find(key);  // a key that is found is valid UTF-8, for the schema's are
  if (found == index_.end()) return nullptr;
  index = found->second;
  slots_[previous_].next = index;
  p = skip_space(last + 1, end);
  if (p >= end || *p != ':') return nullptr;
  return skip_space(p + 1, end);
}

const char* Decoder::quick_value(const char* p, const char* end, std::size_t index) {
  if (p >= end) return nullptr;
  if (*p == 'n') return quick_literal(p, index);
  row_.present[index] = 1;
  switch (slots_[index].type) {
    case Type::int64:
      return quick_int64(p, index);
    case Type::float64:
      return quick_double(p, end, index);
    case Type::boolean:
      return quick_literal(p, index);
    default:
      return quick_text(p, end, index);
  }
}

const char* Decoder::quick_literal(const char* p, std::size_t index) {
  const Slot& slot = slots_[index];
  row_.bits[index] = 0;
  if (std::memcmp(p, "null", 4) == 0) {
    row_.text[index] = {};
    row_.present[index] = 0;
    return slot.nullable ? p + 4 : nullptr;
  }
  if (slot.type != Type::boolean) return nullptr;
  if (std::memcmp(p, "true", 4) == 0) {
    row_.bits[index] = 1;
    return p + 4;
  }
  return std::memcmp(p, "false", 5) == 0 ? p + 5 : nullptr;
}

/// At most 16 digits; what follows them is for the caller to look at, so a fraction ends in refusal.
const char* Decoder::quick_int64(const char* p, std::size_t index) {
  const bool negative = *p == '-';
  if (negative) ++p;
  const Digits high = leading_digits(load(p));
  if (high.count == 0 || (*p == '0' && high.count > 1)) return nullptr;
  std::uint64_t value = high.value;
  p += high.count;
  if (high.count == 8) {
    const Digits low = leading_digits(load(p));
    if (low.count == 8) return nullptr;
    constexpr std::array<std::uint64_t, 8> scale = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    value = value * scale[low.count] + low.value;
    p += low.count;
  }
  row_.bits[index] = negative ? 0 - value : value;
  return p;
}

/// At most 8 digits on either side of the point and no exponent is exact: both the digits as a whole number
/// and the power of ten are doubles, and their quotient is rounded once. Other forms: the library's own
/// parser.
const char* Decoder::quick_double(const char* p, const char* end, std::size_t index) {
  const char* const begin = p;
  const bool negative = *p == '-';
  if (negative) ++p;
  const Digits whole = leading_digits(load(p));
  if (whole.count == 0 || (*p == '0' && whole.count > 1)) return nullptr;
  p += whole.count;
  std::uint64_t mantissa = whole.value;
  unsigned fraction_digits = 0;
  if (*p == '.') {
    const Digits fraction = leading_digits(load(p + 1));
    if (fraction.count == 0) return nullptr;
    fraction_digits = fraction.count;
    constexpr std::array<std::uint64_t, 9> scale = {1,      10,      100,      1000,           10000,
                                                    100000, 1000000, 10000000, hundred_million};
    mantissa = mantissa * scale[fraction.count] + fraction.value;
    p += 1 + fraction.count;
  }
  const char next = *p;
  const bool goes_on = (next >= '0' && next <= '9') || next == 'e' || next == 'E' || next == '.';
  if (!goes_on && mantissa <= exact_in_double_max) [[likely]] {
    const double value = static_cast<double>(mantissa) / powers_of_ten[fraction_digits];
    row_.bits[index] = std::bit_cast<std::uint64_t>(negative ? -value : value);
    return p;
  }
  const char* q = begin;
  while (q < end &&
         ((*q >= '0' && *q <= '9') || *q == '-' || *q == '+' || *q == '.' || *q == 'e' || *q == 'E'))
    ++q;
  const std::string_view token(begin, static_cast<std::size_t>(q - begin));
  double value = 0;
  if (q >= end || number_form(token) == NumberForm::none || !parse_double(token, value)) return nullptr;
  row_.bits[index] = std::bit_cast<std::uint64_t>(value);
  return q;
}

const char* Decoder::quick_text(const char* p, const char* end, std::size_t index) {
  if (*p != '"') return nullptr;
  ++p;
  bool beyond_ascii = false;
  const char* const last = text_end(p, end, beyond_ascii);
  if (last == nullptr || *last != '"') return nullptr;
  const std::string_view text(p, static_cast<std::size_t>(last - p));
  std::int64_t whole = 0;
  bool fits = true;
  switch (slots_[index].type) {
    case Type::date:
      fits = parse_date(text, whole);
      break;
    case Type::timestamp:
      fits = parse_timestamp(text, Zone::with, whole);
      break;
    case Type::timestamp_local:
      fits = parse_timestamp(text, Zone::without, whole);
      break;
    default:
      row_.text[index] = text;
      return beyond_ascii && !simdjson::validate_utf8(text) ? nullptr : last + 1;
  }
  row_.bits[index] = static_cast<std::uint64_t>(whole);
  return fits ? last + 1 : nullptr;
}

}  // namespace sluice::lake
