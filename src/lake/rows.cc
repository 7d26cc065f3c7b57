#include "lake/rows.h"

#include <algorithm>
#include <cstring>

namespace sluice::lake {
namespace {

constexpr std::size_t rows_at_first = 64;  // a range may have many directories with few rows each
constexpr std::size_t hash_chunk_rows = 2048;
constexpr std::size_t fixed_own = 3;  // _partition, _offset, _timestamp: the last three

/// Copies n bytes in steps of text_slack_bytes; both sides have that many bytes more.
inline void copy_in_steps(char* to, const char* from, std::size_t n) {
  if (n > 256) {
    std::memcpy(to, from, n);
    return;
  }
  std::size_t at = 0;
  do {
    std::memcpy(to + at, from + at, text_slack_bytes);
    at += text_slack_bytes;
  } while (at < n);
}

/// Room for `more` bytes and the slack behind `used`.
inline void make_room(std::vector<char>& bytes, std::size_t used, std::size_t more) {
  const std::size_t wanted = used + more + text_slack_bytes;
  if (wanted > bytes.size()) [[unlikely]]
    bytes.resize(std::max(wanted, bytes.size() * 2));
}

}  // namespace

void TextColumn::make_dense(std::size_t rows) {
  has_words = false;
  rows_until_dense = rows;
  offsets.assign(std::max<std::size_t>(numbers.size(), rows) + 1, 0);
  std::size_t used = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    if (present[i] != 0) {
      const std::string_view word = words.word(static_cast<std::size_t>(numbers[i]));
      make_room(bytes, used, word.size());
      copy_in_steps(bytes.data() + used, word.data(), word.size());
      used += word.size();
    }
    offsets[i + 1] = static_cast<std::int32_t>(used);
  }
  numbers = {};
  words = {};
}

Rows::Rows(const std::vector<ColumnSpec>& layout, PartitionId partition) : partition_(partition.value) {
  for (const ColumnSpec& spec : layout) {
    if (spec.kind == ColumnKind::text) {
      places_.push_back({true, text_.size()});
      text_.emplace_back(spec.field);
    } else {
      places_.push_back({false, fixed_.size()});
      fixed_.emplace_back(spec.kind, spec.field);
    }
  }
  grow();
}

void Rows::grow() {
  capacity_ = std::min(rows_max, std::max(rows_at_first, capacity_ * 4));
  for (FixedColumn& column : fixed_) {
    column.values.resize(capacity_);
    column.present.resize(capacity_, 1);
  }
  targets_.clear();
  for (std::size_t i = 0; i + fixed_own < fixed_.size(); ++i) {
    targets_.push_back({fixed_[i].values.data(), fixed_[i].present.data(), fixed_[i].field});
  }
  for (TextColumn& column : text_) {
    column.present.resize(capacity_);
    if (column.has_words) {
      column.numbers.resize(capacity_);
    } else {
      column.offsets.resize(capacity_ + 1);
    }
  }
}

void Rows::append(const Row& row, Offset offset, std::int64_t timestamp_ms) {
  if (count_ == capacity_) grow();
  const std::size_t at = count_;
  const std::uint64_t* const bits = row.bits.data();
  const std::uint8_t* const presence = row.present.data();
  for (const Target& target : targets_) {
    target.values[at] = bits[target.field];
    target.present[at] = presence[target.field];
  }
  FixedColumn* const own = fixed_.data() + fixed_.size() - fixed_own;
  own[0].values.data()[at] = static_cast<std::uint64_t>(static_cast<std::int64_t>(partition_));
  own[1].values.data()[at] = static_cast<std::uint64_t>(offset.value);
  own[2].values.data()[at] = static_cast<std::uint64_t>(timestamp_ms);
  for (TextColumn& text : text_) {
    text.present.data()[at] = presence[text.field];
    append_text(text, row.text.data()[text.field]);
  }
  ++count_;
}

void Rows::append_text(TextColumn& column, std::string_view text) {
  if (column.has_words) {
    std::int32_t& number = column.numbers.data()[count_];
    number = column.present.data()[count_] != 0 ? column.words.number(text) : 0;
    if (number >= 0) return;
    column.make_dense(count_);
  }
  std::int32_t* const place = column.offsets.data() + count_;
  const auto used = static_cast<std::size_t>(*place);
  make_room(column.bytes, used, text.size());
  if (!text.empty()) copy_in_steps(column.bytes.data() + used, text.data(), text.size());
  place[1] = static_cast<std::int32_t>(used + text.size());
  text_full_ |= used + text.size() >= text_bytes_max;
}

void Rows::hash_and_clear() {
  for (FixedColumn& column : fixed_) hash_fixed(column);
  for (TextColumn& column : text_) column.has_words ? hash_words(column) : hash_text(column);
  rows_hashed_ += count_;
  count_ = 0;
  text_full_ = false;
}

void Rows::hash_fixed(FixedColumn& column) {
  column.hash.add_presence({column.present.data(), count_});
  if (column.kind == ColumnKind::boolean) {
    std::vector<std::uint8_t> bools(count_);
    for (std::size_t i = 0; i < count_; ++i) bools[i] = static_cast<std::uint8_t>(column.values[i]);
    column.hash.add_bools(bools);
  } else {
    column.hash.add_words({column.values.data(), count_});
  }
}

void Rows::hash_text(TextColumn& column) {
  column.hash.add_presence({column.present.data(), count_});
  lengths_.resize(count_);
  for (std::size_t i = 0; i < count_; ++i) {
    lengths_[i] = static_cast<std::uint32_t>(column.offsets[i + 1] - column.offsets[i]);
  }
  column.hash.add_lengths(lengths_);
  column.hash.add_bytes(column.bytes.data(), column.bytes_used(count_));
}

void Rows::hash_words(TextColumn& column) {
  column.hash.add_presence({column.present.data(), count_});
  const std::int32_t* const places = column.words.offsets().data();
  const char* const bytes = column.words.bytes().data();
  for (std::size_t begin = 0; begin < count_; begin += hash_chunk_rows) {
    const std::size_t end = std::min(count_, begin + hash_chunk_rows);
    lengths_.resize(end - begin);
    std::uint32_t* length = lengths_.data();
    std::size_t used = 0;
    for (std::size_t i = begin; i < end; ++i, ++length) {
      const std::int32_t* const place = places + column.numbers.data()[i];
      *length = column.present.data()[i] != 0 ? static_cast<std::uint32_t>(place[1] - place[0]) : 0;
      if (*length == 0) continue;
      make_room(gathered_, used, *length);
      copy_in_steps(gathered_.data() + used, bytes + place[0], *length);
      used += *length;
    }
    column.hash.add_lengths(lengths_);
    column.hash.add_bytes(gathered_.data(), used);
  }
}

std::uint64_t Rows::logical_hash() const {
  FileHash file;
  for (const ColumnPlace& place : places_)
    file.add(place.is_text ? text_[place.index].hash : fixed_[place.index].hash);
  return file.digest(rows_hashed_);
}

std::size_t Rows::memory_bytes() const {
  std::size_t bytes = gathered_.capacity() + lengths_.capacity() * 4;
  for (const FixedColumn& column : fixed_)
    bytes += sizeof column + column.values.capacity() * 8 + column.present.capacity();
  for (const TextColumn& column : text_) {
    bytes += sizeof column + column.numbers.capacity() * 4 + column.offsets.capacity() * 4 +
             column.bytes.capacity() + column.present.capacity() + column.words.memory_bytes();
  }
  return bytes;
}

}  // namespace sluice::lake
