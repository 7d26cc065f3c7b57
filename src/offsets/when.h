// Points in time and lengths of time as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/cluster.h"

namespace sluice::offsets {

/// "2026-11-24T20:30:00.000Z", "2026-11-24 20:30:00+01:00", "2026-11-24" (midnight), or milliseconds since
/// 1970. Without a zone it is UTC, as in Kafka's tools. Milliseconds since 1970.
/// errors   invalid_argument, with the forms that are taken
Result<std::int64_t> parse_datetime(std::string_view text);

/// "PT1H30M", "P2D", "P1DT12H", "PT0.5S" (ISO 8601, no months or years), or "90m", "2h", "1d", "250ms".
/// Milliseconds, never negative.
Result<std::int64_t> parse_period(std::string_view text);

/// What --time takes: -1 or latest, -2 or earliest, -3 or max-timestamp, "-2h" (before `now_ms`), or what
/// parse_datetime takes.
Result<client::OffsetSpec> parse_time(std::string_view text, std::int64_t now_ms);

/// "2026-11-24T20:30:00.000Z".
std::string format_datetime(std::int64_t ms);

}  // namespace sluice::offsets
