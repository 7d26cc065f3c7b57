// Decoder: one record's JSON becomes one row of a schema, or the reason why it does not.
//
// Two roads that must agree: a quick parser for the shape that records nearly always have (the schema's
// fields, plain numbers and strings without escapes), which refuses whatever it does not know; and
// JsonObject, which decides everything that the quick one refuses. Internal to lake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "lake/json_object.h"
#include "lake/schema.h"

namespace sluice::lake {

/// One decoded record, a cell a field of the schema. Strings are borrowed from the record or the decoder.
struct Row {
  /// int64, dates, timestamps as two's complement; doubles by their bits; bools 0 or 1; strings: unused.
  std::vector<std::uint64_t> bits;
  std::vector<std::string_view> text;
  std::vector<std::uint8_t> present;  ///< 1, or 0 for null; then bits are 0 and text is empty
};

/// One thread.
class Decoder {
 public:
  explicit Decoder(std::shared_ptr<const Schema> schema);

  /// True: row() holds the record. False: reason() says why it does not fit. `value` has value_padding_bytes
  /// readable bytes behind it.
  bool decode(BytesView value);
  const Row& row() const { return row_; }
  const std::string& reason() const { return reason_; }

  /// The two roads on their own, for tests: the quick one may refuse what the exact one takes, never
  /// otherwise.
  bool decode_quickly(BytesView value);
  bool decode_exactly(BytesView value);
  std::uint64_t exact_count() const { return exact_count_; }  ///< records that needed the exact road

 private:
  static constexpr std::size_t pattern_bytes_max = 32;  ///< of a key that the quick road compares at once

  class Quick;

  struct Slot {
    Type type = Type::string;
    bool nullable = true;
    std::uint32_t pattern_bytes = 0;  ///< of `"key":`; 0: too long, or with escapes
    std::size_t next = 0;             ///< the field that came after this one the last time
    alignas(16) char pattern[pattern_bytes_max] = {};
    std::uint32_t others = 0;  ///< bit i: byte i is behind the pattern and does not count
  };

  const char* quick_key_slow(const char* p, const char* end, std::size_t previous, std::size_t& index);

  bool take_member(const JsonMember& member);
  bool take_typed(std::size_t index, const JsonMember& member);
  bool misfit(std::size_t index, const JsonMember& member);
  void clear_row();

  std::shared_ptr<const Schema> schema_;
  std::vector<Slot> slots_;
  std::unordered_map<std::string_view, std::size_t> index_;  ///< keys live in the schema
  std::vector<std::uint64_t> seen_;                          ///< the record that last had this field
  std::uint64_t record_ = 0;
  Row row_;
  JsonObject object_;
  std::string reason_;
  std::uint64_t exact_count_ = 0;
};

}  // namespace sluice::lake
