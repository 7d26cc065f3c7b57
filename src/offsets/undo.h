// The file that says how positions were before they were moved, and after; docs/formats/undo.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "env/env.h"
#include "offsets/plan.h"

namespace sluice::offsets {

struct Undo {
  std::string cluster_id;
  std::string store;  ///< PositionStore::kind(): "kafka" or "file"
  std::string owner;  ///< the group, or the path of the file
  std::int64_t at_ms = 0;
  std::vector<Change> before;  ///< what each position was, by topic and partition
  std::vector<Change> after;   ///< what it was to become; the same partitions
};

std::string encode(const Undo& undo);
/// corrupt where `text` is not what encode() gives.
Result<Undo> decode_undo(std::string_view text);

/// What the plan is about to do.
Undo make_undo(const Plan& plan, const PositionStore& store, std::int64_t at_ms);

/// Where undo files are unless somebody says otherwise: $XDG_STATE_HOME/sluice/undo, or
/// ~/.local/state/sluice/undo.
std::string undo_directory();
/// Writes a new file in `directory` (made where it is missing), durably; its path.
/// errors   already_exists, io_failed, no_space: nothing was written whole
Result<std::string> write_undo(const env::Env& env, const std::string& directory, const Undo& undo);
Result<Undo> read_undo(const env::Env& env, const std::string& path);
/// The newest file in `directory`. errors   not_found
Result<std::string> last_undo(const env::Env& env, const std::string& directory);

/// The plan that puts positions back. A position that is no longer what was stored then is a move with an
/// error: somebody has moved it since.
/// errors   conflict: the file is of another cluster or store
Result<Plan> make_undo_plan(client::Cluster& cluster, PositionStore& store, const Undo& undo);

}  // namespace sluice::offsets
