// Texts: how names and foreign bytes are compared, shown to people, and written as JSON. Internal to lake.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace sluice::lake {

constexpr bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

constexpr std::size_t printable_bytes_max = 100;

/// `text` for a message: cut to printable_bytes_max bytes, control characters and bytes that are not UTF-8 as
/// '?'.
std::string printable(std::string_view text);

/// ASCII letters in lower case, as Hive compares names.
std::string ascii_lower(std::string_view text);

/// `text`, which is UTF-8, as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

/// Base64 of the standard alphabet, padded.
void append_base64(std::string& out, BytesView bytes);

}  // namespace sluice::lake
