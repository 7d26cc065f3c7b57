#include "sim/content.h"

#include <algorithm>

namespace sluice::sim {
namespace {

void write_to(Bytes& target, std::uint64_t offset, BytesView bytes) {
  if (bytes.empty()) return;  // as pwrite: not even the size changes
  if (target.size() < offset + bytes.size()) target.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), target.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

void Content::apply(Bytes& target, const Change& change) {
  if (change.is_truncate) {
    target.resize(change.offset);
  } else {
    write_to(target, change.offset, change.bytes);
  }
}

void Content::write(std::uint64_t offset, BytesView bytes) {
  write_to(now_, offset, bytes);
  unsynced_.push_back({offset, to_owned(bytes), false});
}

void Content::truncate(std::uint64_t size) {
  now_.resize(size);
  unsynced_.push_back({size, {}, true});
}

void Content::sync() {
  for (const Change& change : unsynced_) apply(durable_, change);
  unsynced_.clear();
}

void Content::apply_sectors(Bytes& target, const Change& change, Random& random) {
  const std::uint64_t end = change.offset + change.bytes.size();
  for (std::uint64_t at = change.offset; at < end;) {
    const std::uint64_t sector_end = std::min(end, (at / sector_bytes + 1) * sector_bytes);
    if (random.coin())
      write_to(target, at, BytesView(change.bytes).subspan(at - change.offset, sector_end - at));
    at = sector_end;
  }
}

/// One of three outcomes a file: everything up to a torn last write, which is the usual one; any sectors at
/// all; nothing.
void Content::tear(Random& random) {
  const std::uint64_t outcome = random.below(4);
  if (outcome == 3) return;
  for (std::size_t i = 0; i < unsynced_.size(); ++i) {
    Change& change = unsynced_[i];
    const bool is_last = i + 1 == unsynced_.size();
    if (change.is_truncate) {
      if (random.coin()) apply(durable_, change);
    } else {
      if (is_last) change.bytes.resize(random.below(change.bytes.size() + 1));
      if (outcome == 2) {
        apply_sectors(durable_, change, random);
      } else {
        apply(durable_, change);
      }
    }
  }
}

void Content::cut_power(Crash crash, Random& random) {
  if (crash == Crash::torn) tear(random);
  if (crash == Crash::rename_lost) sync();
  unsynced_.clear();
  now_ = durable_;
}

}  // namespace sluice::sim
