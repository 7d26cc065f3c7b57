// One round of compaction over the sealed segments of a log, as values that any thread can work on.
//
// The newest record of each key stays, at its offset; older ones go. The rules are Apache Kafka's (KIP-58,
// KIP-98, KIP-354, KIP-534), batch by batch:
//   - offsets never change: what is taken out leaves a hole;
//   - a tombstone stays until its delete horizon, which the first round that sees it writes into its batch;
//   - batches of aborted transactions go; a marker goes when nothing of its transaction is left, and then
//     after a delete horizon of its own;
//   - the last batch of each producer that is remembered stays, empty if need be, so that its sequence does;
//   - what lies past the newest offset that the key map holds stays as it is.
// Beyond Kafka's rules, the last batch of each segment stays, empty if need be: segments join without holes,
// so that a missing one is still seen.
//
// Segments go in groups, and each group becomes one new segment:
//   1. BASE.log.cleaned and its indexes are written and synced          a crash: removed, nothing happened
//   2. they are renamed to .swap, the log last; the directory is synced the moment of decision
//   3. the owner's thread takes the new segment in the place of the old ones, for readers
//   4. the old segments' files are removed, the indexes get their names; the directory is synced
//   5. BASE.log.swap gets its name; the directory is synced             until then recovery goes on from 4
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/siphash.h"
#include "env/file_system.h"
#include "log/transactions.h"

namespace sluice::log {

class CleanFilter;
class CleanTransactions;
class OffsetMap;
class Segment;
class WatermarkFile;

constexpr std::string_view cleaned_suffix = ".cleaned";
constexpr std::string_view swap_suffix = ".swap";
constexpr std::string_view deleted_suffix = ".deleted";

/// Named after Kafka's properties.
struct CleanSettings {
  std::int64_t now_ms = 0;                                ///< delete horizons are counted in it
  std::int64_t delete_retention_ms = 0;                   ///< delete.retention.ms
  std::size_t dedupe_bytes_max = std::size_t{128} << 20;  ///< log.cleaner.dedupe.buffer.size
  double load_factor = 0.9;                               ///< log.cleaner.io.buffer.load.factor
  std::size_t io_bytes = 512 * 1024;                      ///< log.cleaner.io.buffer.size
  HashKey hash_key;                                       ///< random, and told to nobody
  /// Called on the worker's thread with what was just read or written; may wait. False: stop now.
  std::function<bool(std::uint64_t bytes)> pace;
};

struct CleanStats {
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::uint64_t records_before = 0;
  std::uint64_t records_after = 0;
  std::size_t segments_before = 0;
  std::size_t segments_after = 0;
};

/// Ends a job's right to touch names when its log goes, so that it cannot reach into a partition that was
/// made under the same name since.
class NameGate {
 public:
  /// Runs `operation` unless closed, and holds close() up while it runs. interrupted once closed.
  template <class F>
  std::invoke_result_t<F&> through(F&& operation) {
    const std::lock_guard lock{mutex_};
    if (closed_) return fail(Code::interrupted, "the log was closed or deleted meanwhile");
    return operation();
  }
  void close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }

 private:
  std::mutex mutex_;
  bool closed_ = false;  // guarded by mutex_
};

/// Made by PartitionLog::begin_clean, which says how it is driven.
class CleanJob {
 public:
  enum class Step : std::uint8_t { written, finished };

  CleanJob();
  ~CleanJob();
  CleanJob(CleanJob&&) noexcept;
  CleanJob& operator=(CleanJob&&) noexcept;

  /// Does the next piece of work, on any thread: a new segment, or the end.
  ///
  /// errors   corrupt: a segment that cannot be read; nothing more is done · no_space, io_failed ·
  ///          interrupted: by the settings' pace, or because the log is gone · exhausted: no file descriptor
  ///          is free
  Result<Step> run();
  const CleanStats& stats() const { return stats_; }
  /// Where the next round begins, once run() has returned; a full key map ends a round before the end.
  Offset cleaned_to() const { return latest_ + 1; }
  /// Something was decided and is not through: after `exhausted`, run() must be called again.
  bool is_decided() const { return stage_ != Stage::writing; }

 private:
  friend class PartitionLog;
  struct Source {
    Offset base;
    Offset next;  // where the next segment begins, or the cleanable part ends
    std::uint64_t bytes = 0;
    std::shared_ptr<env::File> file;
    std::string path;
    std::int64_t first_append_ms = 0;
    std::int64_t last_append_ms = 0;
  };
  using Group = std::vector<Source*>;
  /// What was done last; see 1 to 5 above.
  enum class Stage : std::uint8_t { writing, renaming, named, taken, removed, renamed };

  Result<void> build_map();
  Result<bool> map_segment(const Source& source, CleanTransactions& transactions);
  void make_groups();
  Result<void> write(const Group& group);
  Result<void> copy(const Source& source, bool is_last, CleanFilter& filter, Bytes& gathered);
  Result<void> flush(Bytes& gathered);
  Result<void> store(Segment& segment);
  Result<void> decide(Segment& segment);
  Result<void> settle();
  Result<void> remove_old();
  Result<void> remove_if_there(const std::string& path);
  Result<void> rename(const std::string& from, const std::string& to);
  void forget_written();
  Result<void> pace(std::uint64_t bytes);

  env::FileSystem* fs_ = nullptr;
  std::string dir_;
  std::shared_ptr<WatermarkFile> watermark_;
  std::shared_ptr<NameGate> gate_;
  CleanSettings settings_;
  std::uint64_t segment_bytes_max_ = 0;
  std::uint32_t index_bytes_max_ = 0;
  std::uint32_t index_interval_bytes_ = 0;
  std::vector<Source> sources_;
  Offset first_dirty_;
  Offset first_uncleanable_;
  std::vector<AbortedTransaction> aborted_;
  std::unordered_map<ProducerId, LastOfProducer> producers_;

  std::unique_ptr<OffsetMap> map_;
  Offset latest_{-1};  // the newest offset that the map knows about
  std::vector<Group> groups_;
  std::size_t next_group_ = 0;
  std::unique_ptr<CleanTransactions> transactions_;
  std::unique_ptr<Segment> written_;  // the new segment, until the log has taken it
  std::vector<Offset> replaced_;      // the bases of those it stands for, until their files are gone
  Stage stage_ = Stage::writing;
  CleanStats stats_;
};

}  // namespace sluice::log
