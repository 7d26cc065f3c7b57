// A simulated file's bytes: as the processes see them, and as a power cut would leave them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "sim/file_system.h"
#include "sim/random.h"

namespace sluice::sim {

/// Not safe from several threads; the disk's lock guards it.
class Content {
 public:
  const Bytes& now() const { return now_; }

  void write(std::uint64_t offset, BytesView bytes);
  void truncate(std::uint64_t size);
  /// Everything written so far becomes durable.
  void sync();
  /// Everything written since the last sync will never become durable, though it can be read until a power
  /// cut.
  void fail_sync() { unsynced_.clear(); }
  /// Keeps what `crash`, which is not plain, leaves; that is durable then.
  void cut_power(Crash crash, Random& random);
  bool is_durable() const { return now_ == durable_; }

 private:
  /// A write of `bytes` at `offset`, or, where `is_truncate`, a change of the size to `offset`.
  struct Change {
    std::uint64_t offset = 0;
    Bytes bytes;
    bool is_truncate = false;
  };
  static void apply(Bytes& target, const Change& change);
  static void apply_sectors(Bytes& target, const Change& change, Random& random);
  void tear(Random& random);

  Bytes now_;
  Bytes durable_;
  std::vector<Change> unsynced_;  ///< since the last sync, oldest first
};

}  // namespace sluice::sim
