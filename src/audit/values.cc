#include "audit/values.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>

namespace sluice::audit {
namespace {

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t micros_per_hour = 3600 * micros_per_second;
constexpr std::int64_t micros_per_day = 24 * micros_per_hour;

/// `count` decimal digits at the front of `text`, which are taken off.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int out = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return out;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || *year < 1 || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

/// ".f" with 1 to 9 digits, as microseconds; 0 where there is none.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return 0;
  std::int64_t micros = 0;
  int digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    ++digits;
    if (digits <= 6) micros = micros * 10 + (text.front() - '0');
    if (digits > 9 || (digits > 6 && text.front() != '0')) return std::nullopt;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 6; ++digits) micros *= 10;
  return micros;
}

std::optional<std::int64_t> take_time_of_day(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  return (*hour * 3600 + *minute * 60 + *second) * micros_per_second + *fraction;
}

/// "Z", "+HH:MM" or "-HH:MM" as the microseconds that the clock is ahead of UTC.
std::optional<std::int64_t> take_zone(std::string_view& text) {
  if (take(text, 'Z')) return 0;
  const bool ahead = take(text, '+');
  if (!ahead && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const std::int64_t offset = (*hours * 60 + *minutes) * 60 * micros_per_second;
  return ahead ? offset : -offset;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

}  // namespace

std::optional<std::int64_t> to_int64(std::string_view number) {
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out);
  if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  return out;
}

std::optional<double> to_double(std::string_view number) {
  double out = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out);
  if (error == std::errc{} && std::isfinite(out) && out != 0) return out;
  // Too large, too small, or zero: strtod tells them apart.
  out = std::strtod(std::string(number).c_str(), nullptr);
  if (!std::isfinite(out)) return std::nullopt;
  return out;
}

std::optional<std::int64_t> to_date(std::string_view text) {
  const auto days = take_date(text);
  if (!days || !text.empty()) return std::nullopt;
  return days;
}

std::optional<std::int64_t> to_timestamp(std::string_view text, bool zoned) {
  const auto days = take_date(text);
  if (!days || (!take(text, 'T') && !take(text, ' '))) return std::nullopt;
  const auto time = take_time_of_day(text);
  if (!time) return std::nullopt;
  std::int64_t micros = *days * micros_per_day + *time;
  if (zoned) {
    const auto ahead = take_zone(text);
    if (!ahead) return std::nullopt;
    micros -= *ahead;
  }
  if (!text.empty()) return std::nullopt;
  return micros;
}

std::int64_t day_of(std::int64_t micros) {
  return floor_div(micros, micros_per_day);
}

std::string date_text(std::int64_t days) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string timestamp_text(std::int64_t micros) {
  const auto day = day_of(micros);
  const auto rest = micros - day * micros_per_day;
  const auto seconds = rest / micros_per_second;
  auto out =
      fmt::format("{} {:02}:{:02}:{:02}", date_text(day), seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (rest % micros_per_second != 0) out += fmt::format(".{:06}", rest % micros_per_second);
  return out;
}

std::string hour_text(std::int64_t micros) {
  const auto day = day_of(micros);
  return fmt::format("{}-{:02}", date_text(day), (micros - day * micros_per_day) / micros_per_hour);
}

std::string hive_escape(std::string_view text) {
  static constexpr std::string_view escaped = "\"#%'*/:=?\\{[]^\x7f";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || escaped.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace sluice::audit
