// JSON values as column values, and column values as the names of Hive directories. After
// docs/formats/schema.md and data_file.md alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::audit {

/// A number without fraction and exponent that fits 64 bits.
std::optional<std::int64_t> to_int64(std::string_view number);
/// Any JSON number; nullopt where it would be infinite.
std::optional<double> to_double(std::string_view number);
/// "YYYY-MM-DD" as days since 1970-01-01.
std::optional<std::int64_t> to_date(std::string_view text);
/// A time as microseconds since 1970-01-01; `zoned`: it must have a zone, else it must have none.
std::optional<std::int64_t> to_timestamp(std::string_view text, bool zoned);

/// "YYYY-MM-DD".
std::string date_text(std::int64_t days);
/// "YYYY-MM-DD HH:MM:SS" and, where it is not zero, ".ffffff".
std::string timestamp_text(std::int64_t micros);
/// "YYYY-MM-DD-HH".
std::string hour_text(std::int64_t micros);
/// The day that a time lies in; also before 1970.
std::int64_t day_of(std::int64_t micros);

/// Bytes that Hive escapes in names of directories as %XX.
std::string hive_escape(std::string_view text);

}  // namespace sluice::audit
