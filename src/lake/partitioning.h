// Partitioning: which Hive directory a row belongs to. docs/formats/data_file.md, "Hive directories".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lake/schema.h"

namespace sluice::lake {

/// The value of a directory for a row without one.
constexpr std::string_view hive_null = "__HIVE_DEFAULT_PARTITION__";
constexpr std::size_t hive_value_bytes_max = 200;  ///< after escaping

/// `text` with the bytes that Hive escapes in directory names as %XX.
std::string hive_escape(std::string_view text);

/// One directory level.
struct PartitionTerm {
  enum class Kind : std::uint8_t { column, day, hour };
  static constexpr std::size_t record_timestamp = static_cast<std::size_t>(-1);

  Kind kind = Kind::column;
  std::string name;       ///< of the directory: NAME in NAME=VALUE
  std::size_t field = 0;  ///< index into the schema's fields, or record_timestamp
  std::string text;       ///< as the user wrote it
};

/// The directory levels of a table; none for a table without directories.
class Partitioning {
 public:
  Partitioning() = default;

  /// From terms as --partition-by takes them: COLUMN, day(FIELD), hour(FIELD), NAME=day(FIELD),
  /// NAME=hour(FIELD). invalid_argument with the term and why it cannot be.
  static Result<Partitioning> parse(std::span<const std::string> terms, const Schema& schema);

  const std::vector<PartitionTerm>& terms() const { return terms_; }
  bool empty() const { return terms_.empty(); }
  /// What parse() took; a commit object records it.
  std::vector<std::string> to_strings() const;
  /// Whether field `index` of the schema is a directory and so not in the file.
  bool is_directory(std::size_t index) const;

 private:
  std::vector<PartitionTerm> terms_;
};

}  // namespace sluice::lake
