// XXH3 as docs/formats/hashes.md uses it. Internal to audit.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "audit/topic.h"
#include "base/bytes.h"

namespace sluice::audit {

inline std::uint64_t xxh3(std::string_view bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

/// One record's term of the raw hash.
inline std::uint64_t raw_term(Offset offset, std::int64_t timestamp_ms, const std::optional<BytesView>& key,
                              const std::optional<BytesView>& value) {
  const std::string_view null("\0", 1);
  const std::uint64_t s0 = static_cast<std::uint64_t>(offset.value) ^
                           (static_cast<std::uint64_t>(timestamp_ms) * 0x9E3779B97F4A7C15u);
  const std::uint64_t seed = key ? xxh3(as_text(*key), s0) : xxh3(null, s0 + 1);
  return value ? xxh3(as_text(*value), seed) : xxh3(null, seed + 1);
}

}  // namespace sluice::audit
