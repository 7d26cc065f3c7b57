// An ingest from start to end: binds the table, fixes the schema, runs the workers.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "ingest/worker.h"

namespace sluice::ingest {

/// Binds the table to the topic (X1) and fixes its schema: the stored one; else that of the options; else one
/// inferred from the topic's first records, offered create-only so that all workers share the first one's.
/// Waits for a first record where the topic is empty, unless options.until_end: then not_found. `stop` ends
/// the wait: interrupted.
Result<Job> prepare(const env::Env& env, table::Store& store, positions::Store* positions, Observer* observer,
                    MakeSource make_source, const Options& options, const std::atomic<bool>& stop);

/// Runs min(processors, partitions) workers, each on a thread of its own, until all have ended.
/// `tick` is called about five times a second on the caller's thread with the progress of all partitions.
Result<Summary> run(const Job& job, const std::atomic<bool>& stop,
                    const std::function<void(const std::vector<Progress>&)>& tick);

}  // namespace sluice::ingest
