// Carrying a plan out: the undo file first, then the changes, then a look at what is stored.
#pragma once

#include <string>
#include <vector>

#include "env/env.h"
#include "offsets/plan.h"

namespace sluice::offsets {

struct Executed {
  std::string undo_path;  ///< empty where nothing was to be changed
  /// Of each move of the plan: what is stored now, and why that is not what was wanted.
  std::vector<std::optional<StoredPosition>> stored;
  std::vector<std::string> errors;  ///< empty strings where all is well
  bool all_well() const;
};

struct ExecuteOptions {
  std::string undo_directory;
};

/// Only a plan that is possible() is carried out.
/// errors   conflict: somebody uses the positions, or they have changed since the plan was made (each is
///          named); io_failed: the undo file was not written. In all of them nothing was changed.
Result<Executed> execute(const env::Env& env, PositionStore& store, const Plan& plan,
                         const ExecuteOptions& options);

}  // namespace sluice::offsets
