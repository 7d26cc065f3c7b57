// The table's descriptor and its schema versions: create-only, shared by all workers (X1). Format:
// docs/formats/table.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "table/store.h"

namespace sluice::table {

inline constexpr std::uint64_t descriptor_bytes_max = 1u << 20;
inline constexpr std::uint64_t schema_bytes_max = 1u << 20;

/// Binds a table to one topic of one cluster and to one pipeline.
struct Descriptor {
  Uuid table_id;
  std::string cluster_id;
  std::string topic;
  Uuid topic_id;
  std::vector<std::string>
      partition_by;  ///< with `filter`: the pipeline, all that decides which rows lie where
  std::string filter;
  /// Where each partition that the topic had at the table's creation starts. Later partitions start at 0.
  std::vector<Offset> starts;
  friend bool operator==(const Descriptor&, const Descriptor&) = default;
};

Result<Bytes> encode(const Descriptor& descriptor);
Result<Descriptor> decode_descriptor(BytesView bytes);

/// The descriptor of the table, durable; not_found where there is no table.
Result<Descriptor> read_descriptor(Store& store);
/// The same, or `wanted` created now; whichever of several racing workers is first decides for all of them.
/// conflict where the table belongs to another cluster, topic, topic id or pipeline, naming both.
Result<Descriptor> bind_table(Store& store, const Descriptor& wanted);

/// Schema version `version` (from 1), as text; nullopt where there is none.
Result<std::optional<std::string>> read_schema(Store& store, std::int32_t version);
/// Makes `text` schema version `version`; returns the text that is there afterwards, one's own or another
/// worker's.
Result<std::string> bind_schema(Store& store, std::int32_t version, const std::string& text);

}  // namespace sluice::table
