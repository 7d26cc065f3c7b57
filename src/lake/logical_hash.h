// The logical hash of a data file, fed column by column. docs/formats/hashes.md. Internal to lake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lake/xxh3.h"

namespace sluice::lake {

/// The streams of one column.
class ColumnHash {
 public:
  explicit ColumnHash(bool is_text) : is_text_(is_text) {}

  /// One byte a row: 1 or 0.
  void add_presence(std::span<const std::uint8_t> present) {
    presence_.update(present.data(), present.size());
  }
  /// One word a row, as the page says for each type; 0 for null.
  void add_words(std::span<const std::uint64_t> words) { values_.update(words.data(), words.size_bytes()); }
  /// One byte a row, of a bool column.
  void add_bools(std::span<const std::uint8_t> bools) { values_.update(bools.data(), bools.size()); }
  /// Of a text column: one length a row, and the bytes of them all.
  void add_lengths(std::span<const std::uint32_t> lengths) {
    lengths_.update(lengths.data(), lengths.size_bytes());
  }
  void add_bytes(const void* bytes, std::size_t n) { values_.update(bytes, n); }

  std::uint64_t digest() const {
    std::uint64_t parts[3];
    std::size_t n = 0;
    parts[n++] = presence_.digest();
    if (is_text_) parts[n++] = lengths_.digest();
    parts[n++] = values_.digest();
    return xxh3(std::as_bytes(std::span(parts, n)));
  }

 private:
  bool is_text_;
  HashStream presence_;
  HashStream lengths_;
  HashStream values_;
};

/// The columns' hashes and the row count, made into the file's.
class FileHash {
 public:
  void add(const ColumnHash& column) {
    const std::uint64_t digest = column.digest();
    stream_.update(&digest, sizeof digest);
  }
  std::uint64_t digest(std::uint64_t rows) {
    stream_.update(&rows, sizeof rows);
    return stream_.digest();
  }

 private:
  HashStream stream_;
};

constexpr std::uint64_t canonical_nan_bits = 0x7ff8000000000000u;

}  // namespace sluice::lake
