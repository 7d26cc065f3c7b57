// Bytes: borrowed views, owned buffers, and big- and little-endian numbers in them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace sluice::base {

using BytesView = std::span<const std::byte>;  ///< borrowed; the owner outlives it
using MutableBytes = std::span<std::byte>;
using Bytes = std::vector<std::byte>;

inline BytesView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_owned(BytesView bytes) {
  return {bytes.begin(), bytes.end()};
}

/// The big-endian integer at `p` (network order, as Kafka writes it). `p` need not be aligned.
template <class T>
  requires std::is_integral_v<T>
T load_be(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return std::endian::native == std::endian::little ? std::byteswap(v) : v;
}
template <class T>
  requires std::is_integral_v<T>
void store_be(std::byte* p, T v) {
  if (std::endian::native == std::endian::little) v = std::byteswap(v);
  std::memcpy(p, &v, sizeof v);
}
template <class T>
  requires std::is_integral_v<T>
T load_le(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return std::endian::native == std::endian::little ? v : std::byteswap(v);
}
template <class T>
  requires std::is_integral_v<T>
void store_le(std::byte* p, T v) {
  if (std::endian::native != std::endian::little) v = std::byteswap(v);
  std::memcpy(p, &v, sizeof v);
}

}  // namespace sluice::base

namespace sluice {
using namespace base;
}
