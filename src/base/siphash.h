// SipHash-2-4 with 128 bits: a keyed hash whose collisions nobody can make who does not know the key.
// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; the 128-bit variant of its authors.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace sluice::base {

struct HashKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

/// The hash of `bytes` under `key`, which must be secret and random where the bytes come from strangers.
Hash128 siphash128(HashKey key, BytesView bytes);

}  // namespace sluice::base
