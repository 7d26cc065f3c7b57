#include "log/journal.h"

#include <algorithm>

#include "base/assert.h"
#include "log/journal_frame.h"

namespace sluice::log {

JournalWrite::Done JournalWrite::run() {
  constexpr std::string_view what = "a round of the journal was not made durable";
  for (const Part& part : parts_) {
    if (Result<void> written = part.file->write_at(part.position, part.frame); !written) {
      // Once the closing frame is durable there is no way back: the other file may be damaged already.
      const bool full = written.error().code == Code::no_space && &part == &parts_.front();
      return {std::move(written.error()).in(what), full};
    }
    if (Result<void> synced = part.file->sync(); !synced) return {std::move(synced.error()).in(what)};
  }
  return {};
}

// A header is durable before any frame: later, one that cannot be read means damage.
Result<std::unique_ptr<Journal>> Journal::create(env::FileSystem& fs, env::Random& random,
                                                 const std::string& data_dir, std::uint64_t file_bytes_max) {
  std::unique_ptr<Journal> journal{new Journal{file_bytes_max}};
  for (std::size_t i = 0; i < journal_names.size(); ++i) {
    File& file = journal->files_[i];
    file.file = SLUICE_TRY(fs.open(env::join(data_dir, journal_names[i]), env::OpenMode::create_new));
    file.nonce = random.next_u64();
    file.position = journal_block_bytes;
    SLUICE_TRY(file.file->write_at(0, encode_journal_header(file.nonce)));
    SLUICE_TRY(file.file->sync());
  }
  SLUICE_TRY(fs.sync_dir(data_dir));
  return journal;
}

// One block at the end of a file is kept for the frame that closes it.
bool Journal::fits(std::uint64_t frame_bytes) const {
  return files_[active_].position + frame_bytes + journal_block_bytes <= file_bytes_max_;
}

std::optional<JournalWrite> Journal::begin(const std::vector<JournalEntry>& entries) {
  SLUICE_ASSERT(!out_);
  const std::uint64_t frame_bytes = journal_frame_bytes(entries);
  if (failed_ || entries.empty() || frame_bytes + 2 * journal_block_bytes > file_bytes_max_)
    return std::nullopt;
  const bool turn = !fits(frame_bytes);
  const File& active = files_[active_];
  File& file = turn ? files_[1 - active_] : files_[active_];
  if (turn && !file.pinned_until.empty()) return std::nullopt;
  JournalWrite write;
  std::uint64_t sequence = sequence_;
  if (turn) {
    write.parts_.push_back({active.file, active.position,
                            encode_journal_frame({active.nonce, sequence++, active.first_sequence}, {})});
    file.position = journal_block_bytes;
    file.first_sequence = sequence;
  }
  const std::uint64_t needed_from = turn ? active.first_sequence : needed_from_;
  write.parts_.push_back(
      {file.file, file.position, encode_journal_frame({file.nonce, sequence, needed_from}, entries)});
  out_.emplace(Out{frame_bytes, turn, {}});
  for (const JournalEntry& entry : entries) out_->entries.emplace_back(entry.key, entry.end);
  return write;
}

void Journal::finish(const JournalWrite::Done& done) {
  SLUICE_ASSERT(out_);
  const Out out = *std::exchange(out_, std::nullopt);
  if (done.error) {
    // What did not fit is written again at its place. After anything else a replay might find nothing of
    // what comes later.
    if (!done.may_write_again) failed_ = done.error;
    return;
  }
  if (out.turned) {
    needed_from_ = files_[active_].first_sequence;
    active_ = 1 - active_;
    ++sequence_;
  }
  File& file = files_[active_];
  file.position += out.frame_bytes;
  ++sequence_;
  for (const auto& [key, end] : out.entries) {
    Offset& until = file.pinned_until[key];
    until = std::max(until, end);
  }
}

void Journal::note_synced(const JournalKey& key, Offset end) {
  for (File& file : files_) {
    const auto found = file.pinned_until.find(key);
    if (found != file.pinned_until.end() && found->second <= end) file.pinned_until.erase(found);
  }
}

std::vector<JournalKey> Journal::pins() const {
  std::vector<JournalKey> keys;
  for (const auto& [key, until] : files_[1 - active_].pinned_until) keys.push_back(key);
  return keys;
}

}  // namespace sluice::log
