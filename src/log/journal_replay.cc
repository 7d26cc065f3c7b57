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

/// Both files, and their frames in the order in which they were written.
class Rounds {
 public:
  Result<void> read(env::FileSystem& fs, const std::string& data_dir) {
    for (std::size_t i = 0; i < journal_names.size(); ++i) {
      files_[i] = SLUICE_TRY(read_journal_file(fs, env::join(data_dir, journal_names[i])));
      collect(i);
    }
    if (!frames_.empty()) needed_from_ = frames_.rbegin()->second.frame.head.needed_from;
    return {};
  }

  // A frame is written when the one before it is durable: a hole below the last one is damage, not a tear.
  Result<void> check_whole() const {
    if (frames_.empty()) return {};
    std::uint64_t expected = needed_from_;
    for (auto at = frames_.lower_bound(needed_from_); at != frames_.end() && at->first == expected; ++at)
      ++expected;
    const std::uint64_t last = frames_.rbegin()->first;
    if (expected == last + 1) return {};
    return base::fail(
        Code::corrupt,
        fmt::format("{} and {} do not hold round {} of rounds {} to {}, which was durable: the disk has lost "
                    "or changed it, and with it records that were acknowledged",
                    files_[0].path, files_[1].path, expected, needed_from_, last),
        "bring the files back from a copy; or move both away to go on without them, and `sluice audit` tells "
        "what is missing");
  }

  template <class Visit>
  Result<void> for_each_needed(const Visit& visit) const {
    for (auto at = frames_.lower_bound(needed_from_); at != frames_.end(); ++at)
      SLUICE_TRY(visit(at->second.frame));
    return {};
  }

  bool anything() const { return files_[0].exists || files_[1].exists; }

  /// Which file may go first: alone, the other one must be a whole journal. Where the last file has all that
  /// is needed, frames of the other one may be written over in part; where it has not, the other one was
  /// closed and is whole.
  std::size_t first_to_go() const {
    if (frames_.empty()) return 0;
    const std::size_t newest = frames_.rbegin()->second.file;
    const bool alone = std::ranges::all_of(
        frames_, [&](const auto& at) { return at.first < needed_from_ || at.second.file == newest; });
    return alone ? 1 - newest : newest;
  }

 private:
  struct Placed {
    std::size_t file = 0;
    JournalFrameView frame;
  };

  // Every whole frame, those of earlier turns included: their sequences tell them apart.
  void collect(std::size_t index) {
    const Found& file = files_[index];
    if (!file.nonce) return;
    for (std::uint64_t at = journal_block_bytes; at < file.content.size();) {
      auto frame = decode_journal_frame(BytesView{file.content}.subspan(at), *file.nonce);
      at += frame ? frame->bytes : journal_block_bytes;
      if (!frame) continue;
      const std::uint64_t sequence = frame->head.sequence;
      frames_.insert_or_assign(sequence, Placed{index, std::move(*frame)});
    }
  }

  std::array<Found, 2> files_;
  std::map<std::uint64_t, Placed> frames_;  // by sequence; borrowed from files_
  std::uint64_t needed_from_ = 0;
};

class Replay {
 public:
  Replay(const std::function<JournalTarget(const JournalKey&)>& find, std::int64_t now_ms)
      : find_(find), now_ms_(now_ms) {}

  Result<ReplayReport> run(const Rounds& rounds) {
    SLUICE_TRY(rounds.for_each_needed([this](const JournalFrameView& frame) { return apply(frame); }));
    for (PartitionLog* const log : repaired_) SLUICE_TRY(log->sync());
    report_.logs_repaired = repaired_.size();
    report_.kept = report_.kept || !report_.refused.empty();
    return report_;
  }

 private:
  Result<void> apply(const JournalFrameView& frame) {
    ++report_.frames;
    for (const JournalEntryView& entry : frame.entries) SLUICE_TRY(apply(entry));
    return {};
  }

  Result<void> apply(const JournalEntryView& entry) {
    const JournalTarget target = find_(entry.key);
    report_.kept = report_.kept || target.offline;
    if (target.log == nullptr || refused_.contains(entry.key)) return {};
    BytesView rest = entry.batches;
    while (!rest.empty()) {
      const auto batch = SLUICE_TRY(record::next_batch(rest));
      if (!batch) return base::fail(Code::corrupt, "an entry of the journal ends inside a batch");
      Result<bool> appended = target.log->append_replayed(batch->bytes(), now_ms_);
      if (!appended && appended.error().code == Code::corrupt) {
        refused_.insert(entry.key);
        report_.refused.emplace_back(entry.key, std::move(appended.error()));
        return {};
      }
      if (!SLUICE_TRY(std::move(appended))) continue;
      ++report_.batches_appended;
      repaired_.insert(target.log);
    }
    return {};
  }

  const std::function<JournalTarget(const JournalKey&)>& find_;
  std::int64_t now_ms_;
  std::set<JournalKey> refused_;
  std::set<PartitionLog*> repaired_;
  ReplayReport report_;
};

// A name that a failed sync of the directory brings back has nothing behind it.
Result<void> remove_for_good(env::FileSystem& fs, const std::string& data_dir, std::string_view name) {
  const std::string path = env::join(data_dir, name);
  {
    auto file = fs.open(path, env::OpenMode::read_write);
    if (!file && file.error().code == Code::not_found) return {};
    if (!file) return std::unexpected(std::move(file.error()));
    SLUICE_TRY((*file)->truncate(0));
    SLUICE_TRY((*file)->sync());
  }
  SLUICE_TRY(fs.remove_file(path));
  return fs.sync_dir(data_dir);
}

Result<void> remove_rounds(env::FileSystem& fs, const std::string& data_dir, const Rounds& rounds) {
  const std::size_t first = rounds.first_to_go();
  SLUICE_TRY(remove_for_good(fs, data_dir, journal_names[first]));
  return remove_for_good(fs, data_dir, journal_names[1 - first]);
}

}  // namespace

Result<ReplayReport> replay_journal(env::FileSystem& fs, const std::string& data_dir,
                                    const std::function<JournalTarget(const JournalKey&)>& find,
                                    std::int64_t now_ms) {
  const auto replay = [&]() -> Result<ReplayReport> {
    Rounds rounds;
    SLUICE_TRY(rounds.read(fs, data_dir));
    SLUICE_TRY(rounds.check_whole());
    ReplayReport report = SLUICE_TRY(Replay(find, now_ms).run(rounds));
    if (rounds.anything() && !report.kept) SLUICE_TRY(remove_rounds(fs, data_dir, rounds));
    return report;
  };
  Result<ReplayReport> report = replay();
  if (!report) return std::unexpected(std::move(report.error()).in("the journal was not replayed"));
  return report;
}

Result<void> remove_journal(env::FileSystem& fs, const std::string& data_dir) {
  Rounds rounds;
  SLUICE_TRY(rounds.read(fs, data_dir));
  return remove_rounds(fs, data_dir, rounds);
}

}  // namespace sluice::log
