// Schema: the columns of a table, declared by a file or inferred from the first records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::lake {

/// What a field holds. docs/formats/schema.md says which JSON values fit.
enum class Type : std::uint8_t {
  int64,
  float64,          ///< "double"
  boolean,          ///< "bool"
  string,           ///< UTF-8; values of other JSON types stand as their JSON text
  date,             ///< days since 1970-01-01
  timestamp,        ///< microseconds since 1970-01-01 UTC
  timestamp_local,  ///< microseconds of a clock without a zone
};

std::string_view name(Type type);

struct Field {
  std::string name;  ///< of the column
  std::string from;  ///< the key in the JSON record; the same as `name` unless the schema says otherwise
  Type type = Type::string;
  bool nullable = true;
  friend bool operator==(const Field&, const Field&) = default;
};

constexpr std::size_t schema_fields_max = 2000;
constexpr std::size_t schema_text_bytes_max = 1 << 20;
constexpr std::size_t field_name_bytes_max = 255;
constexpr std::size_t field_key_bytes_max = 4096;

/// An ordered list of fields that passed the rules of docs/formats/schema.md. Immutable once made.
class Schema {
 public:
  Schema() = default;  ///< no fields; of use only as a place to assign to

  /// invalid_argument with the field and the rule it breaks.
  static Result<Schema> make(std::vector<Field> fields);
  /// From the text of a schema file; strict. invalid_argument with what is wrong and where.
  static Result<Schema> parse(std::string_view json);

  const std::vector<Field>& fields() const { return fields_; }
  /// The field whose column is `name`, or nullptr.
  const Field* find(std::string_view name) const;
  /// The text that parse() takes; the same schema gives the same bytes.
  std::string to_json() const;

  friend bool operator==(const Schema&, const Schema&) = default;

 private:
  std::vector<Field> fields_;
};

/// Finds a schema for the first records of a topic. One thread.
class Inference {
 public:
  Inference();
  ~Inference();
  Inference(const Inference&) = delete;
  Inference& operator=(const Inference&) = delete;

  /// Looks at one record's value. What is not a JSON object, has a key twice or one longer than
  /// field_key_bytes_max, is left out.
  void add(std::optional<BytesView> value);
  std::size_t records() const;  ///< looked at and used
  std::size_t left_out() const;
  /// not_found where no record with at least one field was seen; limit_exceeded where the records have more
  /// than schema_fields_max different keys.
  Result<Schema> finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::lake
