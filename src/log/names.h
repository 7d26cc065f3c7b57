// The names of files and directories in a data directory, as Apache Kafka spells them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace sluice::log {

struct TopicPartition {
  std::string topic;
  PartitionId partition;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

/// "events-0"
std::string dir_name(const TopicPartition& id);
/// What dir_name gave; nothing for any other name, among them those of deleted partitions.
std::optional<TopicPartition> parse_dir_name(std::string_view name);
/// A topic name that Kafka takes: 1 to 249 characters of [a-zA-Z0-9._-], not "." or "..".
Result<void> check_topic_name(std::string_view topic);

/// "00000000000000000042.log": twenty digits, so that names sort as offsets do.
std::string file_name(Offset base, std::string_view suffix);
/// The offset in "00000000000000000042SUFFIX"; nothing for any other name.
std::optional<Offset> parse_file_name(std::string_view name, std::string_view suffix);

constexpr std::string_view log_suffix = ".log";
constexpr std::string_view index_suffix = ".index";
constexpr std::string_view time_index_suffix = ".timeindex";
constexpr std::string_view txn_index_suffix = ".txnindex";
constexpr std::string_view snapshot_suffix = ".snapshot";
constexpr std::string_view delete_suffix = "-delete";  ///< of the directory of a deleted partition

}  // namespace sluice::log
