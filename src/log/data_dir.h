// What lies in a data directory beside its partitions: Kafka's checkpoint files, the mark of a clean
// shutdown, and partitions on their way out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "log/names.h"

namespace sluice::log {

/// Names of the checkpoint files; each a text "0\nCOUNT\nTOPIC PARTITION OFFSET\n...".
constexpr std::string_view recovery_point_checkpoint = "recovery-point-offset-checkpoint";
constexpr std::string_view log_start_checkpoint = "log-start-offset-checkpoint";
constexpr std::string_view high_watermark_checkpoint = "replication-offset-checkpoint";

using OffsetCheckpoint = std::map<TopicPartition, Offset>;

/// The checkpoint `name` of `data_dir`; empty where there is none.
/// errors   corrupt: with the line; a caller may go on without, since partitions know their own durable
/// offsets
Result<OffsetCheckpoint> read_checkpoint(env::FileSystem& fs, const std::string& data_dir,
                                         std::string_view name);
/// Replaces it durably.
Result<void> write_checkpoint(env::FileSystem& fs, const std::string& data_dir, std::string_view name,
                              const OffsetCheckpoint& offsets);

/// Leaves the mark of a clean shutdown, durably; after every partition's close() and nothing after it.
Result<void> mark_clean_shutdown(env::FileSystem& fs, const std::string& data_dir);
/// Whether the mark was there; takes it away durably, before any partition is opened.
Result<bool> take_clean_shutdown(env::FileSystem& fs, const std::string& data_dir);

/// The partitions in `data_dir`, sorted.
Result<std::vector<TopicPartition>> list_partitions(env::FileSystem& fs, const std::string& data_dir);

/// Takes the partition's directory out of the way, durably: once this returns, no restart brings it back. The
/// log must be closed or dropped. Its bytes are removed by sweep_deleted. not_found where it is not there.
/// `nonce` keeps the new name apart from those of earlier deletions.
Result<void> retire_partition(env::FileSystem& fs, const std::string& data_dir, const TopicPartition& id,
                              Uuid nonce);
/// Removes what retire_partition left; returns how many directories. Safe to repeat after a crash.
Result<std::size_t> sweep_deleted(env::FileSystem& fs, const std::string& data_dir);

}  // namespace sluice::log
