#include "log/data_dir.h"

#include <fmt/format.h>

#include <algorithm>

#include "log/partition_files.h"
#include "log/text_lines.h"

namespace sluice::log {
namespace {

constexpr std::uint64_t checkpoint_bytes_max = 64 << 20;
constexpr std::string_view clean_shutdown_name = ".kafka_cleanshutdown";
constexpr std::string_view new_suffix = "-new";
constexpr std::size_t name_bytes_max = 255;

}  // namespace

Result<OffsetCheckpoint> read_checkpoint(env::FileSystem& fs, const std::string& data_dir,
                                         std::string_view name) {
  const std::string path = env::join(data_dir, name);
  Result<Bytes> content = fs.read_file(path, checkpoint_bytes_max);
  OffsetCheckpoint offsets;
  if (!content && content.error().code == Code::not_found) return offsets;
  if (!content) return std::unexpected(std::move(content.error()));
  TextLines lines{as_text(*content)};
  const std::size_t count = SLUICE_TRY(lines.header(path));
  for (std::size_t i = 0; i < count; ++i) {
    const auto fields = lines.fields();
    TopicPartition id;
    Offset offset;
    if (fields.size() != 3 || !check_topic_name(fields[0]) || !parse_field(fields[1], id.partition.value) ||
        !parse_field(fields[2], offset.value) || id.partition.value < 0 || offset.value < 0) {
      return lines.bad(path);
    }
    id.topic = fields[0];
    offsets[std::move(id)] = offset;
  }
  if (!lines.at_end()) return lines.bad(path);
  return offsets;
}

Result<void> write_checkpoint(env::FileSystem& fs, const std::string& data_dir, std::string_view name,
                              const OffsetCheckpoint& offsets) {
  std::string text = fmt::format("0\n{}\n", offsets.size());
  for (const auto& [id, offset] : offsets) {
    text += fmt::format("{} {} {}\n", id.topic, id.partition.value, offset.value);
  }
  return fs.replace_file_durable(env::join(data_dir, name), as_bytes(text));
}

Result<void> mark_clean_shutdown(env::FileSystem& fs, const std::string& data_dir) {
  // Kafka's own content: a version, and a broker epoch that only a quorum gives.
  return fs.replace_file_durable(env::join(data_dir, clean_shutdown_name),
                                 as_bytes(R"({"version":0,"brokerEpoch":-1})"));
}

Result<bool> take_clean_shutdown(env::FileSystem& fs, const std::string& data_dir) {
  Result<void> removed = fs.remove_file(env::join(data_dir, clean_shutdown_name));
  if (!removed && removed.error().code == Code::not_found) return false;
  SLUICE_TRY(std::move(removed));
  SLUICE_TRY(fs.sync_dir(data_dir));
  return true;
}

Result<std::vector<TopicPartition>> list_partitions(env::FileSystem& fs, const std::string& data_dir) {
  std::vector<TopicPartition> partitions;
  for (const env::DirEntry& entry : SLUICE_TRY(fs.list(data_dir))) {
    if (!entry.is_dir) continue;
    if (std::optional<TopicPartition> id = parse_dir_name(entry.name)) partitions.push_back(std::move(*id));
  }
  std::ranges::sort(partitions);
  return partitions;
}

Result<void> retire_partition(env::FileSystem& fs, const std::string& data_dir, const TopicPartition& id,
                              Uuid nonce) {
  const std::string name = dir_name(id);
  const std::string tail = fmt::format(".{:016x}{:016x}{}", nonce.high, nonce.low, delete_suffix);
  const std::string retired = name.substr(0, name_bytes_max - tail.size()) + tail;
  SLUICE_TRY(fs.rename_noreplace(env::join(data_dir, name), env::join(data_dir, retired)));
  return fs.sync_dir(data_dir);
}

Result<std::size_t> sweep_deleted(env::FileSystem& fs, const std::string& data_dir) {
  std::size_t swept = 0;
  for (const env::DirEntry& entry : SLUICE_TRY(fs.list(data_dir))) {
    if (!entry.is_dir || parse_dir_name(entry.name)) continue;
    if (!entry.name.ends_with(delete_suffix) && !entry.name.ends_with(new_suffix)) continue;
    SLUICE_TRY(remove_tree(fs, env::join(data_dir, entry.name)));
    ++swept;
  }
  return swept;
}

}  // namespace sluice::log
