#include "log/journal_frame.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/crc32c.h"

namespace sluice::log {
namespace {

constexpr std::string_view file_magic = "SLUICEJ1";
constexpr std::uint32_t frame_magic = 0x534c4a46;  // "SLJF"
constexpr std::size_t file_header_bytes = 20;      // what is used of the block
constexpr std::size_t head_bytes = 40;
constexpr std::size_t entry_head_bytes = 24;

std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + journal_block_bytes - 1) / journal_block_bytes * journal_block_bytes;
}

std::uint64_t payload_bytes(const std::vector<JournalEntry>& entries) {
  std::uint64_t bytes = 0;
  for (const JournalEntry& entry : entries) bytes += entry_head_bytes + entry.batches.size();
  return bytes;
}

}  // namespace

Bytes encode_journal_header(std::uint64_t nonce) {
  Bytes block(journal_block_bytes);
  std::ranges::copy(as_bytes(file_magic), block.begin());
  store_be(block.data() + 8, nonce);
  store_be(block.data() + 16, crc32c(BytesView{block}.first(16)));
  return block;
}

std::optional<std::uint64_t> decode_journal_header(BytesView bytes) {
  if (bytes.size() < file_header_bytes || as_text(bytes.first(8)) != file_magic) return std::nullopt;
  if (load_be<std::uint32_t>(bytes.data() + 16) != crc32c(bytes.first(16))) return std::nullopt;
  return load_be<std::uint64_t>(bytes.data() + 8);
}

std::uint64_t journal_frame_bytes(const std::vector<JournalEntry>& entries) {
  return padded(head_bytes + payload_bytes(entries));
}

void encode_journal_frame(const JournalFrame& head, const std::vector<JournalEntry>& entries,
                          MutableBytes out) {
  const std::uint64_t payload = payload_bytes(entries);
  SLUICE_ASSERT(payload <= UINT32_MAX - journal_block_bytes && out.size() == padded(head_bytes + payload));
  store_be(out.data(), frame_magic);
  store_be(out.data() + 8, head.nonce);
  store_be(out.data() + 16, head.sequence);
  store_be(out.data() + 24, head.needed_from);
  store_be(out.data() + 32, static_cast<std::uint32_t>(entries.size()));
  store_be(out.data() + 36, static_cast<std::uint32_t>(payload));
  std::byte* at = out.data() + head_bytes;
  for (const JournalEntry& entry : entries) {
    store_be(at, entry.key.topic_id.high);
    store_be(at + 8, entry.key.topic_id.low);
    store_be(at + 16, entry.key.partition.value);
    store_be(at + 20, static_cast<std::uint32_t>(entry.batches.size()));
    at += entry_head_bytes;
    if (!entry.batches.empty()) std::memcpy(at, entry.batches.data(), entry.batches.size());
    at += entry.batches.size();
  }
  store_be(out.data() + 4, crc32c(BytesView{out}.subspan(8, head_bytes - 8 + payload)));
  std::ranges::fill(out.subspan(head_bytes + payload), std::byte{0});
}

std::optional<JournalFrameView> decode_journal_frame(BytesView bytes, std::uint64_t nonce) {
  if (bytes.size() < head_bytes || load_be<std::uint32_t>(bytes.data()) != frame_magic) return std::nullopt;
  const auto payload = load_be<std::uint32_t>(bytes.data() + 36);
  if (payload > bytes.size() - head_bytes) return std::nullopt;
  const BytesView checked = bytes.subspan(8, head_bytes - 8 + payload);
  if (load_be<std::uint32_t>(bytes.data() + 4) != crc32c(checked)) return std::nullopt;
  JournalFrameView frame;
  frame.head = {load_be<std::uint64_t>(bytes.data() + 8), load_be<std::uint64_t>(bytes.data() + 16),
                load_be<std::uint64_t>(bytes.data() + 24)};
  if (frame.head.nonce != nonce) return std::nullopt;
  frame.bytes = padded(head_bytes + payload);
  BytesView rest = bytes.subspan(head_bytes, payload);
  for (auto count = load_be<std::uint32_t>(bytes.data() + 32); count > 0; --count) {
    if (rest.size() < entry_head_bytes) return std::nullopt;
    const auto size = load_be<std::uint32_t>(rest.data() + 20);
    if (size > rest.size() - entry_head_bytes) return std::nullopt;
    frame.entries.push_back({{{load_be<std::uint64_t>(rest.data()), load_be<std::uint64_t>(rest.data() + 8)},
                              PartitionId{load_be<std::int32_t>(rest.data() + 16)}},
                             rest.subspan(entry_head_bytes, size)});
    rest = rest.subspan(entry_head_bytes + size);
  }
  return rest.empty() ? std::optional{std::move(frame)} : std::nullopt;
}

}  // namespace sluice::log
