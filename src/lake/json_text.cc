#include "lake/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

#include "base/bytes.h"

namespace sluice::lake {
namespace {

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t seconds_per_day = 86'400;
constexpr std::size_t date_bytes = 10;       // YYYY-MM-DD
constexpr std::size_t date_time_bytes = 19;  // YYYY-MM-DDTHH:MM:SS

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// `count` digits at text[at] as a number; -1 where one of them is none. The caller has compared the length.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// Days of the year before the month after [i]: month m has [m] - [m - 1].
using MonthEnds = std::array<unsigned, 13>;
constexpr MonthEnds common_month_ends = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
constexpr MonthEnds leap_month_ends = {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366};
constexpr std::int64_t days_until_1970 = 719162;  // from 0001-01-01

bool is_leap(unsigned year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/// The power of ten of the first significant digit: 0 for 1.5, 2 for 150, -3 for 0.0015. Saturates.
std::int64_t decimal_magnitude(std::string_view token) {
  std::int64_t point = 0;
  std::int64_t first = 0;
  bool seen_point = false;
  bool seen_digit = false;
  std::size_t i = token.starts_with('-') ? 1 : 0;
  for (; i < token.size() && (is_digit(token[i]) || token[i] == '.'); ++i) {
    if (token[i] == '.') {
      seen_point = true;
      continue;
    }
    if (!seen_point) ++point;
    if (!seen_digit && token[i] != '0') {
      seen_digit = true;
    } else if (!seen_digit) {
      ++first;
    }
  }
  std::int64_t exponent = 0;
  if (i < token.size()) {
    ++i;  // e or E
    const bool negative = token[i] == '-';
    if (token[i] == '-' || token[i] == '+') ++i;
    for (; i < token.size(); ++i)
      exponent = std::min<std::int64_t>(exponent * 10 + (token[i] - '0'), 1'000'000'000);
    if (negative) exponent = -exponent;
  }
  return point - 1 - first + exponent;
}

}  // namespace

NumberForm number_form(std::string_view token) {
  const char* p = token.data();
  const char* const end = p + token.size();
  if (p != end && *p == '-') ++p;
  if (p == end || !is_digit(*p)) return NumberForm::none;
  if (*p == '0') {
    ++p;
  } else {
    while (p != end && is_digit(*p)) ++p;
  }
  if (p == end) return NumberForm::integer;
  if (*p == '.') {
    ++p;
    if (p == end || !is_digit(*p)) return NumberForm::none;
    while (p != end && is_digit(*p)) ++p;
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    if (p == end || !is_digit(*p)) return NumberForm::none;
    while (p != end && is_digit(*p)) ++p;
  }
  return p == end ? NumberForm::real : NumberForm::none;
}

bool parse_int64(std::string_view token, std::int64_t& value) {
  const auto [p, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  return error == std::errc{} && p == token.data() + token.size();
}

bool parse_double(std::string_view token, double& value) {
  const auto [p, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error == std::errc::result_out_of_range) {
    // from_chars says the same of what is too large and what is too small.
    if (decimal_magnitude(token) > 0) return false;
    value = token.starts_with('-') ? -0.0 : 0.0;
    return true;
  }
  return error == std::errc{} && p == token.data() + token.size() && std::isfinite(value);
}

bool parse_date(std::string_view text, std::int64_t& days) {
  if (text.size() != date_bytes || text[4] != '-' || text[7] != '-') return false;
  // The eight digits in one word, as numbers: Y Y Y Y M M D D from the lowest byte on.
  const auto at = [&](std::size_t i) { return reinterpret_cast<const std::byte*>(text.data()) + i; };
  const std::uint64_t word = base::load_le<std::uint32_t>(at(0)) |
                             static_cast<std::uint64_t>(base::load_le<std::uint16_t>(at(5))) << 32 |
                             static_cast<std::uint64_t>(base::load_le<std::uint16_t>(at(8))) << 48;
  const std::uint64_t t = word ^ 0x3030303030303030u;
  if ((((t + 0x7676767676767676u) | t) & 0x8080808080808080u) != 0) return false;
  const std::uint64_t pairs = (t * 10 + (t >> 8)) & 0x00FF00FF00FF00FFu;
  const auto pair = [&](unsigned i) { return static_cast<unsigned>(pairs >> (16 * i) & 0xFFu); };
  const unsigned year = pair(0) * 100 + pair(1);
  const unsigned month = pair(2);
  const unsigned day = pair(3);
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const auto& month_ends = is_leap(year) ? leap_month_ends : common_month_ends;
  if (day > month_ends[month] - month_ends[month - 1]) return false;
  const std::int64_t before = year - 1;
  days = before * 365 + before / 4 - before / 100 + before / 400 - days_until_1970 + month_ends[month - 1] +
         day - 1;
  return true;
}

namespace {

/// Takes ".f" off the front of `text`; microseconds in `micros`. True where there is none.
bool take_fraction(std::string_view& text, std::int64_t& micros) {
  micros = 0;
  if (!text.starts_with('.')) return true;
  std::size_t n = 1;
  std::int64_t scale = micros_per_second;
  for (; n < text.size() && is_digit(text[n]); ++n) {
    if (n > 9 || (n > 6 && text[n] != '0')) return false;
    if (n > 6) continue;
    scale /= 10;
    micros += (text[n] - '0') * scale;
  }
  text.remove_prefix(n);
  return n > 1;
}

/// The whole of `text` as a zone, in seconds east of UTC.
bool parse_zone(std::string_view text, std::int64_t& seconds) {
  seconds = 0;
  if (text == "Z") return true;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return false;
  const int hours = digits(text, 1, 2);
  const int minutes = digits(text, 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
  seconds = (hours * 60 + minutes) * 60 * (text[0] == '-' ? -1 : 1);
  return true;
}

}  // namespace

bool parse_timestamp(std::string_view text, Zone zone, std::int64_t& micros) {
  if (text.size() < date_time_bytes || (text[10] != 'T' && text[10] != ' ')) return false;
  std::int64_t days = 0;
  if (!parse_date(text.substr(0, date_bytes), days) || text[13] != ':' || text[16] != ':') return false;
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  const int second = digits(text, 17, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  std::string_view rest = text.substr(date_time_bytes);
  std::int64_t fraction = 0;
  if (!take_fraction(rest, fraction)) return false;
  std::int64_t east = 0;
  if (zone == Zone::without ? !rest.empty() : !parse_zone(rest, east)) return false;
  const std::int64_t seconds = days * seconds_per_day + (hour * 60 + minute) * 60 + second - east;
  micros = seconds * micros_per_second + fraction;
  return true;
}

CivilDay civil_from_days(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const auto of_era = static_cast<unsigned>(days - era * 146097);
  const unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned m = (5 * of_year + 2) / 153;
  const unsigned month = m < 10 ? m + 3 : m - 9;
  return {static_cast<std::int64_t>(year_of_era) + era * 400 + (month <= 2 ? 1 : 0), month,
          of_year - (153 * m + 2) / 5 + 1};
}

}  // namespace sluice::lake
