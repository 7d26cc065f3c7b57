// RangeWriter: the records of one partition's range become Parquet files and one quarantine file, under
// temporary names.
//
// Life of a range: create, add() in offset order until the caller has enough or add() says full, finish(end).
// The files that finish() returns are complete, closed and synced, but named by nobody: committing and
// publishing are the caller's (X2 to X5). An abandoned writer leaves its temporary files behind: sweeping is
// the caller's too (X3).
//
// The same records, schema and partitioning give the same files' rows in the same order, so the same logical
// hashes (X6); bytes and sizes may differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "lake/codec.h"
#include "lake/partitioning.h"
#include "lake/schema.h"

namespace sluice::lake {

/// Bytes that must be readable, whatever they hold, behind the value of every record given to add().
constexpr std::size_t value_padding_bytes = 64;

/// A record as ingest hands it over; borrowed for the call of add().
struct Record {
  Offset offset;
  std::int64_t timestamp_ms = 0;
  std::optional<BytesView> key;
  std::optional<BytesView> value;
  /// The headers as they stand in the record batch, after their count: varint name length, name, varint value
  /// length (-1: null), value, again and again.
  BytesView headers;
  std::int32_t headers_count = 0;
};

/// What the footers repeat (X7).
struct RangeIds {
  std::string cluster_id;
  std::string topic;
  Uuid topic_id;
  PartitionId partition;
  std::int32_t schema_version = 1;
};

struct WriterOptions {
  Codec codec;
  std::int64_t row_group_rows_max = 1 << 20;
  std::int64_t row_group_bytes_max = 64 << 20;  ///< encoded bytes held in memory until a row group ends
  std::size_t open_files_max = 2048;  ///< Hive directories of one range; memory mostly ends it first
  /// add() says full when the writer holds more. 0: no bound (recovery, which repeats a range that fitted).
  std::size_t memory_bytes_max = 192 << 20;
};

/// A Parquet file under a temporary name.
struct DataFile {
  std::string hive_dir;   ///< "" or "dt=2013-01-01/carrier=UA", relative to the table's root
  std::string temp_path;  ///< complete, synced, closed
  std::int64_t rows = 0;
  std::uint64_t bytes = 0;
  std::uint64_t logical_hash = 0;
};

struct QuarantineFile {
  std::string temp_path;
  std::int64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hash = 0;  ///< XXH3 of the file's bytes
};

struct FinishedRange {
  OffsetRange range;
  std::vector<DataFile> files;  ///< sorted by hive_dir; none where no row came out
  std::optional<QuarantineFile> quarantine;
  std::int64_t rows = 0;                  ///< of all files
  std::int64_t quarantined = 0;           ///< records
  std::uint64_t raw_hash = 0;             ///< over rows and quarantined records alike
  std::vector<std::string> dirs_to_sync;  ///< directories whose entries the temporary names are
};

/// One thread at a time (threads may hand it over); no two writers share anything.
class RangeWriter {
 public:
  enum class Added : std::uint8_t {
    taken,
    full,  ///< not taken: finish the range before this record and start the next one with it
  };

  /// `temp_prefix`: path and beginning of the temporary files' names; each adds a suffix of its own (not
  /// ".parquet"). Its directory exists. No file is made before the first record needs it.
  static Result<std::unique_ptr<RangeWriter>> create(env::FileSystem& fs, std::string temp_prefix,
                                                     RangeIds ids, std::shared_ptr<const Schema> schema,
                                                     const Partitioning& partitioning,
                                                     const WriterOptions& options, Offset begin);
  virtual ~RangeWriter() = default;

  /// Takes the next data record (no control records, none of aborted transactions); offsets grow from call
  /// to call, gaps are the caller's to explain. Records below `begin` are ignored (a batch may begin before
  /// it). A record that does not fit the schema goes to quarantine. An error means that the range cannot be
  /// finished: drop the writer.
  virtual Result<Added> add(const Record& record) = 0;

  virtual std::int64_t rows() const = 0;
  virtual std::int64_t quarantined() const = 0;
  /// About how large the files would be if finished now.
  virtual std::uint64_t bytes_estimate() const = 0;
  /// Memory that the writer holds.
  virtual std::size_t memory_bytes() const = 0;

  /// Ends the range at `end` (past the last record added; the caller knows of gaps behind it), writes
  /// footers, syncs and closes. Call once. Any error poisons the range (X13): nothing of it may be committed.
  virtual Result<FinishedRange> finish(Offset end) = 0;
};

}  // namespace sluice::lake
