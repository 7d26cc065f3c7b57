#include "audit/column_hash.h"

#include <bit>
#include <cmath>

namespace sluice::audit {
namespace {

// The page says little-endian; so is every machine that this is built for.
static_assert(std::endian::native == std::endian::little);

constexpr std::int64_t canonical_nan = 0x7ff8000000000000;

}  // namespace

std::int64_t fixed_value(const arrow::Array& array, std::int64_t i) {
  switch (array.type_id()) {
    case arrow::Type::INT32:
      return static_cast<const arrow::Int32Array&>(array).Value(i);
    case arrow::Type::DATE32:
      return static_cast<const arrow::Date32Array&>(array).Value(i);
    case arrow::Type::TIMESTAMP:
      return static_cast<const arrow::TimestampArray&>(array).Value(i);
    case arrow::Type::BOOL:
      return static_cast<const arrow::BooleanArray&>(array).Value(i) ? 1 : 0;
    case arrow::Type::DOUBLE: {
      const double value = static_cast<const arrow::DoubleArray&>(array).Value(i);
      return std::isnan(value) ? canonical_nan : std::bit_cast<std::int64_t>(value);
    }
    default:
      return static_cast<const arrow::Int64Array&>(array).Value(i);
  }
}

void ColumnHash::add(const arrow::Array& array) {
  add_presence(array);
  switch (array.type_id()) {
    case arrow::Type::STRING:
      return add_strings(static_cast<const arrow::StringArray&>(array));
    case arrow::Type::BOOL:
      return add_bools(static_cast<const arrow::BooleanArray&>(array));
    default:
      return add_fixed(array);
  }
}

void ColumnHash::add_presence(const arrow::Array& array) {
  bytes_.assign(static_cast<std::size_t>(array.length()), 1);
  if (array.null_count() > 0) {
    for (std::int64_t i = 0; i < array.length(); ++i)
      bytes_[static_cast<std::size_t>(i)] = array.IsValid(i) ? 1 : 0;
  }
  presence_.add(bytes_.data(), bytes_.size());
}

void ColumnHash::add_strings(const arrow::StringArray& array) {
  has_lengths_ = true;
  sizes_.clear();
  for (std::int64_t i = 0; i < array.length(); ++i) {
    const auto text = array.IsValid(i) ? array.GetView(i) : std::string_view();
    sizes_.push_back(static_cast<std::uint32_t>(text.size()));
    values_.add(text.data(), text.size());
  }
  lengths_.add(sizes_.data(), sizes_.size() * sizeof(std::uint32_t));
}

void ColumnHash::add_bools(const arrow::BooleanArray& array) {
  bytes_.clear();
  for (std::int64_t i = 0; i < array.length(); ++i)
    bytes_.push_back(array.IsValid(i) && array.Value(i) ? 1 : 0);
  values_.add(bytes_.data(), bytes_.size());
}

void ColumnHash::add_fixed(const arrow::Array& array) {
  numbers_.clear();
  for (std::int64_t i = 0; i < array.length(); ++i)
    numbers_.push_back(array.IsValid(i) ? fixed_value(array, i) : 0);
  values_.add(numbers_.data(), numbers_.size() * sizeof(std::int64_t));
}

std::uint64_t ColumnHash::digest() const {
  std::vector<std::uint64_t> digests = {presence_.digest()};
  if (has_lengths_) digests.push_back(lengths_.digest());
  digests.push_back(values_.digest());
  return xxh3({reinterpret_cast<const char*>(digests.data()), digests.size() * sizeof(std::uint64_t)});
}

std::uint64_t file_hash(const std::vector<ColumnHash>& columns, std::int64_t rows) {
  std::vector<std::uint64_t> numbers;
  for (const auto& column : columns) numbers.push_back(column.digest());
  numbers.push_back(static_cast<std::uint64_t>(rows));
  return xxh3({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(std::uint64_t)});
}

}  // namespace sluice::audit
