#include "offsets/when.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <span>

namespace sluice::offsets {
namespace {

constexpr std::int64_t ms_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t second_ms = 1000;
constexpr std::int64_t minute_ms = 60 * second_ms;
constexpr std::int64_t hour_ms = 60 * minute_ms;
constexpr std::int64_t day_ms = 24 * hour_ms;

std::unexpected<Error> no_time(std::string_view text) {
  return fail(
      Code::invalid_argument, fmt::format("'{}' is no time; nothing was asked", text),
      "earliest, latest, max-timestamp, -2h, 2026-11-24T20:30:00Z, 2026-11-24 or milliseconds since 1970");
}

std::unexpected<Error> no_period(std::string_view text) {
  return fail(Code::invalid_argument, fmt::format("'{}' is no length of time; nothing was asked", text),
              "write it like PT1H30M, P2D, 90m or 2h");
}

template <class T>
bool all_digits(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && text.front() != '-' && error == std::errc{} && end == text.data() + text.size();
}

/// Takes exactly `count` digits from the front of `text`.
bool take_digits(std::string_view& text, std::size_t count, int& value) {
  if (text.size() < count || !all_digits(text.substr(0, count), value)) return false;
  text.remove_prefix(count);
  return true;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// ".5", ".123", ".123456789": milliseconds, what is finer is cut off. Nothing is 0.
bool take_fraction(std::string_view& text, std::int64_t& ms) {
  ms = 0;
  if (!take(text, '.') && !take(text, ',')) return true;
  std::int64_t scale = 100;
  std::size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits) {
    ms += (text.front() - '0') * scale;
    scale /= 10;
    text.remove_prefix(1);
  }
  return digits > 0 && digits <= 9;
}

/// "Z", "+01:00", "+0100", "+01" or nothing: what is added to UTC, in ms.
bool take_zone(std::string_view& text, std::int64_t& ms) {
  ms = 0;
  if (text.empty() || take(text, 'Z') || take(text, 'z')) return true;
  const bool west = text.starts_with('-');
  if (!take(text, '+') && !take(text, '-')) return false;
  int hours = 0;
  int minutes = 0;
  if (!take_digits(text, 2, hours)) return false;
  take(text, ':');
  if (!text.empty() && !take_digits(text, 2, minutes)) return false;
  ms = (hours * 60 + minutes) * minute_ms * (west ? -1 : 1);
  return hours <= 18 && minutes < 60;
}

/// "20:30", "20:30:00.000" with a zone behind it: milliseconds since midnight UTC.
bool take_clock(std::string_view& text, std::int64_t& ms) {
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t fraction = 0;
  std::int64_t zone = 0;
  if (!take_digits(text, 2, hour) || !take(text, ':') || !take_digits(text, 2, minute)) return false;
  if (take(text, ':') && (!take_digits(text, 2, second) || !take_fraction(text, fraction))) return false;
  if (!take_zone(text, zone) || hour > 23 || minute > 59 || second > 60) return false;
  ms = hour * hour_ms + minute * minute_ms + second * second_ms + fraction - zone;
  return true;
}

struct Unit {
  std::string_view name;
  std::int64_t ms;
};

bool add_scaled(std::int64_t number, std::int64_t unit, std::int64_t& sum) {
  if (number > (ms_max - sum) / unit) return false;
  sum += number * unit;
  return true;
}

/// The rest of an ISO 8601 duration behind its 'P'.
bool parse_iso(std::string_view text, std::int64_t& ms) {
  static constexpr auto dates = std::to_array<Unit>({{"W", 7 * day_ms}, {"D", day_ms}});
  static constexpr auto times = std::to_array<Unit>({{"H", hour_ms}, {"M", minute_ms}, {"S", second_ms}});
  bool in_time = false;
  bool any = false;
  ms = 0;
  std::size_t next = 0;
  while (!text.empty()) {
    if (!in_time && take(text, 'T')) {
      in_time = true;
      next = 0;
      any = false;
    }
    const std::size_t digits = text.find_first_not_of("0123456789");
    std::int64_t number = 0;
    std::int64_t fraction = 0;
    if (digits == std::string_view::npos || !all_digits(text.substr(0, digits), number)) return false;
    text.remove_prefix(digits);
    if (!take_fraction(text, fraction) || text.empty()) return false;
    const std::span<const Unit> units = in_time ? std::span<const Unit>(times) : std::span<const Unit>(dates);
    while (next < units.size() && units[next].name.front() != text.front()) ++next;
    if (next == units.size() || (fraction != 0 && units[next].ms != second_ms)) return false;
    if (!add_scaled(number, units[next].ms, ms) || !add_scaled(fraction, 1, ms)) return false;
    text.remove_prefix(1);
    ++next;
    any = true;
  }
  return any;
}

}  // namespace

Result<std::int64_t> parse_datetime(std::string_view text) {
  std::int64_t number = 0;
  if (all_digits(text, number)) return number;
  std::string_view rest = text;
  int year = 0;
  int month = 0;
  int day = 0;
  if (!take_digits(rest, 4, year) || !take(rest, '-') || !take_digits(rest, 2, month) || !take(rest, '-') ||
      !take_digits(rest, 2, day)) {
    return no_time(text);
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  std::int64_t clock = 0;
  if (!rest.empty() && ((!take(rest, 'T') && !take(rest, ' ')) || !take_clock(rest, clock)))
    return no_time(text);
  if (!date.ok() || !rest.empty()) return no_time(text);
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t ms = days * day_ms + clock;
  if (ms < 0) {
    return fail(Code::invalid_argument, fmt::format("'{}' lies before 1970; nothing was asked", text),
                "no record has such a timestamp");
  }
  return ms;
}

Result<std::int64_t> parse_period(std::string_view text) {
  static constexpr auto units = std::to_array<Unit>(
      {{"ms", 1}, {"s", second_ms}, {"m", minute_ms}, {"h", hour_ms}, {"d", day_ms}, {"w", 7 * day_ms}});
  std::int64_t ms = 0;
  if (text.starts_with('P')) {
    if (!parse_iso(text.substr(1), ms)) return no_period(text);
    return ms;
  }
  const std::size_t digits = text.find_first_not_of("0123456789");
  std::int64_t number = 0;
  if (digits == std::string_view::npos || !all_digits(text.substr(0, digits), number)) return no_period(text);
  for (const auto& unit : units) {
    if (unit.name == text.substr(digits) && add_scaled(number, unit.ms, ms)) return ms;
  }
  return no_period(text);
}

Result<client::OffsetSpec> parse_time(std::string_view text, std::int64_t now_ms) {
  using client::OffsetSpec;
  if (text == "latest" || text == "-1") return OffsetSpec::latest();
  if (text == "earliest" || text == "-2") return OffsetSpec::earliest();
  if (text == "max-timestamp" || text == "-3") return OffsetSpec::max_timestamp();
  if (text.starts_with('-')) {
    const auto ago = parse_period(text.substr(1));
    if (!ago) return no_time(text);
    return OffsetSpec::at(std::max<std::int64_t>(now_ms - *ago, 0));
  }
  return OffsetSpec::at(SLUICE_TRY(parse_datetime(text)));
}

std::string format_datetime(std::int64_t ms) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(ms)};
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(time - days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace sluice::offsets
