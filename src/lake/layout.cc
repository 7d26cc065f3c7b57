#include "lake/layout.h"

namespace sluice::lake {
namespace {

ColumnKind kind_of(Type type) {
  switch (type) {
    case Type::int64:
      return ColumnKind::int64;
    case Type::float64:
      return ColumnKind::float64;
    case Type::boolean:
      return ColumnKind::boolean;
    case Type::date:
      return ColumnKind::date;
    case Type::timestamp:
      return ColumnKind::timestamp;
    case Type::timestamp_local:
      return ColumnKind::timestamp_local;
    case Type::string:
      break;
  }
  return ColumnKind::text;
}

}  // namespace

std::vector<ColumnSpec> make_layout(const Schema& schema, const Partitioning& partitioning) {
  std::vector<ColumnSpec> layout;
  const auto& fields = schema.fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (partitioning.is_directory(i)) continue;
    layout.push_back({fields[i].name, kind_of(fields[i].type), fields[i].nullable, i});
  }
  layout.push_back({"_partition", ColumnKind::record_partition, false, 0});
  layout.push_back({"_offset", ColumnKind::record_offset, false, 0});
  layout.push_back({"_timestamp", ColumnKind::record_timestamp, false, 0});
  return layout;
}

}  // namespace sluice::lake
