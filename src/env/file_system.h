// Files, as an interface whose verbs are those that durability is made of.
//
// What is promised after a crash (power loss), and nothing more:
//   - bytes of a file are durable once File::sync (or sync_file) returned after they were written;
//   - a name (created, renamed, removed) is durable once sync_dir of its directory returned after the change;
//   - a failed sync is final for that file: its owner must give it up (X13), never sync again and believe it.
// Paths are plain strings with '/' between names. Every error's message carries the path and the operation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::env {

/// What devices write at a time, at most.
constexpr std::size_t direct_block_bytes = 4096;

/// An open file. Reads may come from any thread at once; writes, truncate and sync each from one thread at a
/// time.
class File {
 public:
  virtual ~File() = default;

  /// Reads up to out.size() bytes at `offset`; returns how many (fewer only at the end of the file).
  virtual Result<std::size_t> read_at(std::uint64_t offset, MutableBytes out) = 0;
  /// Writes all of `bytes` at `offset`; on an error any part of them may have been written.
  virtual Result<void> write_at(std::uint64_t offset, BytesView bytes) = 0;
  /// Writes `parts` one after another from `offset`, in as few system calls as the system allows. Otherwise
  /// as write_at.
  virtual Result<void> write_parts_at(std::uint64_t offset, std::span<const BytesView> parts);
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  /// Makes the content and the size durable (fdatasync). May run on another thread than the writes.
  virtual Result<void> sync() = 0;
  /// Writes `bytes` and makes them durable, and the size where they are behind it; nothing is said of what
  /// was written before. On an error any part of them may have been written. After no_space they may be
  /// written again, after any other the file is to be given up as after a sync that failed (X13).
  ///
  /// Cheapest, past the page cache, where the address of `bytes`, their size and `offset` are multiples of
  /// direct_block_bytes and the file has such bytes there already.
  virtual Result<void> write_durable_at(std::uint64_t offset, BytesView bytes);
  /// Hints that sync() will follow: what is written may go to the device from now on. Promises nothing.
  virtual void start_writeback() {}
  /// Asks for room for the file's first `bytes` bytes, so that later writes there seldom allocate; the size
  /// stays as it is. Only a hint: does nothing where the file system cannot, no_space where the disk is full.
  virtual Result<void> preallocate(std::uint64_t bytes);
};

enum class OpenMode : std::uint8_t {
  read,             ///< must exist
  read_write,       ///< must exist
  create,           ///< is made where it is missing; kept as it is where it exists
  create_new,       ///< must not exist: already_exists
  create_truncate,  ///< is made, or emptied
};

struct DirEntry {
  std::string name;
  bool is_dir = false;
  friend auto operator<=>(const DirEntry&, const DirEntry&) = default;
};

/// Held while a process owns a directory. Released by the destructor and by the death of the process.
class Lock {
 public:
  virtual ~Lock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  /// The names in `dir`, sorted, without "." and "..".
  virtual Result<std::vector<DirEntry>> list(const std::string& dir) = 0;
  /// Makes one directory; already_exists where the name is taken.
  virtual Result<void> create_dir(const std::string& path) = 0;

  /// Replaces `to` if it is there. Atomic; durable only after sync_dir of both directories.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// Refuses with already_exists where `to` is there (renameat2 NOREPLACE). The create-only verb of X2 and
  /// X5.
  virtual Result<void> rename_noreplace(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove_file(const std::string& path) = 0;
  virtual Result<void> remove_dir(const std::string& path) = 0;  ///< must be empty

  virtual Result<void> sync_dir(const std::string& dir) = 0;
  /// sync of a file that is not open here.
  virtual Result<void> sync_file(const std::string& path) = 0;

  /// An exclusive lock on `path` (made if missing); conflict, with the owner's process id, where another
  /// process or another lock of this one has it. The file stays when the lock goes.
  virtual Result<std::unique_ptr<Lock>> lock(const std::string& path) = 0;

  /// Bytes that an ordinary user may still write on the disk that holds `path`, which must exist.
  virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
  /// Bytes that this disk has in all; unsupported where that is not known (a simulation).
  virtual Result<std::uint64_t> total_bytes(const std::string& path);

  // Made of the verbs above, the same on every implementation.

  /// Every missing directory of `path`, each made durable in its parent before the next (X4: "and new
  /// parents").
  Result<void> create_dirs_durable(const std::string& path);
  /// The whole file; limit_exceeded where it is larger than `bytes_max`.
  Result<Bytes> read_file(const std::string& path, std::uint64_t bytes_max);
  /// Replaces `path` whole and durably: temporary file `path`.tmp beside it, sync, rename, sync_dir. One
  /// caller at a time for one path; on an error either the old content or the new is there.
  Result<void> replace_file_durable(const std::string& path, BytesView content);
};

/// "a/b" from "a" and "b".
std::string join(std::string_view dir, std::string_view name);
/// "a/b" of "a/b/c"; "." where there is no '/'.
std::string parent(std::string_view path);

}  // namespace sluice::env
