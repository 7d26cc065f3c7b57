// What lies in a table's directory: the commit objects, and the files that readers see.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "audit/report.h"
#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "table/commit_object.h"
#include "table/descriptor.h"

namespace sluice::audit {

/// One partition's commit objects, sorted by begin, and the holes between them.
struct Chain {
  std::vector<table::CommitObject> commits;
  /// Offsets that no commit object covers although a later one, or the name of a file or checkpoint, is
  /// there.
  std::vector<OffsetRange> holes;
  std::vector<Finding> findings;

  /// From the first commit or hole to the last.
  OffsetRange covered() const;
};

struct Listing {
  table::Descriptor descriptor;
  /// Every file that readers of the table may see, relative to its directory.
  std::set<std::string> files;
  std::map<PartitionId, Chain> chains;
  std::vector<Finding> findings;
};

/// Reads the listing of the table in `directory`. Files are listed before the commit objects: a file is
/// published only after its commit exists, so one that no commit names is nobody's work in progress.
/// not_found where there is no table.
Result<Listing> list_table(env::FileSystem& files, const std::string& directory);

/// The range in a data file's name "part-TOPIC_ID-PARTITION-BEGIN-END..."; nullopt where it is no such name.
struct NamedRange {
  Uuid topic_id;
  PartitionId partition;
  OffsetRange range;
};
std::optional<NamedRange> parse_data_file_name(std::string_view name);

}  // namespace sluice::audit
