#include "lake/read_back.h"

#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>
#include <parquet/column_reader.h>
#include <parquet/file_reader.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <optional>

#include "lake/arrow_io.h"
#include "lake/hashes.h"
#include "lake/logical_hash.h"

namespace sluice::lake {
namespace {

constexpr std::int64_t chunk_rows = 8192;

/// Reads one column chunk after another into the column's hash.
class ColumnFeed {
 public:
  explicit ColumnFeed(const parquet::ColumnDescriptor* column)
      : nullable_(column->max_definition_level() == 1), type_(column->physical_type()), hash_(is_text()) {}

  void read(parquet::ColumnReader& reader) {
    switch (type_) {
      case parquet::Type::INT64:
        return read_values<parquet::Int64Type>(reader);
      case parquet::Type::INT32:
        return read_values<parquet::Int32Type>(reader);
      case parquet::Type::DOUBLE:
        return read_values<parquet::DoubleType>(reader);
      case parquet::Type::BOOLEAN:
        return read_values<parquet::BooleanType>(reader);
      case parquet::Type::BYTE_ARRAY:
        return read_values<parquet::ByteArrayType>(reader);
      default:
        throw parquet::ParquetException("a column of a type that data files do not have");
    }
  }
  const ColumnHash& hash() const { return hash_; }

 private:
  bool is_text() const { return type_ == parquet::Type::BYTE_ARRAY; }

  template <class DType>
  void read_values(parquet::ColumnReader& any) {
    using Value = typename DType::c_type;
    auto& reader = static_cast<parquet::TypedColumnReader<DType>&>(any);
    auto values = std::make_unique_for_overwrite<Value[]>(chunk_rows);
    levels_.resize(chunk_rows);
    while (reader.HasNext()) {
      std::int64_t values_read = 0;
      const std::int64_t rows = reader.ReadBatch(chunk_rows, nullable_ ? levels_.data() : nullptr, nullptr,
                                                 values.get(), &values_read);
      if (rows == 0) break;
      present_.assign(static_cast<std::size_t>(rows), 1);
      if (nullable_) {
        for (std::size_t i = 0; i < present_.size(); ++i) present_[i] = levels_[i] == 1 ? 1 : 0;
      }
      hash_.add_presence(present_);
      feed(values.get());
    }
  }

  static std::uint64_t word(std::int64_t value) { return static_cast<std::uint64_t>(value); }
  static std::uint64_t word(std::int32_t value) { return static_cast<std::uint64_t>(std::int64_t{value}); }
  static std::uint64_t word(double value) {
    return std::isnan(value) ? canonical_nan_bits : std::bit_cast<std::uint64_t>(value);
  }

  template <class Value>
  void feed(const Value* values) {
    words_.clear();
    for (const std::uint8_t present : present_) words_.push_back(present != 0 ? word(*values++) : 0);
    hash_.add_words(words_);
  }
  void feed(const bool* values) {
    for (std::uint8_t& present : present_) present = present != 0 && *values++ ? 1 : 0;
    hash_.add_bools(present_);
  }
  void feed(const parquet::ByteArray* values) {
    lengths_.clear();
    for (const std::uint8_t present : present_) {
      if (present == 0) {
        lengths_.push_back(0);
        continue;
      }
      lengths_.push_back(values->len);
      hash_.add_bytes(values->ptr, values->len);
      ++values;
    }
    hash_.add_lengths(lengths_);
  }

  bool nullable_;
  parquet::Type::type type_;
  ColumnHash hash_;
  std::vector<std::int16_t> levels_;
  std::vector<std::uint8_t> present_;
  std::vector<std::uint64_t> words_;
  std::vector<std::uint32_t> lengths_;
};

/// Takes footer entries, and remembers the first that is missing or makes no sense.
class Footer {
 public:
  Footer(const std::shared_ptr<const arrow::KeyValueMetadata>& entries) : entries_(entries) {}

  std::string text(const char* key) {
    const int at = entries_ == nullptr ? -1 : entries_->FindKey(key);
    if (at < 0) {
      if (problem_.empty()) problem_ = fmt::format("its footer has no {}", key);
      return {};
    }
    return entries_->value(at);
  }
  template <class Number>
  Number number(const char* key) {
    const std::string value = text(key);
    Number number = 0;
    const auto [p, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    check(error == std::errc{} && p == value.data() + value.size() && number >= 0, key);
    return number;
  }
  std::uint64_t hash(const char* key) {
    std::uint64_t value = 0;
    check(parse_hash(text(key), value), key);
    return value;
  }
  void check(bool good, const char* key) {
    if (!good && problem_.empty()) problem_ = fmt::format("its footer's {} makes no sense", key);
  }
  const std::string& problem() const { return problem_; }

 private:
  std::shared_ptr<const arrow::KeyValueMetadata> entries_;
  std::string problem_;
};

Result<ReadBack> parse_footer(const std::string& path,
                              const std::shared_ptr<parquet::FileMetaData>& metadata) {
  Footer footer(metadata->key_value_metadata());
  ReadBack out;
  footer.check(footer.text("sluice.format") == "sluice.data/1", "sluice.format");
  out.cluster_id = footer.text("sluice.cluster_id");
  out.topic = footer.text("sluice.topic");
  footer.check(parse_uuid(footer.text("sluice.topic_id"), out.topic_id), "sluice.topic_id");
  out.partition = PartitionId{footer.number<std::int32_t>("sluice.partition")};
  out.range = {Offset{footer.number<std::int64_t>("sluice.begin")},
               Offset{footer.number<std::int64_t>("sluice.end")}};
  out.footer_rows = footer.number<std::int64_t>("sluice.rows");
  out.footer_logical_hash = footer.hash("sluice.logical_hash");
  out.footer_raw_hash = footer.hash("sluice.raw_hash");
  out.schema_version = footer.number<std::int32_t>("sluice.schema_version");
  out.hive_dir = footer.text("sluice.hive");
  out.rows = metadata->num_rows();
  if (!footer.problem().empty())
    return fail(Code::corrupt, fmt::format("{} is not a data file of Sluice: {}", path, footer.problem()));
  for (int i = 0; i < metadata->num_columns(); ++i) {
    const parquet::ColumnDescriptor* column = metadata->schema()->Column(i);
    if (column->max_repetition_level() == 0 && column->max_definition_level() <= 1) continue;
    return fail(Code::corrupt,
                fmt::format("{} is not a data file of Sluice: column {} is nested", path, column->name()));
  }
  return out;
}

std::uint64_t hash_rows(parquet::ParquetFileReader& reader, std::int64_t& rows) {
  const auto metadata = reader.metadata();
  std::vector<ColumnFeed> feeds;
  for (int i = 0; i < metadata->num_columns(); ++i) feeds.emplace_back(metadata->schema()->Column(i));
  rows = 0;
  for (int g = 0; g < metadata->num_row_groups(); ++g) {
    const auto group = reader.RowGroup(g);
    rows += group->metadata()->num_rows();
    for (int i = 0; i < metadata->num_columns(); ++i)
      feeds[static_cast<std::size_t>(i)].read(*group->Column(i));
  }
  FileHash file;
  for (const ColumnFeed& feed : feeds) file.add(feed.hash());
  return file.digest(static_cast<std::uint64_t>(rows));
}

Result<ReadBack> read(env::FileSystem& fs, const std::string& path, bool with_rows) {
  auto file = SLUICE_TRY(fs.open(path, env::OpenMode::read));
  const std::uint64_t size = SLUICE_TRY(file->size());
  auto input = std::make_shared<FileInput>(std::move(file), size);
  const std::string doing = fmt::format("{} could not be read as a data file", path);
  std::unique_ptr<parquet::ParquetFileReader> reader;
  SLUICE_TRY(without_exceptions(Code::corrupt, doing, input->error(), [&] {
    parquet::ReaderProperties properties;
    properties.set_page_checksum_verification(true);
    reader = parquet::ParquetFileReader::Open(input, properties);
    return arrow::Status::OK();
  }));
  ReadBack out = SLUICE_TRY(parse_footer(path, reader->metadata()));
  if (!with_rows) return out;
  SLUICE_TRY(without_exceptions(Code::corrupt, doing, input->error(), [&] {
    out.logical_hash = hash_rows(*reader, out.rows);
    return arrow::Status::OK();
  }));
  return out;
}

}  // namespace

Result<ReadBack> read_back(env::FileSystem& fs, const std::string& path) {
  return read(fs, path, true);
}

Result<ReadBack> read_footer(env::FileSystem& fs, const std::string& path) {
  return read(fs, path, false);
}

}  // namespace sluice::lake
