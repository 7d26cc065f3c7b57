#include "lake/parquet_file.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/column_writer.h>
#include <parquet/file_writer.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lake/arrow_io.h"
#include "lake/parquet_schema.h"

namespace sluice::lake {
namespace {

constexpr std::string_view not_written = "data file not written";
constexpr std::size_t words_direct_max = 1024;  // more: the dictionary grows too slowly to be worth its own

// More different values among the first rows: the dictionary would not stay below Parquet's limit of 1 MiB.
constexpr double distinct_share_max = 0.97;

/// About how many different values there are, by linear counting in a bitmap.
double distinct_estimate(std::span<const std::uint64_t> values) {
  constexpr std::size_t bits = 1u << 18;
  std::vector<std::uint64_t> seen(bits / 64);
  for (const std::uint64_t value : values) {
    const std::uint64_t hash = (value ^ value >> 32) * 0x9E3779B97F4A7C15u >> (64 - 18);
    seen[hash / 64] |= std::uint64_t{1} << hash % 64;
  }
  std::size_t zeros = 0;
  for (const std::uint64_t word : seen) zeros += 64 - static_cast<std::size_t>(std::popcount(word));
  return zeros == 0
             ? static_cast<double>(values.size())
             : -static_cast<double>(bits) * std::log(static_cast<double>(zeros) / static_cast<double>(bits));
}

/// Whether a dictionary is worth its hashing: values repeat. A string column that does not repeat much gives
/// its own dictionary up.
ColumnShape shape_of(TextColumn& column, std::size_t rows) {
  if (!column.has_words) return {column.rows_until_dense >= 2 * Words::words_max, true};
  const std::size_t distinct = column.words.size();
  const bool repeats = distinct <= 16 || distinct * 2 <= rows;
  if (!repeats || distinct > words_direct_max) column.make_dense(rows);
  return {repeats, !column.has_words};
}

ColumnShape shape_of(const FixedColumn& column, std::size_t rows) {
  if (column.kind != ColumnKind::float64) return {false, true};
  const double distinct = distinct_estimate({column.values.data(), rows});
  return {rows < 64 || distinct < distinct_share_max * static_cast<double>(rows), true};
}

std::shared_ptr<arrow::Buffer> wrap(const void* data, std::size_t bytes) {
  return std::make_shared<arrow::Buffer>(static_cast<const std::uint8_t*>(data),
                                         static_cast<std::int64_t>(bytes));
}

class Writer final : public ParquetFile {
 public:
  Writer(std::shared_ptr<FileOutput> output, std::vector<ColumnSpec> layout, const WriterOptions& options)
      : output_(std::move(output)),
        layout_(std::move(layout)),
        options_(options),
        arrow_properties_(parquet::ArrowWriterProperties::Builder().build()),
        context_(arrow::system_memory_pool(), arrow_properties_.get()),
        dictionaries_(layout_.size()) {}

  /// The destructor of Parquet's writer would write a footer: not into a file that has been given up.
  ~Writer() override {
    if (finished_ || writer_ == nullptr) return;
    static_cast<void>(without_exceptions(Code::io_failed, not_written, output_->error(), [&] {
      output_->abandon();
      writer_.reset();
      return arrow::Status::OK();
    }));
  }

  Result<void> open(Rows& rows) {
    std::vector<ColumnShape> shapes;
    for (const ColumnPlace& place : rows.places()) {
      shapes.push_back(place.is_text ? shape_of(rows.text(place.index), rows.count())
                                     : shape_of(rows.fixed(place.index), rows.count()));
    }
    return without_exceptions(Code::io_failed, not_written, output_->error(), [&] {
      writer_ = parquet::ParquetFileWriter::Open(output_, parquet_schema(layout_),
                                                 parquet_properties(layout_, shapes, options_.codec));
      return arrow::Status::OK();
    });
  }

  Result<void> write(Rows& rows) override {
    if (rows.count() == 0) return {};
    return without_exceptions(Code::io_failed, not_written, output_->error(), [&]() -> arrow::Status {
      begin_group(rows);
      for (std::size_t i = 0; i < layout_.size(); ++i) {
        const ColumnPlace place = rows.places()[i];
        parquet::ColumnWriter& to = *group_->column(static_cast<int>(i));
        if (place.is_text) {
          ARROW_RETURN_NOT_OK(write_text(rows.text(place.index), rows.count(), to, i));
        } else {
          write_fixed(rows.fixed(place.index), rows.count(), to, layout_[i].nullable);
        }
      }
      group_rows_ += static_cast<std::int64_t>(rows.count());
      measure();
      return arrow::Status::OK();
    });
  }

  Result<std::uint64_t> finish(const KeyValues& footer) override {
    SLUICE_TRY(without_exceptions(Code::io_failed, not_written, output_->error(), [&] {
      auto metadata = std::make_shared<arrow::KeyValueMetadata>();
      for (const auto& [key, value] : footer) metadata->Append(key, value);
      writer_->AddKeyValueMetadata(metadata);
      writer_->Close();
      return arrow::Status::OK();
    }));
    finished_ = true;
    return output_->finish();
  }

  std::size_t memory_bytes() const override { return memory_bytes_; }
  std::uint64_t bytes_estimate() const override { return bytes_estimate_; }

 private:
  /// The dictionary of a string column as Arrow wants it, and whether this row group still follows it.
  struct Dictionary {
    std::shared_ptr<arrow::Array> array;
    bool used_in_group = false;
    bool dense_in_group = false;
  };

  void begin_group(const Rows& rows) {
    const bool ends = group_ != nullptr &&
                      (group_rows_ + static_cast<std::int64_t>(rows.count()) > options_.row_group_rows_max ||
                       group_bytes_ >= options_.row_group_bytes_max);
    if (ends) {
      group_->Close();
      group_ = nullptr;
    }
    if (group_ != nullptr) return;
    group_ = writer_->AppendBufferedRowGroup();
    group_rows_ = 0;
    group_bytes_ = 0;
    for (Dictionary& dictionary : dictionaries_) {
      dictionary.used_in_group = false;
      dictionary.dense_in_group = false;
    }
  }

  void measure() {
    const parquet::RowGroupWriter::BufferedStats waiting = group_->estimated_buffered_stats();
    const std::int64_t unpaged =
        waiting.def_level_bytes + waiting.rep_level_bytes + waiting.value_bytes + waiting.dict_bytes;
    group_bytes_ = group_->total_compressed_bytes() + group_->total_compressed_bytes_written();
    const std::int64_t so_far = output_->Tell().ValueOr(0);
    memory_bytes_ = static_cast<std::size_t>(group_bytes_ + 2 * unpaged);
    bytes_estimate_ = static_cast<std::uint64_t>(so_far + group_bytes_ + unpaged / 3);
  }

  /// One level a row: 1 where there is a value. nullptr where the column has no nulls at all by its schema.
  const std::int16_t* levels(const std::vector<std::uint8_t>& present, bool has_null, std::size_t rows,
                             bool nullable) {
    if (!nullable) return nullptr;
    if (!has_null) {
      if (ones_.size() < rows) ones_.assign(Rows::rows_max, 1);
      return ones_.data();
    }
    levels_.resize(rows);
    for (std::size_t i = 0; i < rows; ++i) levels_[i] = present[i];
    return levels_.data();
  }

  template <class DType, class Value>
  void write_narrowed(const FixedColumn& column, std::size_t rows, parquet::ColumnWriter& to, bool nullable) {
    const bool has_null = nullable && Rows::has_null(column.present, rows);
    auto scratch = std::make_unique_for_overwrite<Value[]>(rows);
    std::size_t n = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      scratch[n] = static_cast<Value>(column.values[i]);
      n += column.present[i];
    }
    static_cast<parquet::TypedColumnWriter<DType>&>(to).WriteBatch(
        static_cast<std::int64_t>(rows), levels(column.present, has_null, rows, nullable), nullptr,
        scratch.get());
  }

  /// Values of eight bytes as they are; those of nulls are left out, as Parquet wants.
  template <class DType>
  void write_words(const FixedColumn& column, std::size_t rows, parquet::ColumnWriter& to, bool nullable) {
    using Value = typename DType::c_type;
    const bool has_null = nullable && Rows::has_null(column.present, rows);
    const std::uint64_t* values = column.values.data();
    if (has_null) {
      compacted_.resize(rows);
      std::size_t n = 0;
      for (std::size_t i = 0; i < rows; ++i) {
        compacted_[n] = values[i];
        n += column.present[i];
      }
      values = compacted_.data();
    }
    static_cast<parquet::TypedColumnWriter<DType>&>(to).WriteBatch(
        static_cast<std::int64_t>(rows), levels(column.present, has_null, rows, nullable), nullptr,
        reinterpret_cast<const Value*>(values));
  }

  void write_fixed(const FixedColumn& column, std::size_t rows, parquet::ColumnWriter& to, bool nullable) {
    switch (column.kind) {
      case ColumnKind::boolean:
        return write_narrowed<parquet::BooleanType, bool>(column, rows, to, nullable);
      case ColumnKind::date:
      case ColumnKind::record_partition:
        return write_narrowed<parquet::Int32Type, std::int32_t>(column, rows, to, nullable);
      case ColumnKind::float64:
        return write_words<parquet::DoubleType>(column, rows, to, nullable);
      default:
        return write_words<parquet::Int64Type>(column, rows, to, nullable);
    }
  }

  arrow::Status write_text(TextColumn& column, std::size_t rows, parquet::ColumnWriter& to,
                           std::size_t index) {
    const auto n = static_cast<std::int64_t>(rows);
    const bool nullable = layout_[index].nullable;
    std::shared_ptr<arrow::Buffer> bitmap;
    std::int64_t nulls = 0;
    const bool has_null = nullable && Rows::has_null(column.present, rows);
    if (has_null) bitmap = make_bitmap(column.present, rows, nulls);
    const std::int16_t* const def_levels = levels(column.present, has_null, rows, nullable);
    std::shared_ptr<arrow::Array> array;
    if (column.has_words && follows_dictionary(column, dictionaries_[index])) {
      auto numbers =
          std::make_shared<arrow::Int32Array>(n, wrap(column.numbers.data(), rows * 4), bitmap, nulls);
      array = std::make_shared<arrow::DictionaryArray>(arrow::dictionary(arrow::int32(), arrow::utf8()),
                                                       numbers, dictionaries_[index].array);
    } else {
      array = dense_array(column, rows, bitmap, nulls);
    }
    return to.WriteArrow(def_levels, nullptr, n, *array, &context_, nullable);
  }

  /// Arrow takes one dictionary a row group. A group that has seen it grow gets plain strings to the end of
  /// the group, which Arrow adds to the same dictionary itself.
  bool follows_dictionary(const TextColumn& column, Dictionary& dictionary) {
    if (dictionary.dense_in_group) return false;
    const auto size = static_cast<std::int64_t>(column.words.size());
    const bool grown = dictionary.array == nullptr || dictionary.array->length() != size;
    if (grown && dictionary.used_in_group) {
      dictionary.dense_in_group = true;
      return false;
    }
    if (grown) {
      const Words& words = column.words;
      auto offsets = arrow::Buffer::FromVector(words.offsets());
      auto bytes = arrow::Buffer::FromString(std::string(words.bytes().data(), words.bytes_used()));
      dictionary.array = std::make_shared<arrow::StringArray>(size, std::move(offsets), std::move(bytes));
    }
    dictionary.used_in_group = true;
    return true;
  }

  std::shared_ptr<arrow::Array> dense_array(const TextColumn& column, std::size_t rows,
                                            const std::shared_ptr<arrow::Buffer>& bitmap,
                                            std::int64_t nulls) {
    const auto n = static_cast<std::int64_t>(rows);
    if (!column.has_words) {
      return std::make_shared<arrow::StringArray>(n, wrap(column.offsets.data(), (rows + 1) * 4),
                                                  wrap(column.bytes.data(), column.bytes_used(rows)), bitmap,
                                                  nulls);
    }
    std::vector<std::int32_t> offsets(rows + 1, 0);
    std::string bytes;
    for (std::size_t i = 0; i < rows; ++i) {
      if (column.present[i] != 0) bytes += column.words.word(static_cast<std::size_t>(column.numbers[i]));
      offsets[i + 1] = static_cast<std::int32_t>(bytes.size());
    }
    return std::make_shared<arrow::StringArray>(n, arrow::Buffer::FromVector(std::move(offsets)),
                                                arrow::Buffer::FromString(std::move(bytes)), bitmap, nulls);
  }

  static std::shared_ptr<arrow::Buffer> make_bitmap(const std::vector<std::uint8_t>& present,
                                                    std::size_t rows, std::int64_t& nulls) {
    std::vector<std::uint8_t> bits((rows + 7) / 8, 0);
    std::size_t values = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | present[i] << i % 8);
      values += present[i];
    }
    nulls = static_cast<std::int64_t>(rows - values);
    return arrow::Buffer::FromVector(std::move(bits));
  }

  std::shared_ptr<FileOutput> output_;
  std::vector<ColumnSpec> layout_;
  WriterOptions options_;
  std::shared_ptr<parquet::ArrowWriterProperties> arrow_properties_;
  parquet::ArrowWriteContext context_;
  std::vector<Dictionary> dictionaries_;  // by column of the layout; unused for others than strings
  std::unique_ptr<parquet::ParquetFileWriter> writer_;
  parquet::RowGroupWriter* group_ = nullptr;
  std::int64_t group_rows_ = 0;
  std::int64_t group_bytes_ = 0;
  std::size_t memory_bytes_ = 0;
  std::uint64_t bytes_estimate_ = 0;
  bool finished_ = false;
  std::vector<std::int16_t> ones_;
  std::vector<std::int16_t> levels_;
  std::vector<std::uint64_t> compacted_;
};

}  // namespace

Result<std::unique_ptr<ParquetFile>> ParquetFile::create(env::FileSystem& fs, const std::string& path,
                                                         const std::vector<ColumnSpec>& layout, Rows& rows,
                                                         const WriterOptions& options) {
  auto file = SLUICE_TRY(fs.open(path, env::OpenMode::create_new));
  auto writer = std::make_unique<Writer>(std::make_shared<FileOutput>(std::move(file)), layout, options);
  SLUICE_TRY(writer->open(rows));
  return writer;
}

}  // namespace sluice::lake
