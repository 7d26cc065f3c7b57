// The logical hash of a file, column by column (docs/formats/hashes.md). Internal to audit: it includes
// Arrow.
#pragma once

#include <arrow/array.h>

#include <cstdint>
#include <vector>

#include "audit/hashing.h"

namespace sluice::audit {

class Xxh3Stream {
 public:
  Xxh3Stream() { XXH3_64bits_reset(&state_); }
  void add(const void* bytes, std::size_t size) { XXH3_64bits_update(&state_, bytes, size); }
  std::uint64_t digest() const { return XXH3_64bits_digest(&state_); }

 private:
  XXH3_state_t state_;
};

/// One column's three streams.
class ColumnHash {
 public:
  /// Adds the values of a batch; of one of the types that data files have.
  void add(const arrow::Array& array);
  std::uint64_t digest() const;

 private:
  void add_presence(const arrow::Array& array);
  void add_strings(const arrow::StringArray& array);
  void add_fixed(const arrow::Array& array);
  void add_bools(const arrow::BooleanArray& array);

  Xxh3Stream presence_;
  Xxh3Stream lengths_;
  Xxh3Stream values_;
  bool has_lengths_ = false;
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint32_t> sizes_;
  std::vector<std::int64_t> numbers_;
};

/// The file's hash from its columns' and its row count.
std::uint64_t file_hash(const std::vector<ColumnHash>& columns, std::int64_t rows);

/// The 8 bytes that stand for row `i` of a column of fixed width, as a number: of a double its bits. Not for
/// null.
std::int64_t fixed_value(const arrow::Array& array, std::int64_t i);

}  // namespace sluice::audit
