// The bytes of a journal file (docs/formats/journal.md). All numbers are big-endian.
//
//   file header, 4096 bytes: magic "SLUICEJ1" | nonce uint64 | CRC-32C uint32 of the 16 bytes before it |
//   zeros frame: magic uint32 | CRC-32C uint32 of all that follows | nonce uint64 | sequence uint64 |
//          needed_from uint64 | entries count uint32 | payload bytes uint32 | entries | zeros to 4096
//   entry: topic id 16 bytes | partition int32 | bytes uint32 | batches
//
// The nonce is drawn when the file is made: bytes of a record, which anybody may send, cannot pass for a
// frame.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "log/journal.h"

namespace sluice::log {

constexpr std::uint64_t journal_block_bytes = 4096;

Bytes encode_journal_header(std::uint64_t nonce);
/// The nonce; nothing where this is no header.
std::optional<std::uint64_t> decode_journal_header(BytesView bytes);

struct JournalFrame {
  std::uint64_t nonce = 0;
  std::uint64_t sequence = 0;
  std::uint64_t needed_from = 0;  ///< frames with a smaller sequence are not needed any more
};

/// The size of a frame with these entries, padding included.
std::uint64_t journal_frame_bytes(const std::vector<JournalEntry>& entries);
/// `out` has journal_frame_bytes(entries), all of which are written.
void encode_journal_frame(const JournalFrame& head, const std::vector<JournalEntry>& entries,
                          MutableBytes out);

/// A frame's entry, borrowed from its bytes.
struct JournalEntryView {
  JournalKey key;
  BytesView batches;
};
struct JournalFrameView {
  JournalFrame head;
  std::uint64_t bytes = 0;  ///< padding included
  std::vector<JournalEntryView> entries;
};
/// The frame at the start of `bytes`, if a whole and undamaged one of this file is there.
std::optional<JournalFrameView> decode_journal_frame(BytesView bytes, std::uint64_t nonce);

}  // namespace sluice::log
