// Layout: the columns of a data file. docs/formats/data_file.md, "Columns". Internal to lake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lake/partitioning.h"
#include "lake/schema.h"

namespace sluice::lake {

enum class ColumnKind : std::uint8_t {
  int64,
  float64,
  boolean,
  text,
  date,
  timestamp,
  timestamp_local,
  record_partition,  ///< _partition, int32
  record_offset,     ///< _offset
  record_timestamp,  ///< _timestamp, milliseconds
};

struct ColumnSpec {
  std::string name;
  ColumnKind kind = ColumnKind::text;
  bool nullable = true;
  std::size_t field = 0;  ///< index into the schema; unused for the record's own three
};

/// The schema's fields that are no directories, then _partition, _offset and _timestamp.
std::vector<ColumnSpec> make_layout(const Schema& schema, const Partitioning& partitioning);

}  // namespace sluice::lake
