// Kafka's variable-length integers: unsigned base-128, and zigzag on top of it.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace sluice::base {

constexpr std::size_t varint_bytes_max = 5;
constexpr std::size_t varlong_bytes_max = 10;

constexpr std::uint32_t zigzag(std::int32_t v) {
  return static_cast<std::uint32_t>(v) << 1 ^ static_cast<std::uint32_t>(v >> 31);
}
constexpr std::int32_t unzigzag(std::uint32_t v) {
  return static_cast<std::int32_t>(v >> 1) ^ -static_cast<std::int32_t>(v & 1);
}
constexpr std::uint64_t zigzag64(std::int64_t v) {
  return static_cast<std::uint64_t>(v) << 1 ^ static_cast<std::uint64_t>(v >> 63);
}
constexpr std::int64_t unzigzag64(std::uint64_t v) {
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}

/// Reads an unsigned varint of at most 5 (10) bytes from [p, end).
/// Returns the place after it, or nullptr where it is cut short, too long, or does not fit.
const std::byte* parse_varint(const std::byte* p, const std::byte* end, std::uint32_t& v);
const std::byte* parse_varlong(const std::byte* p, const std::byte* end, std::uint64_t& v);

/// Writes v at p, which has varint_bytes_max (varlong_bytes_max) bytes of room; returns the place after it.
std::byte* write_varint(std::byte* p, std::uint32_t v);
std::byte* write_varlong(std::byte* p, std::uint64_t v);

std::size_t varint_bytes(std::uint32_t v);
std::size_t varlong_bytes(std::uint64_t v);

}  // namespace sluice::base
