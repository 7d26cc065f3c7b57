#include "log/journal_replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

#include "log/journal_frame.h"
#include "log/partition_log.h"

namespace sluice::log {
namespace {

/// A journal file as it was found.
struct Found {
  std::string path;
  bool exists = false;
  Bytes content;
  std::optional<std::uint64_t> nonce;
};

Result<Found> read_journal_file(env::FileSystem& fs, std::string path) {
  Found found{std::move(path), false, {}, std::nullopt};
  auto content = fs.read_file(found.path, 2 * journal_file_bytes_max);
  if (!content && content.error().code == Code::not_found) return found;
  if (!content) return std::unexpected(std::move(content.error()));
  found.exists = true;
  found.content = std::move(*content);
  found.nonce = decode_journal_header(found.content);
  // The header is durable before anything is written behind it.
  if (!found.nonce && found.content.size() > journal_block_bytes) {
    return base::fail(Code::corrupt, fmt::format("{} has a damaged header", found.path));
  }
  return found;
}

class Replay {
 public:
  Replay(env::FileSystem& fs, const std::function<JournalTarget(const JournalKey&)>& find,
         std::int64_t now_ms)
      : fs_(fs), find_(find), now_ms_(now_ms) {}

  Result<void> read(const std::string& data_dir) {
    for (std::size_t i = 0; i < journal_names.size(); ++i) {
      files_[i] = SLUICE_TRY(read_journal_file(fs_, env::join(data_dir, journal_names[i])));
      collect(i);
    }
    return check_whole();
  }

  Result<ReplayReport> run() {
    for (auto at = frames_.lower_bound(needed_from_); at != frames_.end(); ++at) {
      ++report_.frames;
      for (const JournalEntryView& entry : at->second.entries) SLUICE_TRY(apply(entry));
    }
    for (PartitionLog* const log : repaired_) SLUICE_TRY(log->sync());
    report_.logs_repaired = repaired_.size();
    return report_;
  }

  bool anything() const { return files_[0].exists || files_[1].exists; }
  bool needed_by_offline() const { return needed_by_offline_; }
  std::size_t newest() const { return newest_; }

 private:
  // Every whole frame, those of earlier turns included: their sequences tell them apart.
  void collect(std::size_t index) {
    const Found& file = files_[index];
    if (!file.nonce) return;
    for (std::uint64_t at = journal_block_bytes; at < file.content.size();) {
      auto frame = decode_journal_frame(BytesView{file.content}.subspan(at), *file.nonce);
      at += frame ? frame->bytes : journal_block_bytes;
      if (!frame) continue;
      if (frames_.empty() || frame->head.sequence > frames_.rbegin()->first) newest_ = index;
      frames_.insert_or_assign(frame->head.sequence, std::move(*frame));
    }
  }

  // A frame is written when the one before it is durable: a hole below the last one is damage, not a tear.
  Result<void> check_whole() {
    if (frames_.empty()) return {};
    const JournalFrame last = frames_.rbegin()->second.head;
    needed_from_ = last.needed_from;
    std::uint64_t expected = needed_from_;
    for (auto at = frames_.lower_bound(needed_from_); at != frames_.end(); ++at, ++expected) {
      if (at->first != expected) break;
    }
    if (expected == last.sequence + 1) return {};
    return base::fail(
        Code::corrupt,
        fmt::format("{} and {} do not hold round {} of rounds {} to {}, which was durable: the disk has lost "
                    "or changed it, and with it records that were acknowledged",
                    files_[0].path, files_[1].path, expected, needed_from_, last.sequence),
        fmt::format("bring the files back from a copy; or move both away to go on without them, and "
                    "`sluice audit` tells what is missing"));
  }

  Result<void> apply(const JournalEntryView& entry) {
    const JournalTarget target = find_(entry.key);
    needed_by_offline_ = needed_by_offline_ || target.offline;
    if (target.log == nullptr) return {};
    BytesView rest = entry.batches;
    while (!rest.empty()) {
      const auto batch = SLUICE_TRY(record::next_batch(rest));
      if (!batch) return base::fail(Code::corrupt, "an entry of the journal ends inside a batch");
      if (!SLUICE_TRY(target.log->append_replayed(batch->bytes(), now_ms_))) continue;
      ++report_.batches_appended;
      repaired_.insert(target.log);
    }
    return {};
  }

  env::FileSystem& fs_;
  const std::function<JournalTarget(const JournalKey&)>& find_;
  std::int64_t now_ms_;
  std::array<Found, 2> files_;
  std::map<std::uint64_t, JournalFrameView> frames_;  // by sequence; borrowed from files_
  std::size_t newest_ = 0;
  std::uint64_t needed_from_ = 0;
  std::set<PartitionLog*> repaired_;
  bool needed_by_offline_ = false;
  ReplayReport report_;
};

// The file of the last rounds goes first, durably: the other one alone is a whole journal, not the reverse.
Result<std::string> set_aside(env::FileSystem& fs, const std::string& data_dir, std::size_t newest,
                              std::int64_t now_ms) {
  std::string kept;
  for (const std::size_t index : {newest, 1 - newest}) {
    const std::string from = env::join(data_dir, journal_names[index]);
    const std::string to = fmt::format("{}.kept-{}", from, now_ms);
    Result<void> moved = fs.rename_noreplace(from, to);
    if (!moved && moved.error().code == Code::not_found) continue;
    if (!moved) return std::unexpected(std::move(moved.error()));
    SLUICE_TRY(fs.sync_dir(data_dir));
    kept += (kept.empty() ? "" : " and ") + to;
  }
  return kept;
}

}  // namespace

Result<ReplayReport> replay_journal(env::FileSystem& fs, const std::string& data_dir,
                                    const std::function<JournalTarget(const JournalKey&)>& find,
                                    std::int64_t now_ms) {
  Replay replay{fs, find, now_ms};
  const auto all = [&]() -> Result<ReplayReport> {
    SLUICE_TRY(replay.read(data_dir));
    return replay.run();
  };
  Result<ReplayReport> report = all();
  if (!report) return std::unexpected(std::move(report.error()).in("the journal was not replayed"));
  if (!replay.anything()) return report;
  if (replay.needed_by_offline()) {
    report->kept_as = SLUICE_TRY(set_aside(fs, data_dir, replay.newest(), now_ms));
  } else {
    SLUICE_TRY(remove_journal(fs, data_dir, replay.newest()));
  }
  return report;
}

Result<void> remove_journal(env::FileSystem& fs, const std::string& data_dir, std::size_t newest) {
  for (const std::size_t index : {newest, 1 - newest}) {
    Result<void> removed = fs.remove_file(env::join(data_dir, journal_names[index]));
    if (!removed && removed.error().code == Code::not_found) continue;
    if (!removed) return removed;
    SLUICE_TRY(fs.sync_dir(data_dir));
  }
  return {};
}

}  // namespace sluice::log
