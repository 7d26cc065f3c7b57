// Positions in one file, replaced whole. Several processes may share it: a lock beside it orders them.
#pragma once

#include <mutex>
#include <set>

#include "env/file_system.h"
#include "positions/store.h"

namespace sluice::positions {

/// The lines of a positions file; docs/formats/positions.md.
std::string encode(const Positions& positions);
/// corrupt where `text` is not what encode() gives.
Result<Positions> decode(std::string_view text);

/// Safe from several threads and processes. `files` outlives it.
class FileStore final : public Store {
 public:
  /// The directory of `path` exists.
  FileStore(env::FileSystem& files, std::string path);

  Result<Positions> load() override;
  /// conflict where another process is writing just now.
  Result<void> advance(const Positions& positions) override;
  /// Puts positions where a person wants them, also backwards, and removes others. All or none.
  /// corrupt where the file cannot be read: it is left as it is. conflict as advance().
  Result<void> change(const Positions& set, const std::set<TopicPartition>& removed);

 private:
  env::FileSystem& files_;
  const std::string path_;
  std::mutex advancing_;  // the lock on the file is the process's: its threads take turns here
};

}  // namespace sluice::positions
