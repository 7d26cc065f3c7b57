// The durable list of topics: one small text file beside the partitions (docs/formats/broker_state.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "broker/config.h"
#include "env/file_system.h"

namespace sluice::broker {

/// What is kept of one topic.
struct TopicEntry {
  std::string name;
  Uuid id;
  std::int32_t partition_count = 0;
  /// The broker's start in which the topic was made: its leaders' epoch is the number of starts since then,
  /// so that it grows with every restart and begins at 0.
  std::int32_t created_in_start = 0;
  bool deleted = false;  ///< on its way out: its directories go, then the entry
  Values values;
  friend bool operator==(const TopicEntry&, const TopicEntry&) = default;
};

struct TopicTable {
  std::int32_t starts = 0;  ///< how often a broker has opened the directory, this time included
  std::vector<TopicEntry> topics;
  friend bool operator==(const TopicTable&, const TopicTable&) = default;
};

constexpr std::string_view topic_table_name = "sluice-topics";

std::string encode(const TopicTable& table);
/// corrupt: the checksum is not that of the lines, or a line is not what it should be.
Result<TopicTable> parse_topic_table(std::string_view text);

/// not_found where there is none.
Result<TopicTable> read_topic_table(env::FileSystem& fs, const std::string& data_dir);
/// Replaces it durably: the change has happened once this returns.
Result<void> write_topic_table(env::FileSystem& fs, const std::string& data_dir, const TopicTable& table);

}  // namespace sluice::broker
