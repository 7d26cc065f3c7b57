// Giving committed files their final names, and finishing what others left (X5, X6); removing what nobody can
// commit any more (X3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "table/commit_log.h"
#include "table/commit_object.h"
#include "table/store.h"

namespace sluice::table {

/// How recovery looks into files and makes them again; table itself knows neither Parquet nor Kafka.
class Content {
 public:
  virtual ~Content() = default;
  /// Whether the file `name` is complete and has the rows and the logical hash that `file` records.
  virtual Result<bool> holds(const std::string& name, const CommitFile& file) = 0;
  /// Reads exactly the object's range again and writes its files, synced, under new temporary names; returns
  /// these in the order of object.files. Their hashes equal the recorded ones, else an error: out_of_range
  /// where the topic no longer has the range, corrupt where it has other records now.
  virtual Result<std::vector<std::string>> rebuild(const CommitObject& object) = 0;
};

struct PublishReport {
  std::int64_t published = 0;  ///< from the temporary file
  std::int64_t rebuilt = 0;    ///< by reading the range again
  std::int64_t present = 0;    ///< had its name already
};

/// Ends with every name of `object` occupied, durably, by the recorded content. Only ever rolls forward; may
/// be called again at any time, by anyone, also after a crash in its middle. `fresh`: the caller has just
/// written and synced the temporary files itself, so that they need no second look.
Result<PublishReport> publish(Store& store, const CommitObject& object, Content& content, bool fresh);

/// Removes the temporary files of a chain that can never be committed: their range begins before the end of
/// the chain and no commit object names them. Returns how many.
Result<std::int64_t> sweep(Store& store, CommitLog& log);

}  // namespace sluice::table
