// XXH3 64 bit, inlined where it is used. Internal to lake.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>

#include "base/bytes.h"

namespace sluice::lake {

inline std::uint64_t xxh3(BytesView bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

/// A stream of bytes and, at any time, its hash (seed 0).
class HashStream {
 public:
  HashStream() { XXH3_64bits_reset(&state_); }
  void update(const void* data, std::size_t bytes) { XXH3_64bits_update(&state_, data, bytes); }
  std::uint64_t digest() const { return XXH3_64bits_digest(&state_); }

 private:
  XXH3_state_t state_;
};

}  // namespace sluice::lake
