#include "log/partition_files.h"

#include <fmt/format.h>

#include "log/segment.h"
#include "log/watermark.h"

namespace sluice::log {
namespace {

constexpr std::uint64_t small_file_bytes_max = 1 << 20;

Result<void> write_file_synced(env::FileSystem& fs, const std::string& path, std::string_view text) {
  auto file = SLUICE_TRY(fs.open(path, env::OpenMode::create_truncate));
  SLUICE_TRY(file->write_at(0, as_bytes(text)));
  return file->sync();
}

Result<void> fill_partition_dir(env::FileSystem& fs, const std::string& dir, Uuid topic_id) {
  SLUICE_TRY(write_file_synced(fs, env::join(dir, metadata_name),
                               fmt::format("version: 0\ntopic_id: {}\n", to_string(topic_id))));
  SLUICE_TRY(write_file_synced(fs, env::join(dir, epochs_name), Epochs{}.text()));
  SLUICE_TRY(WatermarkFile::create(fs, dir, {}));
  SLUICE_TRY(Segment::create(fs, dir, Offset{0}));
  return fs.sync_dir(dir);
}

}  // namespace

Result<void> make_partition_dir(env::FileSystem& fs, const std::string& data_dir, const TopicPartition& id,
                                Uuid topic_id) {
  const std::string dir = env::join(data_dir, dir_name(id));
  const std::string made = dir + "-new";  // no partition's name: the digits are missing
  if (SLUICE_TRY(fs.exists(dir))) return fail(Code::already_exists, fmt::format("{} is there already", dir));
  // What an earlier try left is made anew: names that a failed sync forgot look as if they were there (X13).
  if (SLUICE_TRY(fs.exists(made))) SLUICE_TRY(remove_tree(fs, made));
  SLUICE_TRY(fs.create_dir(made));
  SLUICE_TRY(fill_partition_dir(fs, made, topic_id));
  SLUICE_TRY(fs.rename_noreplace(made, dir));
  Result<void> synced = fs.sync_dir(data_dir);
  if (!synced) (void)fs.rename_noreplace(dir, made);  // not created, whatever the disk has of it
  return synced;
}

Result<void> remove_tree(env::FileSystem& fs, const std::string& dir) {
  for (const env::DirEntry& entry : SLUICE_TRY(fs.list(dir))) {
    const std::string path = env::join(dir, entry.name);
    SLUICE_TRY(entry.is_dir ? remove_tree(fs, path) : fs.remove_file(path));
  }
  return fs.remove_dir(dir);
}

Result<Uuid> read_topic_id(env::FileSystem& fs, const std::string& dir) {
  const std::string path = env::join(dir, metadata_name);
  const Bytes content = SLUICE_TRY(fs.read_file(path, small_file_bytes_max));
  std::string_view text = as_text(content);
  constexpr std::string_view head = "version: 0\ntopic_id: ";
  Uuid id;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (!text.starts_with(head) || !parse_uuid(text.substr(head.size()), id)) {
    return fail(Code::corrupt, fmt::format("{} does not hold a version and a topic id", path));
  }
  return id;
}

Result<std::optional<Epochs>> read_epochs(env::FileSystem& fs, const std::string& dir) {
  const Result<Bytes> content = fs.read_file(env::join(dir, epochs_name), small_file_bytes_max);
  if (!content) {
    if (content.error().code == Code::not_found || content.error().code == Code::limit_exceeded)
      return std::nullopt;
    return std::unexpected(content.error());
  }
  Result<Epochs> epochs = Epochs::parse(as_text(*content));
  if (!epochs) return std::nullopt;
  return std::move(*epochs);
}

Result<void> write_epochs(env::FileSystem& fs, const std::string& dir, const Epochs& epochs) {
  return fs.replace_file_durable(env::join(dir, epochs_name), as_bytes(epochs.text()));
}

}  // namespace sluice::log
