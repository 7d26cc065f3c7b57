// One commit object's range: topic against files against commit object, offset by offset.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audit/data_reader.h"
#include "audit/quarantine_reader.h"
#include "audit/report.h"
#include "audit/row_model.h"
#include "audit/topic.h"
#include "base/error.h"
#include "env/file_system.h"
#include "table/commit_object.h"

namespace sluice::audit {

/// What a range is compared with; everything outlives the check.
struct RangeContext {
  env::FileSystem& files;
  std::string table;  ///< its directory
  PartitionReader& reader;
  OffsetRange topic;                 ///< what the topic still has
  RowModel* model;                   ///< nullptr where the table has no schema: every record is in quarantine
  std::int64_t window_offsets_max;   ///< docs: Options
  std::function<bool()> on_records;  ///< called every now and then; false: stop
};

/// Checks one range and adds what it finds to `report`. One thread; used once.
class RangeCheck {
 public:
  RangeCheck(RangeContext& context, const table::CommitObject& commit, PartitionReport& report);

  /// An error: the topic or the table's files could not be read; nothing of this range is decided.
  Result<void> run();

 private:
  /// What the topic has at an offset of the window.
  enum class Place : std::uint8_t { absent, row, quarantine, unreadable };
  struct Cell {
    Place place = Place::absent;
    bool seen = false;  // some file has it
  };

  Result<void> read_topic(OffsetRange window);
  Result<void> read_files(bool first_window);
  Result<void> read_file(const table::CommitFile& file, bool first_window);
  Result<std::string> find_file(const table::CommitFile& file, bool first_window);
  void compare_content(const table::CommitFile& file, std::int64_t rows, std::uint64_t hash);
  void take(PartitionId partition, Offset offset, std::uint64_t hash, Place place, bool first_window);
  void judge(Offset offset, std::size_t index, std::uint64_t hash, Place place);
  void close_window();
  void close_range();
  void wrong(std::string what) { report_.findings.push_back({true, std::move(what)}); }

  RangeContext& context_;
  const table::CommitObject& commit_;
  PartitionReport& report_;

  OffsetRange window_;
  std::vector<Cell> cells_;
  std::vector<std::uint64_t> expected_;

  std::uint64_t raw_hash_ = 0;
  bool all_readable_ = true;
  std::int64_t absent_ = 0;
  OffsetSet unaccounted_;        // neither a record in the topic nor a row in a file
  OffsetSet without_record_;     // rows at offsets where the topic has none
  std::int64_t unreadable_ = 0;  // rows at offsets that the topic has dropped
};

}  // namespace sluice::audit
