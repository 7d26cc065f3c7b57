// The durable watermark: a lower bound of what a partition has on disk, that survives the process.
//
// Two slots of one sector each, written in turn, so that one whole slot is always there:
//    0 magic "SLUICEWM"   8 version = 2, int16 | 10 zero | 16 sequence uint64 | 24 durable_end int64 |
//   32 log_start int64 | 40 holes_end int64 | 48 CRC-32C of bytes 0 to 47
// Version 1 has no holes_end, which is 0 then, and its CRC at 40.
// The valid slot with the greater sequence rules. note_durable does not sync: whatever value survives was
// true before it was written, so an old one is only a weaker bound.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"

namespace sluice::log {

constexpr std::string_view watermark_name = "durable-watermark";

struct Watermark {
  Offset durable_end;
  Offset log_start;
  Offset holes_end{};  ///< below it compaction took records out: offsets without a batch are no damage
  friend bool operator==(const Watermark&, const Watermark&) = default;
};

/// Safe from every thread: sync jobs move the bound while the owner moves the log start.
class WatermarkFile {
 public:
  /// Makes the file with both slots, its content durable; the caller syncs the directory.
  static Result<std::shared_ptr<WatermarkFile>> create(env::FileSystem& fs, const std::string& dir,
                                                       Watermark first);
  /// Opens it; nothing where it is missing or holds no valid slot.
  static Result<std::shared_ptr<WatermarkFile>> open(env::FileSystem& fs, const std::string& dir);

  Watermark value() const;
  /// Notes that everything below `end` is durable. Never goes down; does not sync.
  Result<void> note_durable(Offset end);
  /// Makes durable what note_durable noted.
  Result<void> sync();
  /// Replaces both slots, each synced before the other is touched, so that neither can come back.
  /// holes_end never goes down.
  Result<void> store_durably(Watermark value);
  /// The same for the log start alone, which never goes down: before files below it go.
  Result<void> store_log_start(Offset start);
  /// The same for holes_end, which never goes down: before there are holes.
  Result<void> store_holes_end(Offset end);

 private:
  WatermarkFile(std::unique_ptr<env::File> file, Watermark value, std::uint64_t sequence);
  Result<void> write_slot(Watermark value);
  Result<void> write_both(Watermark value);

  mutable std::mutex mutex_;
  std::unique_ptr<env::File> file_;  // guarded by mutex_, like what follows
  Watermark value_;
  std::uint64_t sequence_;
};

}  // namespace sluice::log
