// Keys and the newest offset of each, in memory that is bounded: what compaction decides by.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/siphash.h"

namespace sluice::log {

/// Keys are told apart by 128 bits under a secret key: nobody can make two that collide, and among 2^40 by
/// chance two do with a probability below 2^-48.
class OffsetMap {
 public:
  static constexpr std::size_t entry_bytes = 24;

  /// Room for `keys_max` keys, one at least, in a table filled to `load_factor` at most.
  OffsetMap(std::size_t keys_max, double load_factor, HashKey key);

  /// Notes that `key` has a record at `offset`; the last call for a key counts. False, and nothing is noted,
  /// where it would be one key too many.
  bool put(BytesView key, Offset offset);
  /// The newest offset of `key`; -1 where it is not known.
  Offset get(BytesView key) const;
  std::size_t size() const { return size_; }

 private:
  struct Entry {
    Hash128 hash;
    Offset offset{-1};  // -1: free
  };

  std::size_t slot_of(const Hash128& hash) const;

  HashKey key_;
  std::size_t keys_max_;
  std::size_t size_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace sluice::log
