#include "log/offset_map.h"

#include <algorithm>

#include "base/assert.h"

namespace sluice::log {

OffsetMap::OffsetMap(std::size_t keys_max, double load_factor, HashKey key)
    : key_(key), keys_max_(std::max<std::size_t>(keys_max, 1)) {
  SLUICE_ASSERT(load_factor > 0);
  const double wanted = static_cast<double>(keys_max_) / std::min(load_factor, 1.0);
  entries_.resize(std::max<std::size_t>(static_cast<std::size_t>(wanted), keys_max_ + 1));  // one stays free
}

/// The entry of the hash, or the free one where it would go.
std::size_t OffsetMap::slot_of(const Hash128& hash) const {
  std::size_t slot = hash.low % entries_.size();
  while (entries_[slot].offset.value >= 0 && entries_[slot].hash != hash) {
    if (++slot == entries_.size()) slot = 0;
  }
  return slot;
}

bool OffsetMap::put(BytesView key, Offset offset) {
  const Hash128 hash = siphash128(key_, key);
  Entry& entry = entries_[slot_of(hash)];
  if (entry.offset.value < 0) {
    if (size_ == keys_max_) return false;
    ++size_;
    entry.hash = hash;
  }
  entry.offset = offset;
  return true;
}

Offset OffsetMap::get(BytesView key) const {
  return entries_[slot_of(siphash128(key_, key))].offset;
}

}  // namespace sluice::log
