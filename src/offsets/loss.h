// Whether offsets below the log start were records that somebody needed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/offset_batch.h"
#include "offsets/standing.h"

namespace sluice::offsets {

/// What is known of a partition's offsets that are gone.
struct LossEvidence {
  std::optional<std::string> cleanup_policy;  ///< nothing: it could not be read
  std::optional<bool> transactional;  ///< whether its producers have written markers; nothing: unknown
};

struct LossVerdict {
  Loss loss = Loss::none;
  std::string reason;
};

/// none: every record from the position on is still there. certain: retention or DeleteRecords removed
/// records that were not read. possible: offsets are gone that may have held no record (compaction,
/// transaction markers, aborted records), it could not be found out, or the position lies beyond the log's
/// end.
LossVerdict judge_loss(const Standing& standing, const LossEvidence& evidence);

/// Judges every row; asks the cluster for evidence only where something is gone.
void judge_losses(client::Cluster& cluster, std::vector<Standing>& standings);

}  // namespace sluice::offsets
