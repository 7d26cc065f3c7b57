// One journal for all partitions: what they got since the last round becomes durable with one write and one
// sync, however many they are; their segments are synced behind it, many rounds at once.
//
// Two files are written in turn, each from its begin to its end. A file is written again only when every log
// that has an entry in it is durable without it (its segments were synced): until then the logs pin the file.
// What was written in a life before this one is read by replay_journal first, then removed.
//
// docs/formats/journal.md has the files byte by byte. Frames begin at multiples of 4096 bytes, so that no
// byte that is durable is ever written again together with new ones.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "env/random.h"

namespace sluice::log {

constexpr std::array<std::string_view, 2> journal_names{"sluice-journal-0", "sluice-journal-1"};
constexpr std::uint64_t journal_file_bytes_max = 32u << 20;
/// What a round may bring; more goes to the segments at once.
constexpr std::uint64_t journal_round_bytes_max = 4u << 20;

/// A partition, as the journal knows it: a topic that was made again is another one.
struct JournalKey {
  Uuid topic_id;
  PartitionId partition;
  friend auto operator<=>(const JournalKey&, const JournalKey&) = default;
};

/// Whole batches of one partition as they lie in its log, one after another.
struct JournalEntry {
  JournalKey key;
  Offset end;         ///< of the last batch
  BytesView batches;  ///< read by Journal::begin only
};

/// Memory as devices take it without a copy, kept from round to round.
class JournalBuffer {
 public:
  /// `bytes` bytes with anything in them, until the next call.
  MutableBytes take(std::size_t bytes);

 private:
  struct Delete {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte, Delete> memory_;
  std::size_t bytes_ = 0;
};

/// Values that any thread can turn into durability. Made by Journal::begin.
class JournalWrite {
 public:
  struct Done {
    std::optional<Error> error;
    bool may_write_again = false;  ///< there was no room for the bytes, and nothing durable has changed
  };
  /// Blocks in the operating system. Call once.
  Done run();

 private:
  friend class Journal;
  struct Part {
    std::shared_ptr<env::File> file;
    std::uint64_t position = 0;
    BytesView bytes;      // in buffer_
    bool closes = false;  // the frame after which the file is not needed any more
  };
  /// Each durable before the next is written: the frame that closes the file written before this one says
  /// that what the next one is written over is of no use any more.
  std::vector<Part> parts_;
  std::shared_ptr<JournalBuffer> buffer_;
};

/// Owned and called by one thread; only JournalWrite::run may be elsewhere. One JournalWrite is out at a
/// time.
class Journal {
 public:
  /// Makes both files, durably, in a directory that has none: see replay_journal.
  ///
  /// errors   already_exists, io_failed, no_space
  static Result<std::unique_ptr<Journal>> create(env::FileSystem& fs, env::Random& random,
                                                 const std::string& data_dir,
                                                 std::uint64_t file_bytes_max = journal_file_bytes_max);

  /// A round with these entries; nothing where there is no room for it - the file is full and logs pin the
  /// other one, see pins() - or the journal has failed: the caller syncs the segments instead.
  std::optional<JournalWrite> begin(const std::vector<JournalEntry>& entries);
  /// The round is over. After an error other than want of room the journal is not used again (X13).
  void finish(const JournalWrite::Done& done);

  /// The segments of `key` are durable below `end`.
  void note_synced(const JournalKey& key, Offset end);
  /// The logs whose segments must be synced before the file that is not written now can be written again.
  std::vector<JournalKey> pins() const;
  /// Why the journal is not used any more.
  const std::optional<Error>& failed() const { return failed_; }

 private:
  struct File {
    std::shared_ptr<env::File> file;
    std::uint64_t nonce = 0;
    std::uint64_t position = 0;        // of the next frame
    std::uint64_t bytes = 0;           // that are there, zeros behind the frames
    std::uint64_t first_sequence = 1;  // of its first frame in this turn
    std::map<JournalKey, Offset> pinned_until;
  };

  struct Out {
    std::uint64_t frame_bytes = 0;
    bool turned = false;  // it closes the active file and goes to the other one
    std::vector<std::pair<JournalKey, Offset>> entries;
  };

  explicit Journal(std::uint64_t file_bytes_max) : file_bytes_max_(file_bytes_max) {}
  bool fits(std::uint64_t frame_bytes) const;
  std::uint64_t growth(const File& file, std::uint64_t frame_bytes) const;

  std::uint64_t file_bytes_max_;
  std::array<File, 2> files_;
  std::size_t active_ = 0;
  std::uint64_t sequence_ = 1;     // of the next frame
  std::uint64_t needed_from_ = 1;  // frames before it are not needed any more
  std::optional<Out> out_;
  std::shared_ptr<JournalBuffer> buffer_ = std::make_shared<JournalBuffer>();
  std::optional<Error> failed_;
};

}  // namespace sluice::log
