// The table's schema and partitioning, as audit reads them (docs/formats/schema.md, data_file.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::audit {

enum class FieldType : std::uint8_t { int64, float64, boolean, string, date, timestamp, timestamp_local };

struct Field {
  std::string name;  ///< the column
  std::string from;  ///< the key in the record
  FieldType type = FieldType::string;
  bool nullable = true;
  bool directory = false;  ///< its values are names of directories, not in the file
};

/// One level of Hive directories.
struct Level {
  enum class Kind : std::uint8_t { column, day, hour };
  static constexpr std::size_t record_timestamp = static_cast<std::size_t>(-1);
  Kind kind = Kind::column;
  std::string name;       ///< NAME in NAME=VALUE
  std::size_t field = 0;  ///< into the fields, or record_timestamp
};

struct Schema {
  std::vector<Field> fields;
  std::vector<Level> levels;
};

/// From the text of `_sluice/schema/N.json` and a commit object's terms; corrupt where they make no sense.
Result<Schema> parse_schema(std::string_view text, std::span<const std::string> partition_by);

}  // namespace sluice::audit
