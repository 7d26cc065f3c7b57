#include "lake/parquet_schema.h"

#include <arrow/memory_pool.h>
#include <parquet/types.h>

namespace sluice::lake {
namespace {

constexpr std::int64_t page_rows_max = 131072;
constexpr std::int64_t write_batch_rows = 8192;

parquet::schema::NodePtr node(const ColumnSpec& spec) {
  using parquet::LogicalType;
  using TimeUnit = parquet::LogicalType::TimeUnit;
  const auto repetition = spec.nullable ? parquet::Repetition::OPTIONAL : parquet::Repetition::REQUIRED;
  const auto make = [&](std::shared_ptr<const LogicalType> logical, parquet::Type::type physical) {
    return parquet::schema::PrimitiveNode::Make(spec.name, repetition, std::move(logical), physical);
  };
  // The writer may not say "local" in the old annotation, which knows only UTC.
  const auto local = LogicalType::Timestamp(false, TimeUnit::MICROS, false, false);
  switch (spec.kind) {
    case ColumnKind::float64:
      return make(LogicalType::None(), parquet::Type::DOUBLE);
    case ColumnKind::boolean:
      return make(LogicalType::None(), parquet::Type::BOOLEAN);
    case ColumnKind::text:
      return make(LogicalType::String(), parquet::Type::BYTE_ARRAY);
    case ColumnKind::date:
      return make(LogicalType::Date(), parquet::Type::INT32);
    case ColumnKind::timestamp:
      return make(LogicalType::Timestamp(true, TimeUnit::MICROS), parquet::Type::INT64);
    case ColumnKind::timestamp_local:
      return make(local, parquet::Type::INT64);
    case ColumnKind::record_partition:
      return make(LogicalType::None(), parquet::Type::INT32);
    case ColumnKind::record_timestamp:
      return make(LogicalType::Timestamp(true, TimeUnit::MILLIS), parquet::Type::INT64);
    case ColumnKind::int64:
    case ColumnKind::record_offset:
      break;
  }
  return make(LogicalType::None(), parquet::Type::INT64);
}

parquet::Compression::type compression(Codec::Kind kind) {
  switch (kind) {
    case Codec::Kind::none:
      return parquet::Compression::UNCOMPRESSED;
    case Codec::Kind::snappy:
      return parquet::Compression::SNAPPY;
    case Codec::Kind::lz4:
      return parquet::Compression::LZ4;
    case Codec::Kind::gzip:
      return parquet::Compression::GZIP;
    case Codec::Kind::zstd:
      break;
  }
  return parquet::Compression::ZSTD;
}

parquet::Encoding::type encoding(ColumnKind kind) {
  const bool plain = kind == ColumnKind::float64 || kind == ColumnKind::boolean || kind == ColumnKind::text;
  return plain ? parquet::Encoding::PLAIN : parquet::Encoding::DELTA_BINARY_PACKED;
}

}  // namespace

std::shared_ptr<parquet::schema::GroupNode> parquet_schema(const std::vector<ColumnSpec>& layout) {
  parquet::schema::NodeVector nodes;
  for (const ColumnSpec& spec : layout) nodes.push_back(node(spec));
  return std::static_pointer_cast<parquet::schema::GroupNode>(
      parquet::schema::GroupNode::Make("schema", parquet::Repetition::REQUIRED, nodes));
}

std::shared_ptr<parquet::WriterProperties> parquet_properties(const std::vector<ColumnSpec>& layout,
                                                              const std::vector<ColumnShape>& shapes,
                                                              Codec codec) {
  parquet::WriterProperties::Builder builder;
  // The system's allocator: Arrow's own give pages back to the kernel and fault them in again with every page
  // that is encoded, which cost 10 % of the writer's time where it was measured.
  builder.memory_pool(arrow::system_memory_pool())
      ->version(parquet::ParquetVersion::PARQUET_2_6)
      ->max_rows_per_page(page_rows_max)
      ->write_batch_size(write_batch_rows)
      ->enable_page_checksum()
      ->created_by("sluice " SLUICE_VERSION)
      ->compression(compression(codec.kind));
  if (codec.kind == Codec::Kind::zstd || codec.kind == Codec::Kind::gzip)
    builder.compression_level(codec.level);
  for (std::size_t i = 0; i < layout.size(); ++i) {
    const auto path = std::make_shared<parquet::schema::ColumnPath>(std::vector<std::string>{layout[i].name});
    if (!shapes[i].statistics) builder.disable_statistics(path);
    if (shapes[i].dictionary) {
      builder.enable_dictionary(path);
    } else {
      builder.disable_dictionary(path)->encoding(path, encoding(layout[i].kind));
    }
  }
  return builder.build();
}

}  // namespace sluice::lake
