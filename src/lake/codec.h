// Codec: how the pages of a data file are compressed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice::lake {

struct Codec {
  enum class Kind : std::uint8_t { none, snappy, lz4, zstd, gzip };
  Kind kind = Kind::zstd;
  int level = 1;  ///< of zstd (1 to 22) and gzip (1 to 9)
  friend bool operator==(Codec, Codec) = default;
};

/// From none, snappy, lz4, zstd, zstd:N, gzip, gzip:N. invalid_argument for anything else.
Result<Codec> parse_codec(std::string_view text);
std::string to_string(Codec codec);

}  // namespace sluice::lake
