// A disk in memory that keeps after a power cut only what the operating system promised to keep, and that
// fails where a test wants it to.
//
// The contract, which is the pessimistic reading of POSIX on a journalling file system:
//   - A file's bytes and size are durable once sync returned after they were written. Before that a power cut
//   may
//     keep them, lose them, or keep any of their 512-byte sectors; the last write may be cut at any byte.
//   - A name (created, renamed, removed) is durable once sync_dir of its directory returned. Before that a
//   power
//     cut may lose or keep each change independently of every other, with two limits: a change of a name is
//     kept only with the earlier changes of the same name, and a renamed file is found under at least one of
//     its names. A rename within one directory is atomic; after a rename into another directory both names
//     may be there until the old directory is synced.
//   - Syncing a file does not make its name durable, and syncing a directory not the directory's own name in
//   its
//     parent.
//   - A sync that failed with EIO has thrown the data away: reads still show it, a second sync succeeds, and
//   a
//     power cut loses it. So behave ext4 and XFS.
//   - Death of the process alone (kill -9) keeps everything that was written.
//
// Any number of FileSystems, each standing for one process, can share one Disk. Safe from every thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "env/file_system.h"

namespace sluice::sim {

constexpr std::uint64_t sector_bytes = 512;

/// What counts as an operation: the verbs that change something or promise durability. Reads do not count,
/// since dying at a read leaves the same disk as dying at the next operation.
enum class Verb : std::uint8_t {
  create,  ///< an open that makes or empties a file, a lock that makes one
  write,
  truncate,
  sync,  ///< File::sync and sync_file
  create_dir,
  rename,  ///< rename and rename_noreplace
  remove,  ///< remove_file and remove_dir
  sync_dir,
};
std::string_view name(Verb verb);

struct Operation {
  std::uint64_t number = 0;  ///< from 0, per FileSystem
  Verb verb = Verb::write;
  std::string path;
  std::string to;            ///< of a rename
  std::uint64_t offset = 0;  ///< of a write
  std::uint64_t bytes = 0;   ///< of a write, or the size of a truncate
};
/// "operation 17: write /log/0.log [512, 1024)"
std::string to_string(const Operation& operation);

/// What goes wrong at an operation.
enum class Fault : std::uint8_t {
  die,          ///< the process dies in it: a write is done in part, any other verb not at all
  eio,          ///< io_failed; a write is done in part; a sync throws away what it should have kept
  enospc,       ///< no_space; otherwise as eio
  lost_answer,  ///< it is done, yet io_failed is reported
};

/// What is left after a death.
enum class Crash : std::uint8_t {
  plain,        ///< the process was killed: everything that was written
  torn,         ///< power cut: any part of the un-synced data, any of the un-synced changes of names (seeded)
  sync_lost,    ///< power cut: no un-synced data, all changes of names
  rename_lost,  ///< power cut: all data, no un-synced changes of names
  all_lost,     ///< power cut: nothing that was not synced
};
constexpr Crash crashes[] = {Crash::plain, Crash::torn, Crash::sync_lost, Crash::rename_lost,
                             Crash::all_lost};
std::string_view name(Crash crash);

/// The disk itself. Made by a FileSystem, shared by those that are made from it.
class Disk;
struct Node;
struct Process;

class FileSystem final : public env::FileSystem {
 public:
  /// An empty disk of its own. `seed` decides what torn keeps and how much of a failed write is done.
  explicit FileSystem(std::uint64_t seed = 1);
  /// Another process on the disk of `other`.
  explicit FileSystem(const FileSystem& other, std::uint64_t seed);
  ~FileSystem() override;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  Result<std::unique_ptr<env::File>> open(const std::string& path, env::OpenMode mode) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<env::DirEntry>> list(const std::string& dir) override;
  Result<void> create_dir(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> rename_noreplace(const std::string& from, const std::string& to) override;
  Result<void> remove_file(const std::string& path) override;
  Result<void> remove_dir(const std::string& path) override;
  Result<void> sync_dir(const std::string& dir) override;
  Result<void> sync_file(const std::string& path) override;
  Result<std::unique_ptr<env::Lock>> lock(const std::string& path) override;
  Result<std::uint64_t> free_bytes(const std::string& path) override;

  // Faults.

  /// `fault` at operation `number` (see operations()); the ones before and after it succeed, except after
  /// `die`.
  void fail_operation(std::uint64_t number, Fault fault);
  /// `fault` at every operation for which `when` says true. Called under the disk's lock: must not use it.
  void fail_when(std::function<bool(const Operation&)> when, Fault fault);
  /// `fault` (eio) at read number `number`, counted from 0 like the operations: File::read_at and list.
  void fail_read(std::uint64_t number);
  /// No fault from now on.
  void clear_faults();
  /// The disk, all files together, holds `bytes`; a write beyond it is done as far as it fits, then no_space.
  void set_capacity(std::uint64_t bytes);
  /// Called before each operation, with no lock held, so that a test can let another process act just
  /// then. Not called for what the hook itself does with another FileSystem.
  void before_operation(std::function<void(const Operation&)> hook);

  /// How many operations have begun, over all lives of this process.
  std::uint64_t operations() const;
  std::uint64_t reads() const;
  /// The operations so far, in order; at most the first 2^20.
  std::vector<Operation> trace() const;

  // Death.

  /// The process dies now. Until restart() every call, and for ever every File and Lock of this life, answers
  /// `interrupted` and does nothing.
  void die();
  bool dead() const;
  /// The process starts again and finds what `crash` left (it dies first if it still lived). With plain, the
  /// other processes of the disk notice nothing; a power cut kills them all. Locks of the dead are free.
  /// Faults that have not struck are forgotten.
  void restart(Crash crash);

  /// True where the bytes of `path` as read now would all survive all_lost, and its name with them. For tests
  /// that ask "was this durable when it was acknowledged?".
  bool is_durable(const std::string& path) const;

 private:
  class OpenFile;
  class HeldLock;

  Result<void> perform(const Operation& operation, const std::function<Result<void>()>& apply,
                       const std::function<void(Fault)>& spoil);
  Result<std::shared_ptr<Node>> look_up(const std::string& path, std::string_view action);

  std::shared_ptr<Disk> disk_;
  std::shared_ptr<Process> process_;
};

}  // namespace sluice::sim
