// Where everybody stands in a partition: the log's ends, and how far a group or a table has come.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "client/cluster.h"
#include "env/env.h"

namespace sluice::offsets {

/// Whether records were lost to a reader, as far as that can be known from outside (loss.h).
enum class Loss : std::uint8_t { none, possible, certain };

/// One partition's offsets, in the order in which they lie in the log. What is not known is empty.
struct Standing {
  std::string group;  ///< whose positions these are; empty where they are a table's, a file's or nobody's
  std::string topic;
  PartitionId partition{-1};  ///< -1 in the row that says why a topic or a group could not be asked
  BrokerId leader{-1};
  std::optional<Offset> log_start;
  std::optional<Offset> committed;  ///< durable: the table's next offset, or the group's
  std::optional<Offset> output;     ///< durable in a realtime topic
  std::optional<Offset> read;       ///< what a pipeline has read; of a table, what it has committed
  std::optional<Offset> log_end;    ///< what a read_committed consumer can reach
  /// Where reading goes on: `committed`, or the start of a table that has nothing of this partition yet.
  std::optional<Offset> next;
  std::optional<Loss> loss;  ///< once judge_losses() has looked
  std::string loss_reason;
  std::string error;  ///< why the log's ends or the position are not known; empty otherwise

  /// Records that can still be read. Never counts what is lost.
  std::optional<std::int64_t> lag() const;
  /// Records that the topic dropped before they were read.
  std::optional<std::int64_t> lost() const;
};

/// The log's ends of every partition of `topics`, by name and partition, in two requests a leader. A
/// partition that cannot be asked, and a topic that is not there, is a row with an error.
Result<std::vector<Standing>> topic_ranges(client::Cluster& cluster, const std::vector<std::string>& topics,
                                           client::Isolation isolation = client::Isolation::read_committed);

/// The next offset of each partition of a table, from its commit log alone (X7).
struct TablePositions {
  std::string cluster_id;
  std::string topic;
  Uuid topic_id;
  std::map<PartitionId, Offset> committed;  ///< only where something is committed
  std::vector<Offset> starts;               ///< by partition; later partitions start at 0
};
/// not_found where there is no table in `directory`; corrupt where its commit log has a hole.
Result<TablePositions> table_positions(const env::Env& env, const std::string& directory,
                                       const std::vector<PartitionId>& partitions);

/// Fills in the positions of the table; `standings` are of one topic. conflict where it belongs to another
/// topic or cluster.
Result<void> add_table(client::Cluster& cluster, const std::string& directory,
                       std::vector<Standing>& standings);

}  // namespace sluice::offsets
