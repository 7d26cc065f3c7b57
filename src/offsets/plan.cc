#include "offsets/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/crc32c.h"
#include "offsets/lookup.h"

namespace sluice::offsets {
namespace {

/// `wanted` within the log, or why not.
void settle(Move& move, Offset wanted, bool clamp) {
  const OffsetRange log{*move.log_start, *move.log_end};
  if (wanted >= log.begin && wanted <= log.end) {
    move.to = StoredPosition{wanted, LeaderEpoch{-1}, {}};
    return;
  }
  if (!clamp) {
    move.error = fmt::format("offset {} lies outside of the log [{},{})", wanted.value, log.begin.value,
                             log.end.value);
    return;
  }
  move.to = StoredPosition{std::clamp(wanted, log.begin, log.end), LeaderEpoch{-1}, {}};
  move.note = fmt::format("{} lies outside of the log: its nearer end", wanted.value);
}

void settle_time(Move& move, std::optional<Offset> found) {
  if (!found) {
    move.error = "the offset of that time is not known";
  } else if (found->value < 0) {
    move.to = StoredPosition{*move.log_end, LeaderEpoch{-1}, {}};
    move.note = "no record is that young: the log end";
  } else {
    move.to = StoredPosition{*found, LeaderEpoch{-1}, {}};
  }
}

void settle_current(Move& move) {
  if (move.from) {
    move.to = move.from;
    return;
  }
  move.to = StoredPosition{*move.log_end, LeaderEpoch{-1}, {}};
  move.note = "there is no position: the log end";
}

void settle_shift(Move& move, std::int64_t by, bool clamp) {
  std::int64_t wanted = 0;
  if (!move.from) {
    move.error = "there is no position to shift";
  } else if (__builtin_add_overflow(move.from->offset.value, by, &wanted)) {
    move.error = fmt::format("{} shifted by {} is no offset", move.from->offset.value, by);
  } else {
    settle(move, Offset{wanted}, clamp);
  }
}

/// The topics whose partitions are meant.
Result<std::vector<std::string>> topics_of(client::Cluster& cluster, const StoredPositions& stored,
                                           const PlanQuestion& question) {
  if (!question.choices.empty()) return choose_topics(cluster, question.choices);
  std::set<std::string> out;
  for (const auto& [which, offset] : question.target.positions) out.insert(which.topic);
  if (question.target.kind != Target::Kind::positions) {
    for (const auto& [which, position] : stored) out.insert(which.topic);
  }
  return std::vector<std::string>(out.begin(), out.end());
}

/// Rows that the target says nothing of are not meant; what it names and the topic does not have is an error.
void keep_targets(std::vector<Standing>& rows, const Target& target) {
  std::erase_if(rows, [&](const Standing& row) {
    return row.partition.value >= 0 && !target.positions.contains({row.topic, row.partition});
  });
  std::set<std::string> unknown;
  std::set<client::TopicPartition> there;
  for (const auto& row : rows) {
    if (row.partition.value < 0) unknown.insert(row.topic);
    there.insert({row.topic, row.partition});
  }
  for (const auto& [which, offset] : target.positions) {
    if (there.contains(which) || unknown.contains(which.topic)) continue;
    if (std::ranges::none_of(there, [&](const auto& one) { return one.topic == which.topic; })) continue;
    auto& row = rows.emplace_back();
    row.topic = which.topic;
    row.partition = which.partition;
    row.error = fmt::format("topic {} has no partition {}", which.topic, which.partition.value);
  }
}

/// Of whole topics, a shift means the partitions that have a position.
void keep_stored(std::vector<Standing>& rows, const StoredPositions& stored) {
  std::erase_if(rows, [&](const Standing& row) {
    return row.partition.value >= 0 && !stored.contains({row.topic, row.partition});
  });
}

std::vector<Result<client::FoundOffset>> find_times(client::Cluster& cluster,
                                                    const std::vector<Standing>& rows, const Target& target) {
  std::vector<client::TopicPartition> asked;
  for (const auto& row : rows) {
    if (row.error.empty()) asked.push_back({row.topic, row.partition});
  }
  client::TopicMap known;
  return client::list_offsets(cluster, known, asked, client::OffsetSpec::at(target.number),
                              client::Isolation::read_committed);
}

}  // namespace

std::optional<std::int64_t> Move::reread() const {
  if (!from || !to || !log_start || !log_end) return std::nullopt;
  return std::max<std::int64_t>(std::min(from->offset, *log_end) - std::max(to->offset, *log_start), 0);
}

std::optional<std::int64_t> Move::skipped() const {
  if (!to || !log_start || !log_end) return std::nullopt;
  const Offset begin = from ? std::max(from->offset, *log_start) : *log_start;
  return std::max<std::int64_t>(std::min(to->offset, *log_end) - begin, 0);
}

bool Plan::possible() const {
  return !moves.empty() && std::ranges::all_of(moves, [](const Move& move) { return move.error.empty(); });
}

std::string Plan::id() const {
  std::string text = cluster_id;
  for (const auto& move : moves) {
    text += fmt::format("\n{} {} {} {}", move.which.topic, move.which.partition.value,
                        move.from ? move.from->offset.value : -1, move.to ? move.to->offset.value : -1);
  }
  return fmt::format("{:08x}", base::crc32c(as_bytes(text)));
}

Move aim(const Standing& row, const std::optional<StoredPosition>& from, const Target& target,
         std::optional<Offset> found, bool clamp) {
  Move move{{row.topic, row.partition}, from, std::nullopt, row.log_start, row.log_end, {}, row.error};
  if (!move.error.empty()) return move;
  using Kind = Target::Kind;
  switch (target.kind) {
    case Kind::earliest:
      settle(move, *row.log_start, clamp);
      break;
    case Kind::latest:
      settle(move, *row.log_end, clamp);
      break;
    case Kind::current:
      settle_current(move);
      break;
    case Kind::offset:
      settle(move, Offset{target.number}, clamp);
      break;
    case Kind::time:
      settle_time(move, found);
      break;
    case Kind::shift:
      settle_shift(move, target.number, clamp);
      break;
    case Kind::positions:
      settle(move, target.positions.at(move.which), clamp);
      break;
  }
  if (move.to && from && move.to->offset == from->offset) move.to = from;  // nothing is to change
  return move;
}

Result<Plan> make_plan(client::Cluster& cluster, PositionStore& store, const PlanQuestion& question) {
  const auto stored = SLUICE_TRY(store.load());
  const auto topics = SLUICE_TRY(topics_of(cluster, stored, question));
  if (topics.empty()) {
    return fail(Code::not_found, fmt::format("{} has no positions; no position was changed", store.name()),
                "name the topic: --topic TOPIC");
  }
  auto rows = SLUICE_TRY(topic_ranges(cluster, topics, question.isolation));
  keep_chosen(rows, question.choices);
  if (question.choices.empty() && question.target.kind == Target::Kind::shift) keep_stored(rows, stored);
  if (question.target.kind == Target::Kind::positions) keep_targets(rows, question.target);
  std::vector<Result<client::FoundOffset>> found;
  if (question.target.kind == Target::Kind::time) found = find_times(cluster, rows, question.target);
  Plan plan{cluster.cluster_id(), {}};
  for (std::size_t at = 0; auto& row : rows) {
    std::optional<Offset> offset;
    if (!found.empty() && row.error.empty()) {
      if (found[at]) {
        offset = found[at]->offset;
      } else {
        row.error = found[at].error().message;
      }
      ++at;
    }
    const auto from = stored.find({row.topic, row.partition});
    plan.moves.push_back(aim(row, from == stored.end() ? std::nullopt : std::optional(from->second),
                             question.target, offset, question.clamp));
  }
  std::ranges::sort(plan.moves, {}, &Move::which);
  if (plan.moves.empty())
    return fail(Code::not_found, "no partition is meant; no position was changed", "check --topic");
  return plan;
}

}  // namespace sluice::offsets
