// Positions: how far each partition has come, kept outside of the table. A hint and a bookmark (X1): lost,
// rewound or wrong, it costs a listing, never a record.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/ids.h"

namespace sluice::positions {

struct TopicPartition {
  std::string topic;
  PartitionId partition;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

/// The next offset to process, by partition.
using Positions = std::map<TopicPartition, Offset>;

class Store {
 public:
  virtual ~Store() = default;
  /// Everything that is stored; empty where nothing is.
  virtual Result<Positions> load() = 0;
  /// Moves positions forward; one that is stored and further on already stays as it is. All or none.
  virtual Result<void> advance(const Positions& positions) = 0;
};

}  // namespace sluice::positions
