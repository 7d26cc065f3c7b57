// What a journal holds of a life that ended without closing its logs goes back into them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "env/file_system.h"
#include "log/journal.h"

namespace sluice::log {

class PartitionLog;

/// Where the records of a journal entry belong.
struct JournalTarget {
  PartitionLog* log = nullptr;
  /// The partition is there, its log cannot take records now: the journal must be kept for it.
  bool offline = false;
};

struct ReplayReport {
  std::size_t frames = 0;
  std::size_t batches_appended = 0;  ///< that the segments had lost
  std::size_t logs_repaired = 0;
  /// Logs that do not continue where the journal says: they must not be served.
  std::vector<std::pair<JournalKey, Error>> refused;
  /// A partition that is offline or refused may need the journal: it was left where it is. This life must go
  /// on without one; the next start replays it again, which changes nothing where all is well.
  bool kept = false;
};

/// Appends to each opened, recovered log what it has lost of the journal, syncs those logs, then removes the
/// journal durably. Everything that was acknowledged is in the segments when this returns; to call before any
/// log is appended to. Nothing happens where there is no journal.
///
/// find     the log for a key; neither log nor offline: its topic is gone
/// errors   corrupt: a frame that was durable is damaged (with the round) · io_failed, no_space. The journal
///          is left as it is
Result<ReplayReport> replay_journal(env::FileSystem& fs, const std::string& data_dir,
                                    const std::function<JournalTarget(const JournalKey&)>& find,
                                    std::int64_t now_ms);

/// Removes the files durably, in the order that leaves a whole journal wherever it stops, and so that neither
/// can come back with content. Only when every log is closed, or synced.
Result<void> remove_journal(env::FileSystem& fs, const std::string& data_dir);

}  // namespace sluice::log
