#include "log/journal.h"

#include <algorithm>

#include "base/assert.h"
#include "log/journal_frame.h"

namespace sluice::log {

Result<void> JournalWrite::prepare() {
  if (closing_file_ != nullptr) {
    // Durable before what it declares to be of no use is written over.
    SLUICE_TRY(closing_file_->write_at(closing_position_, closing_frame_));
    SLUICE_TRY(closing_file_->sync());
  }
  if (file_header_.empty()) return {};
  // Durable before the first frame: later, a header that cannot be read means damage.
  SLUICE_TRY(file_->write_at(0, file_header_));
  SLUICE_TRY(file_->sync());
  return fs_->sync_dir(dir_);
}

JournalWrite::Done JournalWrite::run() {
  constexpr std::string_view what = "a round of the journal was not made durable";
  if (Result<void> prepared = prepare(); !prepared) return {std::move(prepared.error()).in(what)};
  if (Result<void> written = file_->write_at(position_, frame_); !written) {
    const bool full = written.error().code == Code::no_space;
    return {std::move(written.error()).in(what), full};
  }
  if (Result<void> synced = file_->sync(); !synced) return {std::move(synced.error()).in(what)};
  return {};
}

Journal::Journal(env::FileSystem& fs, env::Random& random, std::string data_dir, std::uint64_t file_bytes_max)
    : fs_(fs), random_(random), data_dir_(std::move(data_dir)), file_bytes_max_(file_bytes_max) {}

// One block at the end of a file is kept for the frame that closes it.
bool Journal::fits(std::uint64_t frame_bytes) const {
  const File& active = files_[active_];
  const std::uint64_t position = active.file == nullptr ? journal_block_bytes : active.position;
  return position + frame_bytes + journal_block_bytes <= file_bytes_max_;
}

bool Journal::open_file(File& file, std::size_t index, JournalWrite& write) {
  if (file.file != nullptr) return true;
  auto opened = fs_.open(env::join(data_dir_, journal_names[index]), env::OpenMode::create_truncate);
  if (!opened) {
    const Code code = opened.error().code;
    if (code != Code::no_space && code != Code::exhausted) failed_ = std::move(opened.error());
    return false;
  }
  file.file = std::move(*opened);
  file.nonce = random_.next_u64();
  write.fs_ = &fs_;
  write.dir_ = data_dir_;
  write.file_header_ = encode_journal_header(file.nonce);
  return true;
}

void Journal::close_active(JournalWrite& write) const {
  const File& active = files_[active_];
  write.closing_file_ = active.file;
  write.closing_position_ = active.position;
  write.closing_frame_ = encode_journal_frame({active.nonce, sequence_, active.first_sequence}, {});
}

std::optional<JournalWrite> Journal::begin(const std::vector<JournalEntry>& entries) {
  SLUICE_ASSERT(!out_);
  const std::uint64_t frame_bytes = journal_frame_bytes(entries);
  if (failed_ || entries.empty() || frame_bytes + 2 * journal_block_bytes > file_bytes_max_)
    return std::nullopt;
  const bool turn = !fits(frame_bytes);
  const std::size_t index = turn ? 1 - active_ : active_;
  File& file = files_[index];
  if (turn && !file.pinned_until.empty()) return std::nullopt;
  JournalWrite write;
  if (!open_file(file, index, write)) return std::nullopt;
  if (turn) close_active(write);
  const bool begins = turn || !write.file_header_.empty();
  const std::uint64_t sequence = turn ? sequence_ + 1 : sequence_;
  const std::uint64_t needed_from = turn ? files_[active_].first_sequence : needed_from_;
  if (begins) {
    file.position = journal_block_bytes;
    file.first_sequence = sequence;
  }
  write.file_ = file.file;
  write.position_ = file.position;
  write.frame_ = encode_journal_frame({file.nonce, sequence, needed_from}, entries);
  out_.emplace(Out{write.frame_.size(), turn, {}});
  for (const JournalEntry& entry : entries) out_->entries.emplace_back(entry.key, entry.end);
  return write;
}

void Journal::finish(const JournalWrite::Done& done) {
  SLUICE_ASSERT(out_);
  const Out out = *std::exchange(out_, std::nullopt);
  if (done.error) {
    // A frame that did not fit is written again at its place. After anything else a replay might find
    // nothing of what comes later.
    if (!done.may_write_again || out.turned) failed_ = done.error;
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

void Journal::forget(Uuid topic_id) {
  for (File& file : files_) {
    std::erase_if(file.pinned_until, [&](const auto& pin) { return pin.first.topic_id == topic_id; });
  }
}

std::vector<JournalKey> Journal::pins() const {
  std::vector<JournalKey> keys;
  for (const auto& [key, until] : files_[1 - active_].pinned_until) keys.push_back(key);
  return keys;
}

}  // namespace sluice::log
