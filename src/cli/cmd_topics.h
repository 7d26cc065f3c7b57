// What the subcommands of `sluice topics` share.
#pragma once

#include <string>
#include <vector>

#include "cli/cmd_offsets.h"
#include "client/offset_batch.h"

namespace sluice::cli {

struct TopicFlags : ToolFlags {
  std::vector<std::string> topics;
  bool internal = false;
  bool configs = false;
  std::int32_t partitions = -1;
  std::int32_t replication_factor = -1;
  std::vector<std::string> set;    ///< KEY=VALUE
  std::vector<std::string> unset;  ///< KEY
  bool if_not_exists = false;
  bool dry_run = false;
  bool execute = false;
  std::string before;
  std::string offset_json_file;
  std::int32_t total = 0;
};

/// The topics that are named or match, ascending. errors   not_found: a pattern matches nothing
Result<std::vector<std::string>> named_topics(client::Cluster& cluster,
                                              const std::vector<std::string>& texts);

/// Adds an "error" column where any row has one; `errors` is one for each row, and goes to the table's
/// errors.
void add_errors(Table& table, const std::vector<std::string>& errors);

Result<int> run_topics_create(const TopicFlags& flags);
Result<int> run_topics_delete(const TopicFlags& flags);
Result<int> run_topics_alter(const TopicFlags& flags);
Result<int> run_topics_trim(const TopicFlags& flags);
Result<int> run_topics_partitions_add(const TopicFlags& flags);

}  // namespace sluice::cli
