#include "log/txn_index.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "log/names.h"

namespace sluice::log {
namespace {

/// A marker takes 78 bytes of a segment that has at most 2^31.
constexpr std::uint64_t index_bytes_max = std::uint64_t{1} << 30;
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

  /// errors   corrupt: what is there is no entry · io_failed
  Result<AbortedTransaction> at(std::uint64_t index) {
    SLUICE_ASSERT(index < count_);
    if (index < piece_at_ || index >= piece_at_ + piece_count_) SLUICE_TRY(read_piece(index));
    const std::byte* const p = piece_ + (index - piece_at_) * txn_entry_bytes;
    if (!plausible(p, base_)) return fail(Code::corrupt, fmt::format("entry {} is damaged", index));
    return parse(p);
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
    : base_(base), path_(env::join(dir, file_name(base, txn_index_suffix))) {}

void TxnIndex::clear() {
  entries_.clear();
  count_ = persisted_ = 0;
  crc_ = 0;
  loaded_ = true;
}

void TxnIndex::note(const AbortedTransaction& transaction) {
  SLUICE_ASSERT(loaded_);
  std::byte bytes[txn_entry_bytes];
  store(bytes, transaction);
  crc_ = crc32c(BytesView{bytes}, crc_);
  entries_.push_back(transaction);
  ++count_;
}

Result<bool> TxnIndex::persist(env::FileSystem& fs) {
  if (!loaded_) return count_ > 0;
  if (count_ == 0 && !SLUICE_TRY(fs.exists(path_))) return false;
  const auto file = SLUICE_TRY(fs.open(path_, env::OpenMode::create));
  const std::uint64_t bytes = count_ * txn_entry_bytes;
  if (SLUICE_TRY(file->size()) > bytes) SLUICE_TRY(file->truncate(bytes));
  Bytes tail((count_ - persisted_) * txn_entry_bytes);
  std::byte* p = tail.data();
  for (std::uint64_t i = persisted_; i < count_; ++i, p += txn_entry_bytes) store(p, entries_[i]);
  if (!tail.empty()) SLUICE_TRY(file->write_at(persisted_ * txn_entry_bytes, tail));
  persisted_ = count_;
  return true;
}

Result<bool> TxnIndex::load(env::FileSystem& fs, Offset end) {
  clear();
  const Result<Bytes> content = fs.read_file(path_, index_bytes_max);
  if (!content && content.error().code == Code::not_found) return true;
  if (!content && content.error().code == Code::limit_exceeded) return false;
  if (!content) return std::unexpected(content.error());
  if (content->size() % txn_entry_bytes != 0) return false;
  std::vector<AbortedTransaction> loaded(content->size() / txn_entry_bytes);
  Offset last = base_ - 1;
  const std::byte* p = content->data();
  for (AbortedTransaction& entry : loaded) {
    entry = parse(p);
    if (!plausible(p, base_) || entry.last_offset <= last || entry.last_offset >= end) return false;
    last = entry.last_offset;
    p += txn_entry_bytes;
  }
  entries_ = std::move(loaded);
  count_ = persisted_ = entries_.size();
  crc_ = crc32c(*content);
  return true;
}

Result<void> TxnIndex::spoil(env::FileSystem& fs) const {
  return SLUICE_TRY(fs.open(path_, env::OpenMode::create))->truncate(1);
}

void TxnIndex::unload() {
  if (persisted_ != count_) return;  // the file could not be written: memory alone has them
  entries_ = {};
  loaded_ = false;
}

Result<bool> TxnIndex::collect(env::FileSystem& fs, OffsetRange range,
                               std::vector<AbortedTransaction>& out) const {
  if (count_ == 0) return false;
  if (loaded_) {
    const auto first = std::ranges::lower_bound(entries_, range.begin, {}, &AbortedTransaction::last_offset);
    for (auto entry = first; entry != entries_.end(); ++entry) {
      if (take(*entry, range, out)) return true;
    }
    return false;
  }
  const auto file = SLUICE_TRY(fs.open(path_, env::OpenMode::read));
  Entries entries{*file, base_, count_};
  std::uint64_t begin = 0;
  for (std::uint64_t end = count_; begin < end;) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    if (SLUICE_TRY(entries.at(middle)).last_offset < range.begin) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  for (; begin < count_; ++begin) {
    if (take(SLUICE_TRY(entries.at(begin)), range, out)) return true;
  }
  return false;
}

}  // namespace sluice::log
