#include "log/journal.h"

#include <algorithm>
#include <new>

#include "base/assert.h"
#include "log/journal_frame.h"

namespace sluice::log {
namespace {

constexpr std::uint64_t growth_bytes = 1u << 20;

}  // namespace

void JournalBuffer::Delete::operator()(std::byte* memory) const {
  ::operator delete(memory, std::align_val_t{journal_block_bytes});
}

MutableBytes JournalBuffer::take(std::size_t bytes) {
  if (bytes > bytes_) {
    memory_.reset();
    memory_.reset(static_cast<std::byte*>(::operator new(bytes, std::align_val_t{journal_block_bytes})));
    bytes_ = bytes;
  }
  return {memory_.get(), bytes};
}

JournalWrite::Done JournalWrite::run() {
  bool closed = false;
  for (const Part& part : parts_) {
    if (Result<void> written = part.file->write_durable_at(part.position, part.bytes); !written) {
      // Once the closing frame is durable there is no way back: the other file may be damaged already.
      const bool full = written.error().code == Code::no_space && !closed;
      return {std::move(written.error()).in("a round of the journal was not made durable"), full};
    }
    closed = closed || part.closes;
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
    file.position = file.bytes = journal_block_bytes;
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

/// How many bytes of zeros are to be written first: a frame costs least where the file has bytes already.
std::uint64_t Journal::growth(const File& file, std::uint64_t frame_bytes) const {
  const std::uint64_t needed = file.position + frame_bytes + journal_block_bytes;
  if (needed <= file.bytes) return 0;
  return std::min(file_bytes_max_, std::max(needed, file.bytes + growth_bytes)) - file.bytes;
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
  if (turn) file.position = journal_block_bytes;
  const std::uint64_t zeros = growth(file, frame_bytes);
  JournalWrite write;
  write.buffer_ = buffer_;
  MutableBytes room = buffer_->take(zeros + (turn ? journal_block_bytes : 0) + frame_bytes);
  const auto add = [&](const File& to, std::uint64_t position, std::uint64_t bytes, bool closes) {
    const MutableBytes part = room.first(bytes);
    room = room.subspan(bytes);
    write.parts_.push_back({to.file, position, part, closes});
    return part;
  };
  if (zeros > 0) {
    std::ranges::fill(add(file, file.bytes, zeros, false), std::byte{0});
    file.bytes += zeros;  // should it not come true, the frames themselves make the file grow
  }
  std::uint64_t sequence = sequence_;
  if (turn) {
    encode_journal_frame({active.nonce, sequence++, active.first_sequence}, {},
                         add(active, active.position, journal_block_bytes, true));
    file.first_sequence = sequence;
  }
  encode_journal_frame({file.nonce, sequence, turn ? active.first_sequence : needed_from_}, entries,
                       add(file, file.position, frame_bytes, false));
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
