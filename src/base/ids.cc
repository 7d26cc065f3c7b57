#include "base/ids.h"

#include <array>

namespace sluice::base {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t uuid_text_bytes = 22;

std::array<std::uint8_t, 16> to_bytes(Uuid id) {
  std::array<std::uint8_t, 16> out{};
  for (unsigned i = 0; i < 8; ++i) {
    out[i] = static_cast<std::uint8_t>(id.high >> (56 - 8 * i));
    out[8 + i] = static_cast<std::uint8_t>(id.low >> (56 - 8 * i));
  }
  return out;
}

}  // namespace

std::string to_string(Uuid id) {
  const auto bytes = to_bytes(id);
  std::string out;
  out.reserve(uuid_text_bytes);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      out += alphabet[bits >> held & 63u];
    }
  }
  out += alphabet[bits << (6 - held) & 63u];  // the last 2 bits of 128 stand alone
  return out;
}

bool parse_uuid(std::string_view text, Uuid& id) {
  if (text.size() != uuid_text_bytes) return false;
  std::array<std::uint8_t, 16> bytes{};
  std::uint32_t bits = 0;
  unsigned held = 0;
  std::size_t at = 0;
  for (char c : text) {
    const auto digit = alphabet.find(c);
    if (digit == std::string_view::npos) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held >= 8 && at < bytes.size()) {
      held -= 8;
      bytes[at++] = static_cast<std::uint8_t>(bits >> held);
    }
  }
  if ((bits & ((1u << held) - 1)) != 0) return false;  // bits that no uuid has
  id = {};
  for (unsigned i = 0; i < 8; ++i) {
    id.high = id.high << 8 | bytes[i];
    id.low = id.low << 8 | bytes[8 + i];
  }
  return true;
}

}  // namespace sluice::base
