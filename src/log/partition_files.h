// The small files of a partition's directory, and how it comes into being. Internal to `log`.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "log/epochs.h"
#include "log/names.h"

namespace sluice::log {

constexpr std::string_view epochs_name = "leader-epoch-checkpoint";
constexpr std::string_view metadata_name = "partition.metadata";

/// DATA_DIR/TOPIC-PARTITION with an empty log in it: all of it, or nothing, whenever the power goes.
Result<void> make_partition_dir(env::FileSystem& fs, const std::string& data_dir, const TopicPartition& id,
                                Uuid topic_id);

/// Removes `dir` and all in it; not durable.
Result<void> remove_tree(env::FileSystem& fs, const std::string& dir);

/// errors   corrupt: not "version: 0" and "topic_id: ..."
Result<Uuid> read_topic_id(env::FileSystem& fs, const std::string& dir);

/// Nothing where the file is missing or damaged: the log itself knows.
Result<std::optional<Epochs>> read_epochs(env::FileSystem& fs, const std::string& dir);
/// Replaces it durably.
Result<void> write_epochs(env::FileSystem& fs, const std::string& dir, const Epochs& epochs);

}  // namespace sluice::log
