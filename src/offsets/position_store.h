// Where positions are kept, as the tools see it: read them, know whether somebody uses them, change them.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/cluster.h"
#include "client/offset_batch.h"
#include "positions/file_store.h"

namespace sluice::offsets {

/// A position and what stands beside it.
struct StoredPosition {
  Offset offset;
  LeaderEpoch leader_epoch{-1};
  std::string metadata;
  friend bool operator==(const StoredPosition&, const StoredPosition&) = default;
};
using StoredPositions = std::map<client::TopicPartition, StoredPosition>;

/// A position to store, or nothing to remove it.
struct Change {
  client::TopicPartition which;
  std::optional<StoredPosition> to;
};

class PositionStore {
 public:
  virtual ~PositionStore() = default;
  /// "group 'g'", "the file pos": for messages.
  virtual std::string name() const = 0;
  /// What tells this store from others in an undo file: "kafka" and the group, "file" and the path.
  virtual std::string kind() const = 0;
  virtual std::string owner() const = 0;

  virtual Result<StoredPositions> load() = 0;
  /// errors   conflict: somebody uses the positions, still after `wait`; nothing was changed
  virtual Result<void> require_idle(env::Duration wait) = 0;
  /// Makes the changes (sorted, no doubles); an error each, in their order.
  virtual std::vector<Result<void>> change(std::span<const Change> changes) = 0;
};

/// A group's positions in Kafka. Idle is a group without members.
std::unique_ptr<PositionStore> group_store(client::Cluster& cluster, std::string group);
/// Positions in a file (docs/formats/positions.md). Always idle: a lock orders its writers.
std::unique_ptr<PositionStore> file_store(const env::Env& env, std::string path);

}  // namespace sluice::offsets
