// A segment's aborted transactions: those whose ABORT marker lies in it. Kafka's `.txnindex`, entries of
//
//   version int16 = 0 | producer_id int64 | first_offset int64 | last_offset int64 | last_stable_offset int64
//
// big-endian, by last_offset, which is the marker's. The first offset may lie in a segment before. A segment
// without entries needs no file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "log/transactions.h"

namespace sluice::log {

constexpr std::size_t txn_entry_bytes = 34;

/// What the whole file should be, so that damage shows that leaves each entry possible.
struct TxnDigest {
  std::uint32_t count = 0;  ///< of entries
  std::uint32_t crc = 0;    ///< CRC-32C of them all
  friend bool operator==(const TxnDigest&, const TxnDigest&) = default;
};

/// The file, of which only what is asked for is read, and the newest entries, which are in memory until
/// persist() writes them.
class TxnIndex {
 public:
  /// For the segment at `base`, whose file in `dir` need not be there yet.
  TxnIndex(const std::string& dir, Offset base);

  /// Empty again, as before a scan; the file will be written from its start.
  void clear();
  /// Notes the transaction that a marker at the segment's end aborted.
  void note(const AbortedTransaction& transaction);
  /// Of all entries.
  TxnDigest digest() const;
  /// How many entries are in memory alone.
  std::size_t unwritten() const { return tail_.size(); }

  /// Writes what the file does not have yet and cuts off what it has beyond. Not synced. Safe to repeat after
  /// an error. Returns whether there is a file.
  Result<bool> persist(env::FileSystem& fs);
  /// After a scan: replaces the file, durably, such that it has the old or the new entries whenever the power
  /// goes. Where there is no room, it is left so that load() does not trust it. Does nothing where entries
  /// came from the file.
  Result<void> replace(env::FileSystem& fs);
  /// Takes the file of a segment that ends at `end` as it is. Returns false where it is not to be trusted:
  /// torn, not growing, or of other offsets.
  Result<bool> load(env::FileSystem& fs, Offset end);

  /// Appends those that have an offset in `range` to `out`. Returns true where transactions that end in later
  /// segments cannot have one.
  ///
  /// errors   corrupt, not_found: the file has changed since it was loaded · io_failed
  Result<bool> collect(env::FileSystem& fs, OffsetRange range, std::vector<AbortedTransaction>& out) const;

  /// The name that persist() and load() use from now on.
  void set_path(std::string path) { path_ = std::move(path); }
  const std::string& path() const { return path_; }

 private:
  Bytes tail_bytes() const;
  Result<bool> collect_written(env::FileSystem& fs, OffsetRange range,
                               std::vector<AbortedTransaction>& out) const;

  Offset base_;  // constant after construction
  std::string path_;
  std::uint64_t written_ = 0;             // entries that the file has
  Offset written_last_;                   // the last offset of the last one of them
  std::vector<AbortedTransaction> tail_;  // those after them
  std::uint32_t crc_ = 0;                 // of all entries
};

}  // namespace sluice::log
