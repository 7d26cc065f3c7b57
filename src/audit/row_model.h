// What the table must hold for a record: one number per row that changes when any value, the offset, the
// partition, the timestamp or the Hive directory changes. Both sides, topic and file, come down to it.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "audit/json_scan.h"
#include "audit/schema.h"
#include "audit/topic.h"
#include "base/ids.h"

namespace sluice::audit {

/// Adds up one row's values, in the order of the schema's fields that are in the file.
class RowHasher {
 public:
  void begin() { buffer_.clear(); }
  void add_null() { buffer_ += '\0'; }
  void add_fixed(std::int64_t value) {
    char bytes[9] = {1};
    std::memcpy(bytes + 1, &value, sizeof value);
    buffer_.append(bytes, sizeof bytes);
  }
  void add_double(double value);
  void add_text(std::string_view text) {
    add_fixed(static_cast<std::int64_t>(text.size()));
    buffer_ += text;
  }
  std::uint64_t end(PartitionId partition, Offset offset, std::int64_t timestamp_ms,
                    std::string_view hive_dir);

 private:
  std::string buffer_;
};

/// Decodes records by audit's own reading of the schema. One thread.
class RowModel {
 public:
  explicit RowModel(Schema schema);

  const Schema& schema() const { return schema_; }

  /// The hash of the record's row; nullopt where it does not fit the schema and so belongs into quarantine.
  std::optional<std::uint64_t> row_hash(PartitionId partition, const TopicRecord& record);

 private:
  struct Value {
    enum class State : std::uint8_t { null, fixed, text } state = State::null;
    std::int64_t fixed = 0;  // of a double its bits
    std::string text;
  };

  bool assign_members();
  static bool convert(const Field& field, const JsonValue& json, Value& value);
  static bool convert_text(const JsonValue& json, Value& value);
  bool make_hive_dir(std::int64_t timestamp_ms);
  std::optional<std::string> level_text(const Level& level, std::int64_t timestamp_ms);

  Schema schema_;
  std::unordered_map<std::string_view, std::size_t> by_key_;
  JsonScanner scanner_;
  std::vector<const JsonValue*> found_;  // per field
  std::vector<Value> values_;            // per field
  std::string hive_dir_;
  RowHasher hasher_;
};

/// The number that stands for a record in quarantine: key, value, headers, offset and timestamp.
std::uint64_t quarantine_hash(const TopicRecord& record);

}  // namespace sluice::audit
