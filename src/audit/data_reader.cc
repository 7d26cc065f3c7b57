#include "audit/data_reader.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>

#include "audit/arrow_file.h"
#include "audit/column_hash.h"
#include "audit/row_model.h"

namespace sluice::audit {
namespace {

constexpr std::int64_t batch_rows = 32 << 10;

using FileReader = std::unique_ptr<parquet::arrow::FileReader>;

std::unexpected<Error> broken(const std::string& path, std::string_view why) {
  return fail(Code::corrupt, fmt::format("{} cannot be read: {}", path, why));
}

/// Runs `read`, whose Arrow calls may fail by Status or, deep inside Parquet, by an exception.
template <class Read>
auto guarded(const std::string& path, Read&& read) -> decltype(read()) {
  try {
    return read();
  } catch (const std::exception& error) {
    return broken(path, error.what());
  }
}

Result<FileReader> open_reader(env::FileSystem& files, const std::string& path) {
  auto file = SLUICE_TRY(ArrowFile::open(files, path));
  parquet::ReaderProperties properties;
  properties.set_page_checksum_verification(true);
  parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
  arrow_properties.set_batch_size(batch_rows);
  parquet::arrow::FileReaderBuilder builder;
  if (const auto status = builder.Open(std::move(file), properties); !status.ok())
    return broken(path, status.message());
  builder.properties(arrow_properties);
  FileReader reader;
  if (const auto status = builder.Build(&reader); !status.ok()) return broken(path, status.message());
  return reader;
}

/// Calls `take` with each batch of rows.
Result<void> for_each_batch(const std::string& path, parquet::arrow::FileReader& reader,
                            const std::vector<int>* columns,
                            const std::function<Result<void>(const arrow::RecordBatch&)>& take) {
  std::vector<int> row_groups(static_cast<std::size_t>(reader.num_row_groups()));
  for (int i = 0; i < reader.num_row_groups(); ++i) row_groups[static_cast<std::size_t>(i)] = i;
  auto opened = columns != nullptr ? reader.GetRecordBatchReader(row_groups, *columns)
                                   : reader.GetRecordBatchReader(row_groups);
  if (!opened.ok()) return broken(path, opened.status().message());
  const auto batches = std::move(opened).ValueUnsafe();
  while (true) {
    std::shared_ptr<arrow::RecordBatch> batch;
    if (const auto status = batches->ReadNext(&batch); !status.ok()) return broken(path, status.message());
    if (batch == nullptr) return {};
    SLUICE_TRY(take(*batch));
  }
}

std::shared_ptr<arrow::DataType> arrow_type(FieldType type) {
  switch (type) {
    case FieldType::int64:
      return arrow::int64();
    case FieldType::float64:
      return arrow::float64();
    case FieldType::boolean:
      return arrow::boolean();
    case FieldType::string:
      return arrow::utf8();
    case FieldType::date:
      return arrow::date32();
    case FieldType::timestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case FieldType::timestamp_local:
      return arrow::timestamp(arrow::TimeUnit::MICRO);
  }
  return arrow::null();
}

struct Column {
  std::string name;
  std::shared_ptr<arrow::DataType> type;
};

std::vector<Column> expected_columns(const Schema& schema) {
  std::vector<Column> out;
  for (const auto& field : schema.fields) {
    if (!field.directory) out.push_back({field.name, arrow_type(field.type)});
  }
  out.push_back({"_partition", arrow::int32()});
  out.push_back({"_offset", arrow::int64()});
  out.push_back({"_timestamp", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC")});
  return out;
}

Result<void> check_columns(const std::string& path, const arrow::Schema& found,
                           const std::vector<Column>& expected) {
  if (static_cast<std::size_t>(found.num_fields()) != expected.size()) {
    return broken(path,
                  fmt::format("it has {} columns, the schema makes {}", found.num_fields(), expected.size()));
  }
  for (int i = 0; i < found.num_fields(); ++i) {
    const auto& field = *found.field(i);
    const auto& wanted = expected[static_cast<std::size_t>(i)];
    if (field.name() == wanted.name && field.type()->Equals(*wanted.type)) continue;
    return broken(path, fmt::format("its column {} is {} {}, the schema makes {} {}", i, field.name(),
                                    field.type()->ToString(), wanted.name, wanted.type->ToString()));
  }
  return {};
}

/// A batch's rows, one after another; borrows the batch.
class Rows {
 public:
  Rows(const arrow::RecordBatch& batch, const std::string& hive_dir) : hive_dir_(hive_dir) {
    for (const auto& column : batch.columns()) columns_.push_back(column.get());
  }
  FileRow row(RowHasher& hasher, std::int64_t i) const;

 private:
  const std::string& hive_dir_;
  std::vector<const arrow::Array*> columns_;
};

FileRow Rows::row(RowHasher& hasher, std::int64_t i) const {
  const std::size_t positions = columns_.size() - 3;  // _partition, _offset, _timestamp stand last
  hasher.begin();
  for (std::size_t c = 0; c < positions; ++c) {
    const auto& array = *columns_[c];
    if (array.IsNull(i)) {
      hasher.add_null();
    } else if (array.type_id() == arrow::Type::STRING) {
      hasher.add_text(static_cast<const arrow::StringArray&>(array).GetView(i));
    } else {
      hasher.add_fixed(fixed_value(array, i));
    }
  }
  FileRow out;
  out.partition = PartitionId(static_cast<std::int32_t>(fixed_value(*columns_[positions], i)));
  out.offset = Offset(fixed_value(*columns_[positions + 1], i));
  out.row_hash = hasher.end(out.partition, out.offset, fixed_value(*columns_[positions + 2], i), hive_dir_);
  return out;
}

Result<FileContent> read_rows(env::FileSystem& files, const std::string& path, const Schema& schema,
                              const std::string& hive_dir, const std::function<void(const FileRow&)>& take) {
  const auto reader = SLUICE_TRY(open_reader(files, path));
  std::shared_ptr<arrow::Schema> found;
  if (const auto status = reader->GetSchema(&found); !status.ok()) return broken(path, status.message());
  const auto expected = expected_columns(schema);
  SLUICE_TRY(check_columns(path, *found, expected));

  std::vector<ColumnHash> hashes(expected.size());
  FileContent content;
  RowHasher hasher;
  SLUICE_TRY(for_each_batch(path, *reader, nullptr, [&](const arrow::RecordBatch& batch) -> Result<void> {
    for (int c = 0; c < batch.num_columns(); ++c) hashes[static_cast<std::size_t>(c)].add(*batch.column(c));
    for (int c = batch.num_columns() - 3; c < batch.num_columns(); ++c) {
      if (batch.column(c)->null_count() != 0) return broken(path, "a row does not say where it comes from");
    }
    const Rows rows(batch, hive_dir);
    for (std::int64_t i = 0; i < batch.num_rows(); ++i) take(rows.row(hasher, i));
    content.rows += batch.num_rows();
    return {};
  }));
  content.logical_hash = file_hash(hashes, content.rows);
  return content;
}

Result<std::int64_t> read_places(env::FileSystem& files, const std::string& path,
                                 const std::function<void(const FileRow&)>& take) {
  const auto reader = SLUICE_TRY(open_reader(files, path));
  std::shared_ptr<arrow::Schema> found;
  if (const auto status = reader->GetSchema(&found); !status.ok()) return broken(path, status.message());
  const auto partition = found->GetFieldIndex("_partition");
  const auto offset = found->GetFieldIndex("_offset");
  if (partition < 0 || offset < 0 || !found->field(partition)->type()->Equals(*arrow::int32()) ||
      !found->field(offset)->type()->Equals(*arrow::int64())) {
    return broken(path, "it has no columns _partition and _offset");
  }
  std::int64_t rows = 0;
  const std::vector<int> columns = {partition, offset};
  SLUICE_TRY(for_each_batch(path, *reader, &columns, [&](const arrow::RecordBatch& batch) -> Result<void> {
    const auto partitions = batch.GetColumnByName("_partition");
    const auto offsets = batch.GetColumnByName("_offset");
    for (std::int64_t i = 0; i < batch.num_rows(); ++i) {
      if (partitions->IsNull(i) || offsets->IsNull(i)) continue;
      take({PartitionId(static_cast<std::int32_t>(fixed_value(*partitions, i))),
            Offset(fixed_value(*offsets, i)), 0});
    }
    rows += batch.num_rows();
    return {};
  }));
  return rows;
}

}  // namespace

Result<FileContent> read_data_file(env::FileSystem& files, const std::string& path, const Schema& schema,
                                   const std::string& hive_dir,
                                   const std::function<void(const FileRow&)>& take) {
  return guarded(path, [&] { return read_rows(files, path, schema, hive_dir, take); });
}

Result<std::int64_t> read_positions(env::FileSystem& files, const std::string& path,
                                    const std::function<void(const FileRow&)>& take) {
  return guarded(path, [&] { return read_places(files, path, take); });
}

}  // namespace sluice::audit
