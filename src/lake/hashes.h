// Hashes: the raw hash of records and the texts of hashes. docs/formats/hashes.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"

namespace sluice::lake {

/// What one record adds to the raw hash of its range (a sum modulo 2^64).
std::uint64_t raw_hash(Offset offset, std::int64_t timestamp_ms, std::optional<BytesView> key,
                       std::optional<BytesView> value);

/// 16 lower-case hexadecimal digits.
std::string hash_text(std::uint64_t hash);
/// False where `text` is not what hash_text gives.
bool parse_hash(std::string_view text, std::uint64_t& hash);

}  // namespace sluice::lake
