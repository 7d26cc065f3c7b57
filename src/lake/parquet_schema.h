// How a layout looks in Parquet. Internal to lake; sees Arrow.
#pragma once

#include <parquet/properties.h>
#include <parquet/schema.h>

#include <memory>
#include <vector>

#include "lake/codec.h"
#include "lake/layout.h"

namespace sluice::lake {

std::shared_ptr<parquet::schema::GroupNode> parquet_schema(const std::vector<ColumnSpec>& layout);

struct ColumnShape {
  bool dictionary = false;
  /// Smallest and largest value of each page and row group. Not worth their cost for strings of few values,
  /// which stand in every page.
  bool statistics = true;
};

/// Properties of the writer; one shape a column.
std::shared_ptr<parquet::WriterProperties> parquet_properties(const std::vector<ColumnSpec>& layout,
                                                              const std::vector<ColumnShape>& shapes,
                                                              Codec codec);

}  // namespace sluice::lake
