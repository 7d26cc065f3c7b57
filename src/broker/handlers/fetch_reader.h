// Reads what a Fetch asks for, within its limits.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/core.h"
#include "broker/fetch_session.h"
#include "wire/generated/fetch_response.h"

namespace sluice::broker {

struct FetchLimits {
  const Request* request = nullptr;  ///< whose right to read is asked for
  std::int64_t bytes_max = 0;
  bool by_id = false;           ///< topics are named by id
  bool read_committed = false;  ///< nothing beyond the last stable offset, and aborted transactions are told
};

struct FetchOutcome {
  wire::FetchResponse response;
  std::vector<std::shared_ptr<const void>> owners;  ///< of the records in it
  std::int64_t bytes = 0;                           ///< of records
  bool has_error = false;                           ///< of some partition: not worth waiting
};

/// nullptr where there is none.
PartitionPtr find_partition(Core& core, bool by_id, const FetchEntry& entry);

/// Reads each entry of `session` in its order. With `only_changes` the answer leaves out partitions of which
/// nothing new is to be told.
FetchOutcome read_fetch(Core& core, const FetchLimits& limits, FetchSession& session, bool only_changes);

/// Notes what the answer tells, and moves partitions that gave records to the end of the turn.
void remember(const FetchOutcome& outcome, FetchSession& session);

}  // namespace sluice::broker
