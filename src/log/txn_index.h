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

/// In memory for the active segment and whatever was read again; else in the file, of which only what is
/// asked for is read.
class TxnIndex {
 public:
  /// For the segment at `base`, whose file in `dir` need not be there yet.
  TxnIndex(const std::string& dir, Offset base);

  /// Empty again, as before a scan; the file will be written from its start.
  void clear();
  /// Notes the transaction that a marker at the segment's end aborted.
  void note(const AbortedTransaction& transaction);
  bool empty() const { return count_ == 0; }
  /// Known even while unloaded.
  TxnDigest digest() const { return {static_cast<std::uint32_t>(count_), crc_}; }

  /// Writes what the file does not have yet and cuts off what it has beyond. Not synced. Safe to repeat after
  /// an error. Returns whether there is a file.
  Result<bool> persist(env::FileSystem& fs);
  /// Reads the file of a segment that ends at `end`. Returns false where it is not to be trusted: torn, not
  /// growing, or of other offsets.
  Result<bool> load(env::FileSystem& fs, Offset end);
  /// Leaves a file that load() does not trust, where there is no room for one that is right.
  Result<void> spoil(env::FileSystem& fs) const;
  /// Frees the memory of entries that persist() wrote; they are read from the file from now on.
  void unload();

  /// Appends those that have an offset in `range` to `out`. Returns true where transactions that end in later
  /// segments cannot have one.
  ///
  /// errors   corrupt: the file has changed since it was loaded · io_failed
  Result<bool> collect(env::FileSystem& fs, OffsetRange range, std::vector<AbortedTransaction>& out) const;

  const std::string& path() const { return path_; }

 private:
  // Constant after construction.
  Offset base_;
  std::string path_;

  std::vector<AbortedTransaction> entries_;  // where loaded_
  std::uint64_t count_ = 0;                  // of all entries
  std::uint64_t persisted_ = 0;              // of those that the file has
  std::uint32_t crc_ = 0;                    // of all entries, as the file has them
  bool loaded_ = true;
};

}  // namespace sluice::log
