// What moving positions would do, before anything is done.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "offsets/choice.h"
#include "offsets/position_store.h"
#include "offsets/standing.h"

namespace sluice::offsets {

/// Where positions are to go.
struct Target {
  enum class Kind : std::uint8_t {
    earliest,   ///< the log start
    latest,     ///< the end that a read_committed consumer can reach
    current,    ///< where it is; the log end where it is nowhere
    offset,     ///< `number`
    time,       ///< the first record of `number` ms since 1970 or later
    shift,      ///< `number` from where it is
    positions,  ///< where `positions` says
  };
  Kind kind = Kind::current;
  std::int64_t number = 0;
  std::map<client::TopicPartition, Offset> positions;
};

/// One position, and where it would go.
struct Move {
  client::TopicPartition which;
  std::optional<StoredPosition> from;  ///< nothing: none is stored
  std::optional<StoredPosition> to;  ///< nothing: it is removed, or where `error` says so it cannot be moved
  std::optional<Offset> log_start;
  std::optional<Offset> log_end;
  std::string note;   ///< what was not taken as it was asked for
  std::string error;  ///< why it cannot be moved

  bool changes() const { return from != to; }
  /// Records that would be read again.
  std::optional<std::int64_t> reread() const;
  /// Records that are there and would not be read.
  std::optional<std::int64_t> skipped() const;
};

struct Plan {
  std::string cluster_id;
  std::vector<Move> moves;  ///< by topic and partition

  bool possible() const;
  /// Eight hex digits over every old and new position: the same for the same plan.
  std::string id() const;
};

/// The move of one partition. `found` is where a time lies (Target::Kind::time); -1: no record is that young.
/// An offset outside of the log is an error, or with `clamp` its nearer end.
Move aim(const Standing& row, const std::optional<StoredPosition>& from, const Target& target,
         std::optional<Offset> found, bool clamp);

struct PlanQuestion {
  std::span<const TopicChoice> choices;  ///< empty: every topic that has positions in the store (or target)
  Target target;
  bool clamp = false;
  /// What the log's end is: up to where readers under this isolation come.
  client::Isolation isolation = client::Isolation::read_committed;
};

/// A move for every partition that is chosen. A partition that cannot be asked is a move with an error.
/// errors   not_found: no partition is meant
Result<Plan> make_plan(client::Cluster& cluster, PositionStore& store, const PlanQuestion& question);

}  // namespace sluice::offsets
