// What a table needs of the place it lies in: a few verbs with exact promises. The commit protocol is written
// against these alone, so that another store (HDFS, S3) is one more implementation and no change above it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "env/file_system.h"

namespace sluice::table {

/// A name in the table: '/' between parts, relative to the table's root, no "." or ".." parts, no control
/// bytes.
bool valid_name(std::string_view name);

/// One table's store. Safe from several threads, and from several processes at once. "Durable" means:
/// survives the loss of power once the call has returned.
class Store {
 public:
  virtual ~Store() = default;

  /// Creates `name` with `content`, whole, durable, and only if it is absent (X2). already_exists: another
  /// content may be there. Any other error leaves open whether it happened: read what is there.
  virtual Result<void> put_new(const std::string& name, BytesView content) = 0;

  /// The content of `name`; nullopt where there is none; limit_exceeded above `bytes_max`.
  virtual Result<std::optional<Bytes>> get(const std::string& name, std::uint64_t bytes_max) = 0;

  /// The names in `dir` (last parts only, sorted). A missing directory is an empty one.
  virtual Result<std::vector<std::string>> list(const std::string& dir) = 0;

  /// The size of `name` in bytes; nullopt where it is missing.
  virtual Result<std::optional<std::uint64_t>> size(const std::string& name) = 0;

  /// Makes the names in `dir`, and `dir`'s own, durable. Whoever relies on a name that another process may
  /// have created calls this first (X4). A missing directory is an error.
  virtual Result<void> sync_names(const std::string& dir) = 0;

  /// Makes `dir` and its parents, durably: where temporary files go.
  virtual Result<void> make_dir(const std::string& dir) = 0;

  /// Gives the complete, synced file `temporary` the name `final`, create-only, and makes that durable (X5).
  /// already_exists: the name is taken, and `temporary` is still there. not_found: `temporary` is gone. Any
  /// other error leaves open whether it happened.
  virtual Result<void> publish(const std::string& temporary, const std::string& final) = 0;

  /// Removes a temporary file (only names under "_sluice/tmp/" are taken). Missing is fine.
  virtual Result<void> remove_temporary(const std::string& name) = 0;

  /// Removes what interrupted calls of put_new left behind, where the name they were for is taken by now, so
  /// that they can never succeed. Returns how many.
  virtual Result<std::int64_t> sweep_puts() = 0;

  /// Where temporary files are written and files are read: `files()` at `path(name)`.
  virtual env::FileSystem& files() = 0;
  virtual std::string path(const std::string& name) const = 0;
};

/// Shows that the store keeps X2 and X5 for racing creators: several threads create the same names, exactly
/// one may win each, and its content must be what is there. unsupported where two win.
Result<void> probe(Store& store, std::string_view nonce);

}  // namespace sluice::table
