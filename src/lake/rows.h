// Rows: the rows of one data file that wait for the encoder, column by column, and the hash of all rows that
// the file has had. Internal to lake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "lake/decoder.h"
#include "lake/layout.h"
#include "lake/logical_hash.h"
#include "lake/words.h"

namespace sluice::lake {

/// Readable bytes behind each text of a Row, which are copied in whole words.
constexpr std::size_t text_slack_bytes = 16;

/// A column whose values are one word each (bools, dates and int32 too; the encoder narrows them).
struct FixedColumn {
  explicit FixedColumn(ColumnKind k, std::size_t f) : kind(k), field(f), hash(false) {}

  ColumnKind kind;
  std::size_t field;
  std::vector<std::uint64_t> values;
  std::vector<std::uint8_t> present;
  ColumnHash hash;
};

/// A column of strings: numbers of words while they are few, bytes back to back otherwise.
struct TextColumn {
  explicit TextColumn(std::size_t f) : field(f), hash(true) {}

  std::size_t field;
  bool has_words = true;
  std::size_t rows_until_dense = 0;  ///< how many rows it took to fill the dictionary
  Words words;
  std::vector<std::int32_t> numbers;  ///< while has_words; 0 for null
  std::vector<std::int32_t> offsets;  ///< rows + 1 places in `bytes`, when dense
  std::vector<char> bytes;            ///< larger than what is used, by text_slack_bytes at least
  std::vector<std::uint8_t> present;
  ColumnHash hash;

  /// Gives up the dictionary: the waiting `rows` become bytes.
  void make_dense(std::size_t rows);
  std::size_t bytes_used(std::size_t rows) const {
    return has_words ? 0 : static_cast<std::size_t>(offsets[rows]);
  }
};

/// Where column `i` of the layout is.
struct ColumnPlace {
  bool is_text = false;
  std::size_t index = 0;
};

class Rows {
 public:
  static constexpr std::size_t rows_max = 32768;            ///< waiting; then the encoder takes them
  static constexpr std::size_t text_bytes_max = 16u << 20;  ///< waiting, of one column

  Rows(const std::vector<ColumnSpec>& layout, PartitionId partition);

  void append(const Row& row, Offset offset, std::int64_t timestamp_ms);
  /// Whether the encoder must take the rows before the next append.
  bool full() const { return count_ == rows_max || text_full_; }

  std::size_t count() const { return count_; }
  const std::vector<ColumnPlace>& places() const { return places_; }
  FixedColumn& fixed(std::size_t index) { return fixed_[index]; }
  TextColumn& text(std::size_t index) { return text_[index]; }

  /// Whether the first `rows` of a column's presence hold a null.
  static bool has_null(const std::vector<std::uint8_t>& present, std::size_t rows) {
    return std::memchr(present.data(), 0, rows) != nullptr;
  }

  /// Adds the waiting rows to the columns' hashes and forgets them.
  void hash_and_clear();
  std::uint64_t rows_hashed() const { return rows_hashed_; }
  std::uint64_t logical_hash() const;
  std::size_t memory_bytes() const;

 private:
  /// Where append() puts a fixed column's cells: close together, for the columns themselves are large.
  struct Target {
    std::uint64_t* values;
    std::uint8_t* present;
    std::size_t field;
  };

  void grow();
  void append_text(TextColumn& column, std::string_view text);
  void hash_fixed(FixedColumn& column);
  void hash_text(TextColumn& column);
  void hash_words(TextColumn& column);

  std::vector<ColumnPlace> places_;
  std::vector<FixedColumn> fixed_;
  std::vector<Target> targets_;  ///< of the schema's fixed columns
  std::vector<TextColumn> text_;
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
  bool text_full_ = false;
  std::uint64_t rows_hashed_ = 0;
  std::int32_t partition_ = 0;
  std::vector<std::uint32_t> lengths_;  ///< scratch
  std::vector<char> gathered_;          ///< scratch
};

}  // namespace sluice::lake
