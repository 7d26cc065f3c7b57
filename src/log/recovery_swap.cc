// Compaction that was decided and not finished: recovery goes on where the job was (clean_job.h).
#include <fmt/format.h>

#include "log/batch_walker.h"
#include "log/clean_job.h"
#include "log/recovery.h"
#include "log/segment.h"

namespace sluice::log {
namespace {

/// Where the batches of a file end; `base` where there are none.
Result<Offset> end_of(env::FileSystem& fs, const std::string& path, Offset base) {
  const auto file = SLUICE_TRY(fs.open(path, env::OpenMode::read));
  BatchWalker walker{*file, path, 0, SLUICE_TRY(file->size())};
  Offset end = base;
  while (const auto batch = SLUICE_TRY(walker.next())) end = batch->end_offset();
  return end;
}

Result<void> remove_if_there(env::FileSystem& fs, const std::string& path) {
  Result<void> removed = fs.remove_file(path);
  if (!removed && removed.error().code == Code::not_found) return {};
  return removed;
}

}  // namespace

Result<void> Recovery::finish_swaps() {
  const std::string log_swap = std::string{log_suffix} + std::string{swap_suffix};
  for (const env::DirEntry& entry : SLUICE_TRY(log_.fs_.list(log_.dir_))) {
    const auto base = entry.is_dir ? std::nullopt : parse_file_name(entry.name, log_swap);
    if (base) SLUICE_TRY(finish_swap(*base));
  }
  return {};
}

/// BASE.log.swap was whole and durable before it got that name, and stands for all segments that begin inside
/// it. Their files go, and the indexes of the one whose name it takes, which are made again.
Result<void> Recovery::finish_swap(Offset base) {
  env::FileSystem& fs = log_.fs_;
  const std::vector<std::string> names = segment_paths(log_.dir_, base);
  const std::string swap = names.front() + std::string{swap_suffix};
  const Offset end = SLUICE_TRY(end_of(fs, swap, base));
  for (const env::DirEntry& entry : SLUICE_TRY(fs.list(log_.dir_))) {
    const auto other = entry.is_dir ? std::nullopt : parse_file_name(entry.name, log_suffix);
    if (!other || *other <= base || *other >= end) continue;
    for (const std::string& path : segment_paths(log_.dir_, *other)) SLUICE_TRY(remove_if_there(fs, path));
  }
  for (std::size_t i = 1; i < names.size(); ++i) {
    SLUICE_TRY(remove_if_there(fs, names[i]));
    SLUICE_TRY(remove_if_there(fs, names[i] + std::string{swap_suffix}));
  }
  // Where there is none, no transaction was aborted; one that cannot be trusted is made again.
  const auto txns = SLUICE_TRY(fs.open(names.back(), env::OpenMode::create_truncate));
  SLUICE_TRY(txns->truncate(1));
  SLUICE_TRY(txns->sync());
  SLUICE_TRY(fs.sync_dir(log_.dir_));
  SLUICE_TRY(fs.rename(swap, names.front()));
  return fs.sync_dir(log_.dir_);
}

}  // namespace sluice::log
