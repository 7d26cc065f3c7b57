#include "lake/hashes.h"

#include "lake/xxh3.h"

namespace sluice::lake {
namespace {
constexpr std::uint64_t timestamp_factor = 0x9E3779B97F4A7C15u;
constexpr std::size_t hash_text_bytes = 16;
constexpr std::string_view hex = "0123456789abcdef";

std::uint64_t hash_or_null(std::optional<BytesView> bytes, std::uint64_t seed) {
  if (bytes) return xxh3(*bytes, seed);
  const std::byte null{0};
  return xxh3({&null, 1}, seed + 1);
}
}  // namespace

std::uint64_t raw_hash(Offset offset, std::int64_t timestamp_ms, std::optional<BytesView> key,
                       std::optional<BytesView> value) {
  const std::uint64_t seed = static_cast<std::uint64_t>(offset.value) ^
                             (static_cast<std::uint64_t>(timestamp_ms) * timestamp_factor);
  return hash_or_null(value, hash_or_null(key, seed));
}

std::string hash_text(std::uint64_t hash) {
  std::string text(hash_text_bytes, '0');
  for (std::size_t i = hash_text_bytes; i-- > 0; hash >>= 4) text[i] = hex[hash & 15u];
  return text;
}

bool parse_hash(std::string_view text, std::uint64_t& hash) {
  if (text.size() != hash_text_bytes) return false;
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto digit = hex.find(c);
    if (digit == std::string_view::npos) return false;
    value = value << 4 | digit;
  }
  hash = value;
  return true;
}

}  // namespace sluice::lake
