// The topic as audit sees it. The real one is read through librdkafka (rdkafka_topic.h); tests make their
// own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"

namespace sluice::audit {

struct TopicHeader {
  BytesView name;
  std::optional<BytesView> value;
};

/// A record; everything borrowed for the call that shows it.
struct TopicRecord {
  Offset offset;
  std::int64_t timestamp_ms = 0;
  std::optional<BytesView> key;
  std::optional<BytesView> value;
  std::span<const TopicHeader> headers;
};

struct TopicIdentity {
  std::string cluster_id;
  Uuid topic_id;
  std::vector<PartitionId> partitions;  ///< sorted
};

/// Reads one partition, forwards. One thread.
class PartitionReader {
 public:
  using Take = std::function<void(const TopicRecord&)>;

  virtual ~PartitionReader() = default;
  /// [log start, end of what a read_committed consumer can read).
  virtual Result<OffsetRange> bounds() = 0;
  /// Shows every record of `range` that a read_committed consumer gets, in order. What lies in `range` and is
  /// not shown is not in the topic. out_of_range where the topic no longer holds all of it.
  virtual Result<void> read(OffsetRange range, const Take& take) = 0;
};

/// A topic of a cluster. Safe from several threads.
class Topic {
 public:
  virtual ~Topic() = default;
  virtual Result<TopicIdentity> identity() = 0;
  virtual Result<std::unique_ptr<PartitionReader>> open(PartitionId partition) = 0;
};

}  // namespace sluice::audit
