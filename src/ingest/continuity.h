// Whether the topic still is what the table was filled from (X12): checked before a chain is continued.
#pragma once

#include <optional>

#include "env/clock.h"
#include "ingest/fill.h"
#include "ingest/source.h"

namespace sluice::ingest {

/// What stands before `position`: bounds, leader epoch, the last record itself.
///
/// errors  out_of_range: the topic has dropped [position, log start), with both numbers · conflict: the log
/// ends
///         before the position, or its epoch ends before it (truncated), or its last record has another
///         content
Result<void> check_continuity(Source& source, const FillPlan& plan, const Bounds& bounds, Offset position,
                              const Before& before, env::Clock& clock, env::Duration patience);

}  // namespace sluice::ingest
