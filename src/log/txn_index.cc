#include "log/txn_index.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/names.h"

namespace sluice::log {
namespace {

constexpr std::size_t piece_entries = 128;

void store(std::byte* p, const AbortedTransaction& transaction) {
  store_be<std::int16_t>(p, 0);
  store_be(p + 2, transaction.producer_id.value);
  store_be(p + 10, transaction.first_offset.value);
  store_be(p + 18, transaction.last_offset.value);
  store_be(p + 26, transaction.last_stable_offset.value);
}

AbortedTransaction parse(const std::byte* p) {
  return {ProducerId{load_be<std::int64_t>(p + 2)}, Offset{load_be<std::int64_t>(p + 10)},
          Offset{load_be<std::int64_t>(p + 18)}, Offset{load_be<std::int64_t>(p + 26)}};
}

/// Whether the entry at `p` can be one of a segment at `base`.
bool plausible(const std::byte* p, Offset base) {
  const AbortedTransaction entry = parse(p);
  return load_be<std::int16_t>(p) == 0 && entry.producer_id.value >= 0 && entry.first_offset.value >= 0 &&
         entry.first_offset <= entry.last_offset && entry.last_offset >= base &&
         entry.last_stable_offset.value >= 0 && entry.last_stable_offset - 1 <= entry.last_offset;
}

/// Takes `entry` where it has an offset in `range`. Returns whether no later one can.
bool take(const AbortedTransaction& entry, OffsetRange range, std::vector<AbortedTransaction>& out) {
  if (entry.last_offset >= range.begin && entry.first_offset < range.end) out.push_back(entry);
  // Whatever was open then began at or after its last stable offset.
  return entry.last_stable_offset >= range.end;
}

/// The entries of a file, a piece at a time.
class Entries {
 public:
  Entries(env::File& file, Offset base, std::uint64_t count) : file_(file), base_(base), count_(count) {}

  /// Its bytes, until the next call.
  /// errors   corrupt: what is there is no entry · io_failed
  Result<const std::byte*> at(std::uint64_t index) {
    SLUICE_ASSERT(index < count_);
    if (index < piece_at_ || index >= piece_at_ + piece_count_) SLUICE_TRY(read_piece(index));
    const std::byte* const p = piece_ + (index - piece_at_) * txn_entry_bytes;
    if (!plausible(p, base_)) return fail(Code::corrupt, fmt::format("entry {} is damaged", index));
    return p;
  }

 private:
  Result<void> read_piece(std::uint64_t index) {
    const std::size_t wanted = std::min<std::uint64_t>(piece_entries, count_ - index) * txn_entry_bytes;
    const std::size_t read = SLUICE_TRY(file_.read_at(index * txn_entry_bytes, MutableBytes{piece_, wanted}));
    if (read != wanted) return fail(Code::corrupt, "the file is shorter than it was");
    piece_at_ = index;
    piece_count_ = wanted / txn_entry_bytes;
    return {};
  }

  env::File& file_;
  Offset base_;
  std::uint64_t count_;
  std::uint64_t piece_at_ = 0;
  std::uint64_t piece_count_ = 0;
  std::byte piece_[piece_entries * txn_entry_bytes];
};

}  // namespace

TxnIndex::TxnIndex(const std::string& dir, Offset base)
    : base_(base), path_(env::join(dir, file_name(base, txn_index_suffix))), written_last_(base - 1) {}

void TxnIndex::clear() {
  tail_.clear();
  written_ = 0;
  written_last_ = base_ - 1;
  crc_ = 0;
}

void TxnIndex::note(const AbortedTransaction& transaction) {
  std::byte bytes[txn_entry_bytes];
  store(bytes, transaction);
  crc_ = crc32c(BytesView{bytes}, crc_);
  tail_.push_back(transaction);
}

TxnDigest TxnIndex::digest() const {
  return {static_cast<std::uint32_t>(written_ + tail_.size()), crc_};
}

Bytes TxnIndex::tail_bytes() const {
  Bytes bytes(tail_.size() * txn_entry_bytes);
  std::byte* p = bytes.data();
  for (const AbortedTransaction& entry : tail_) {
    store(p, entry);
    p += txn_entry_bytes;
  }
  return bytes;
}

Result<bool> TxnIndex::persist(env::FileSystem& fs) {
  if (written_ == 0 && tail_.empty() && !SLUICE_TRY(fs.exists(path_))) return false;
  const auto file = SLUICE_TRY(fs.open(path_, env::OpenMode::create));
  const std::uint64_t bytes = written_ * txn_entry_bytes;
  if (SLUICE_TRY(file->size()) > bytes) SLUICE_TRY(file->truncate(bytes));
  if (tail_.empty()) return true;
  SLUICE_TRY(file->write_at(bytes, tail_bytes()));
  written_ += tail_.size();
  written_last_ = tail_.back().last_offset;
  tail_.clear();
  return true;
}

Result<void> TxnIndex::replace(env::FileSystem& fs) {
  if (written_ > 0) return {};
  if (tail_.empty() && !SLUICE_TRY(fs.exists(path_))) return {};
  Result<void> replaced = fs.replace_file_durable(path_, tail_bytes());
  if (!replaced && replaced.error().code == Code::no_space) {
    const auto file = SLUICE_TRY(fs.open(path_, env::OpenMode::create));
    SLUICE_TRY(file->truncate(1));
    return file->sync();
  }
  SLUICE_TRY(std::move(replaced));
  written_ = tail_.size();
  if (written_ > 0) written_last_ = tail_.back().last_offset;
  tail_.clear();
  return {};
}

Result<bool> TxnIndex::load(env::FileSystem& fs, Offset end) {
  clear();
  const Result<std::unique_ptr<env::File>> file = fs.open(path_, env::OpenMode::read);
  if (!file && file.error().code == Code::not_found) return true;
  if (!file) return std::unexpected(file.error());
  const std::uint64_t bytes = SLUICE_TRY((*file)->size());
  if (bytes % txn_entry_bytes != 0) return false;
  const std::uint64_t count = bytes / txn_entry_bytes;
  Entries entries{**file, base_, count};
  Offset last = base_ - 1;
  std::uint32_t crc = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Result<const std::byte*> entry = entries.at(i);
    if (!entry && entry.error().code == Code::corrupt) return false;
    if (!entry) return std::unexpected(entry.error());
    const Offset marker = parse(*entry).last_offset;
    if (marker <= last || marker >= end) return false;
    last = marker;
    crc = crc32c(BytesView{*entry, txn_entry_bytes}, crc);
  }
  written_ = count;
  written_last_ = last;
  crc_ = crc;
  return true;
}

Result<bool> TxnIndex::collect_written(env::FileSystem& fs, OffsetRange range,
                                       std::vector<AbortedTransaction>& out) const {
  const auto file = SLUICE_TRY(fs.open(path_, env::OpenMode::read));
  Entries entries{*file, base_, written_};
  std::uint64_t begin = 0;
  for (std::uint64_t end = written_; begin < end;) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    if (parse(SLUICE_TRY(entries.at(middle))).last_offset < range.begin) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  for (; begin < written_; ++begin) {
    if (take(parse(SLUICE_TRY(entries.at(begin))), range, out)) return true;
  }
  return false;
}

Result<bool> TxnIndex::collect(env::FileSystem& fs, OffsetRange range,
                               std::vector<AbortedTransaction>& out) const {
  if (written_last_ >= range.begin && written_ > 0 && SLUICE_TRY(collect_written(fs, range, out)))
    return true;
  const auto first = std::ranges::lower_bound(tail_, range.begin, {}, &AbortedTransaction::last_offset);
  for (auto entry = first; entry != tail_.end(); ++entry) {
    if (take(*entry, range, out)) return true;
  }
  return false;
}

}  // namespace sluice::log
