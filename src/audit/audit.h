// The audit of one table against its topic: the independent witness of DESIGN section 4. It shares no code
// with ingest, client, record and lake; it follows the pages in docs/formats.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "audit/report.h"
#include "audit/topic.h"
#include "base/error.h"
#include "env/file_system.h"

namespace sluice::audit {

struct Options {
  std::string topic;
  std::string table;  ///< the table's directory
  /// Offsets looked at together; each costs 9 bytes of memory. A range with more is read in several passes.
  std::int64_t window_offsets_max = std::int64_t{4} << 20;
  int threads_max = 2;  ///< partitions looked at together
};

/// Called now and then from any thread with the records looked at so far; false: stop (interrupted).
using Progress = std::function<bool(std::int64_t records)>;

/// Compares every record that the table's commit log covers with the topic, and every file that readers see
/// with the commit log. An error means that the audit did not take place: no table, no cluster, another
/// cluster's or another topic's table (conflict). What is wrong with the table is in the report, not an
/// error.
Result<Report> run(const Options& options, Topic& topic, env::FileSystem& files, const Progress& progress);

}  // namespace sluice::audit
