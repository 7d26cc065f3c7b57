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

/// Properties of the writer; `dictionary[i]` says whether column i has one.
std::shared_ptr<parquet::WriterProperties> parquet_properties(const std::vector<ColumnSpec>& layout,
                                                              const std::vector<bool>& dictionary,
                                                              Codec codec);

}  // namespace sluice::lake
