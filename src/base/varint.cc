#include "base/varint.h"

namespace sluice::base {
namespace {

template <class T, std::size_t bytes_max>
const std::byte* parse(const std::byte* p, const std::byte* end, T& v) {
  constexpr unsigned bits = sizeof(T) * 8;
  T out = 0;
  for (unsigned shift = 0, n = 0; n < bytes_max; shift += 7, ++n) {
    if (p == end) return nullptr;
    const auto byte = static_cast<std::uint8_t>(*p++);
    const T low = byte & 0x7fu;
    if (shift + 7 > bits && (low >> (bits - shift)) != 0) return nullptr;
    out |= static_cast<T>(low << shift);
    if ((byte & 0x80u) == 0) {
      v = out;
      return p;
    }
  }
  return nullptr;
}

template <class T>
std::byte* write(std::byte* p, T v) {
  while (v >= 0x80u) {
    *p++ = static_cast<std::byte>((v & 0x7fu) | 0x80u);
    v >>= 7;
  }
  *p++ = static_cast<std::byte>(v);
  return p;
}

template <class T>
std::size_t length(T v) {
  return (static_cast<std::size_t>(std::bit_width(v | 1u)) + 6) / 7;
}

}  // namespace

const std::byte* parse_varint(const std::byte* p, const std::byte* end, std::uint32_t& v) {
  return parse<std::uint32_t, varint_bytes_max>(p, end, v);
}
const std::byte* parse_varlong(const std::byte* p, const std::byte* end, std::uint64_t& v) {
  return parse<std::uint64_t, varlong_bytes_max>(p, end, v);
}
std::byte* write_varint(std::byte* p, std::uint32_t v) {
  return write(p, v);
}
std::byte* write_varlong(std::byte* p, std::uint64_t v) {
  return write(p, v);
}
std::size_t varint_bytes(std::uint32_t v) {
  return length(v);
}
std::size_t varlong_bytes(std::uint64_t v) {
  return length(v);
}

}  // namespace sluice::base
