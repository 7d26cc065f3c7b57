// The pieces that JSON values are made of, as docs/formats/schema.md defines them: numbers, dates,
// timestamps. Internal to lake.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::lake {

enum class NumberForm : std::uint8_t {
  none,     ///< not a JSON number
  integer,  ///< without fraction and exponent
  real,
};

/// Which form the whole of `token` has, by RFC 8259's grammar.
NumberForm number_form(std::string_view token);
/// The value of a token of integer form; false where int64 does not hold it.
bool parse_int64(std::string_view token, std::int64_t& value);
/// The nearest double of a JSON number of any form; false where that is infinite.
bool parse_double(std::string_view token, double& value);

/// "YYYY-MM-DD" to days since 1970-01-01.
bool parse_date(std::string_view text, std::int64_t& days);

enum class Zone : std::uint8_t { with, without };
/// "YYYY-MM-DDTHH:MM:SS[.f]" with or without a zone to microseconds (UTC where there is a zone).
bool parse_timestamp(std::string_view text, Zone zone, std::int64_t& micros);

struct CivilDay {
  std::int64_t year;
  unsigned month;
  unsigned day;
};
/// The day of the (proleptic Gregorian) calendar.
CivilDay civil_from_days(std::int64_t days);

}  // namespace sluice::lake
