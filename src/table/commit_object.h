// The commit object (X4): all that anyone needs to finish or to repeat the work on one range. Format:
// docs/formats/commit_object.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"

namespace sluice::table {

inline constexpr std::uint64_t commit_object_bytes_max = 16u << 20;
inline constexpr std::size_t commit_files_max = 10'000;

enum class CommitKind : std::uint8_t {
  data,  ///< the records of the range are in the files, or counted below
  gap,   ///< the topic had dropped the range before it was read, and an operator accepted that (X12)
};

enum class FileKind : std::uint8_t { rows, quarantine };

struct CommitFile {
  FileKind kind = FileKind::rows;
  std::string name;       ///< where it ends: a name in the table
  std::string temporary;  ///< where it was durable before the commit (X3)
  std::uint64_t bytes = 0;
  std::int64_t rows = 0;           ///< records in it
  std::uint64_t logical_hash = 0;  ///< docs/formats/hashes.md; of a quarantine file, over its lines
  friend bool operator==(const CommitFile&, const CommitFile&) = default;
};

/// What became of the records of a range (X9). Their sum is end - begin.
struct CommitCounts {
  std::int64_t rows = 0;
  std::int64_t quarantined = 0;
  std::int64_t filtered = 0;
  std::int64_t control = 0;    ///< offsets taken by transaction markers
  std::int64_t aborted = 0;    ///< records of aborted transactions
  std::int64_t compacted = 0;  ///< offsets a compacted topic no longer has
  std::int64_t lost = 0;       ///< offsets of a gap
  std::int64_t sum() const { return rows + quarantined + filtered + control + aborted + compacted + lost; }
  friend bool operator==(const CommitCounts&, const CommitCounts&) = default;
};

/// The last record that was read before the end of the range; what a later start compares the topic with.
struct LastRecord {
  Offset offset;
  std::int64_t timestamp_ms = 0;
  std::uint64_t fingerprint = 0;  ///< its term of the raw hash (docs/formats/hashes.md)
  friend bool operator==(const LastRecord&, const LastRecord&) = default;
};

struct CommitObject {
  CommitKind kind = CommitKind::data;
  Uuid nonce;  ///< of the attempt: tells one's own object from another's (X2)
  std::int64_t written_at_ms = 0;
  std::string writer;  ///< program and version, for people
  std::string cluster_id;
  std::string topic;
  Uuid topic_id;
  PartitionId partition;
  OffsetRange range;
  LeaderEpoch leader_epoch{-1};           ///< of the last batch before range.end; -1: none was ever seen
  std::optional<LastRecord> last_record;  ///< in the range or, if that has none, before it
  std::int32_t schema_version = 0;        ///< 0: no file has rows
  std::vector<std::string> partition_by;
  std::string filter;
  CommitCounts counts;
  std::uint64_t raw_hash = 0;  ///< over the data records of the range
  std::vector<CommitFile> files;
  friend bool operator==(const CommitObject&, const CommitObject&) = default;
};

/// What is wrong with `object`, or nothing: ids, range, counts (X9), names, and the sums over its files.
Result<void> check(const CommitObject& object);

/// The one text of `object`, closed by a line with its CRC-32C. Fails where check() does.
Result<Bytes> encode(const CommitObject& object);

/// The object whose text `bytes` is; corrupt where it is anything else, even by one space. `bytes` are
/// hostile.
Result<CommitObject> decode_commit_object(BytesView bytes);

}  // namespace sluice::table
