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

[[gnu::always_inline]] inline std::uint64_t load(const char* p) {
  return base::load_le<std::uint64_t>(reinterpret_cast<const std::byte*>(p));
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Past white space; stops at `end`. Nearly always there is none.
[[gnu::always_inline]] inline const char* skip_space(const char* p, const char* end) {
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
[[gnu::always_inline]] inline Digits leading_digits(std::uint64_t word) {
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
constexpr std::array<std::uint64_t, 9> whole_powers = {1,      10,      100,      1000,       10000,
                                                       100000, 1000000, 10000000, 100'000'000};
constexpr std::uint64_t exact_in_double_max = std::uint64_t{1} << 53;

/// Bit i: byte i of both is the same. `pattern` is aligned to 16 bytes.
[[gnu::always_inline]] inline std::uint32_t same_bytes(const char* p, const char* pattern) {
#if defined(__SSE2__)
  const auto half = [&](int at) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + at));
    const __m128i wanted = _mm_load_si128(reinterpret_cast<const __m128i*>(pattern + at));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, wanted)));
  };
  return half(0) | half(16) << 16;
#else
  std::uint32_t same = 0;
  for (unsigned i = 0; i < 32; ++i) same |= p[i] == pattern[i] ? std::uint32_t{1} << i : 0;
  return same;
#endif
}

/// Where a string's content ends: the first quote, backslash or control character at or after p; and whether
/// a byte beyond ASCII lies before it. nullptr where it is not inside [p, end).
[[gnu::always_inline]] inline const char* text_end(const char* p, const char* end, bool& beyond_ascii) {
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

/// One record's walk. Everything that a step needs lies here in plain pointers, so that the compiler can keep
/// it in registers.
class Decoder::Quick {
 public:
  Quick(Decoder& decoder, const char* end)
      : decoder_(decoder),
        end_(end),
        record_(decoder.record_),
        seen_(decoder.seen_.data()),
        slots_(decoder.slots_.data()),
        fields_(decoder.seen_.size()),
        bits_(decoder.row_.bits.data()),
        text_(decoder.row_.text.data()),
        present_(decoder.row_.present.data()) {}

  bool run(const char* p) {
    p = skip_space(p, end_);
    if (p >= end_ || *p != '{') return false;
    ++p;
    std::size_t previous = fields_;
    for (std::size_t seen = 1;; ++seen) {
      std::size_t index = slots_[previous].next;
      p = key(p, previous, index);
      if (p == nullptr || p >= end_ || seen_[index] == record_) return false;
      seen_[index] = record_;
      previous = index;
      p = value(p, index);
      if (p == nullptr) return false;
      p = skip_space(p, end_);
      if (*p == ',') {
        ++p;
        continue;
      }
      if (p >= end_ || *p != '}') return false;
      p = skip_space(p + 1, end_);
      return p == end_ && finish(seen);
    }
  }

 private:
  /// Fields that were not there are null.
  bool finish(std::size_t seen) {
    if (seen == fields_) return true;
    for (std::size_t i = 0; i < fields_; ++i) {
      if (seen_[i] == record_) continue;
      if (!slots_[i].nullable) return false;
      bits_[i] = 0;
      text_[i] = {};
      present_[i] = 0;
    }
    return true;
  }

  /// Takes a key with its colon and the white space behind, p being at or before it. `index` is the field
  /// expected, and becomes the one that is there.
  [[gnu::always_inline]] const char* key(const char* p, std::size_t previous, std::size_t& index) {
    p = skip_space(p, end_);
    if (p >= end_) return nullptr;
    const Slot& slot = slots_[index];
    const bool expected =
        slot.pattern_bytes != 0 && (same_bytes(p, slot.pattern) | slot.others) == ~std::uint32_t{0};
    if (expected) [[likely]]
      return skip_space(p + slot.pattern_bytes, end_);
    return decoder_.quick_key_slow(p, end_, previous, index);
  }

  [[gnu::always_inline]] const char* value(const char* p, std::size_t index) {
    if (*p == 'n') [[unlikely]]
      return literal(p, index);
    present_[index] = 1;
    switch (slots_[index].type) {
      case Type::int64:
        return integer(p, index);
      case Type::float64:
        return real(p, index);
      case Type::boolean:
        return literal(p, index);
      case Type::string:
        return text(p, index);
      default:
        return time(p, index);
    }
  }

  const char* literal(const char* p, std::size_t index) {
    const Slot& slot = slots_[index];
    bits_[index] = 0;
    if (std::memcmp(p, "null", 4) == 0) {
      text_[index] = {};
      present_[index] = 0;
      return slot.nullable ? p + 4 : nullptr;
    }
    if (slot.type != Type::boolean) return nullptr;
    if (std::memcmp(p, "true", 4) == 0) {
      bits_[index] = 1;
      return p + 4;
    }
    return std::memcmp(p, "false", 5) == 0 ? p + 5 : nullptr;
  }

  /// At most 15 digits; what follows them is for the caller to look at, so a fraction ends in refusal.
  [[gnu::always_inline]] const char* integer(const char* p, std::size_t index) {
    const bool negative = *p == '-';
    if (negative) ++p;
    const Digits high = leading_digits(load(p));
    if (high.count == 0 || (*p == '0' && high.count > 1)) return nullptr;
    std::uint64_t value = high.value;
    p += high.count;
    if (high.count == 8) {
      const Digits low = leading_digits(load(p));
      if (low.count == 8) return nullptr;
      value = value * whole_powers[low.count] + low.value;
      p += low.count;
    }
    bits_[index] = negative ? 0 - value : value;
    return p;
  }

  /// At most 8 digits on either side of the point and no exponent is exact: both the digits as a whole number
  /// and the power of ten are doubles, and their quotient is rounded once. Other forms: the library's own
  /// parser.
  [[gnu::always_inline]] const char* real(const char* p, std::size_t index) {
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
      mantissa = mantissa * whole_powers[fraction.count] + fraction.value;
      p += 1 + fraction.count;
    }
    const char next = *p;
    const bool goes_on = (next >= '0' && next <= '9') || next == 'e' || next == 'E' || next == '.';
    if (goes_on || mantissa > exact_in_double_max) [[unlikely]]
      return real_slow(begin, index);
    const double value = static_cast<double>(mantissa) / powers_of_ten[fraction_digits];
    bits_[index] = std::bit_cast<std::uint64_t>(negative ? -value : value);
    return p;
  }

  const char* real_slow(const char* begin, std::size_t index) {
    const char* q = begin;
    while (q < end_ &&
           ((*q >= '0' && *q <= '9') || *q == '-' || *q == '+' || *q == '.' || *q == 'e' || *q == 'E'))
      ++q;
    const std::string_view token(begin, static_cast<std::size_t>(q - begin));
    double value = 0;
    if (q >= end_ || number_form(token) == NumberForm::none || !parse_double(token, value)) return nullptr;
    bits_[index] = std::bit_cast<std::uint64_t>(value);
    return q;
  }

  [[gnu::always_inline]] const char* text(const char* p, std::size_t index) {
    if (*p != '"') return nullptr;
    ++p;
    bool beyond_ascii = false;
    const char* const last = text_end(p, end_, beyond_ascii);
    if (last == nullptr || *last != '"') return nullptr;
    text_[index] = std::string_view(p, static_cast<std::size_t>(last - p));
    return beyond_ascii && !simdjson::validate_utf8(text_[index]) ? nullptr : last + 1;
  }

  /// Dates and timestamps.
  const char* time(const char* p, std::size_t index) {
    if (*p != '"') return nullptr;
    ++p;
    bool beyond_ascii = false;
    const char* const last = text_end(p, end_, beyond_ascii);
    if (last == nullptr || *last != '"') return nullptr;
    const std::string_view text(p, static_cast<std::size_t>(last - p));
    const Type type = slots_[index].type;
    std::int64_t whole = 0;
    const bool fits =
        type == Type::date
            ? parse_date(text, whole)
            : parse_timestamp(text, type == Type::timestamp ? Zone::with : Zone::without, whole);
    bits_[index] = static_cast<std::uint64_t>(whole);
    return fits ? last + 1 : nullptr;
  }

  Decoder& decoder_;
  const char* const end_;
  const std::uint64_t record_;
  std::uint64_t* const seen_;
  Slot* const slots_;
  const std::size_t fields_;
  std::uint64_t* const bits_;
  std::string_view* const text_;
  std::uint8_t* const present_;
};

bool Decoder::decode_quickly(BytesView value) {
  if (value.empty()) return false;
  ++record_;
  const char* const p = reinterpret_cast<const char*>(value.data());
  return Quick(*this, p + value.size()).run(p);
}

/// A key that was not expected here; it is expected the next time.
const char* Decoder::quick_key_slow(const char* p, const char* end, std::size_t previous,
                                    std::size_t& index) {
  if (*p != '"') return nullptr;
  bool beyond_ascii = false;
  const char* const last = text_end(p + 1, end, beyond_ascii);
  if (last == nullptr || *last != '"') return nullptr;
  const std::string_view key(p + 1, static_cast<std::size_t>(last - p - 1));
  const auto found = index_.find(key);  // a key that is found is valid UTF-8, for the schema's are
  if (found == index_.end()) return nullptr;
  index = found->second;
  slots_[previous].next = index;
  p = skip_space(last + 1, end);
  if (p >= end || *p != ':') return nullptr;
  return skip_space(p + 1, end);
}

}  // namespace sluice::lake
