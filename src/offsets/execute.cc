#include "offsets/execute.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "offsets/undo.h"

namespace sluice::offsets {
namespace {

std::string describe(const std::optional<StoredPosition>& position) {
  return position ? std::to_string(position->offset.value) : "none";
}

std::optional<StoredPosition> find(const StoredPositions& stored, const client::TopicPartition& which) {
  const auto at = stored.find(which);
  return at == stored.end() ? std::nullopt : std::optional(at->second);
}

/// Whether every position is still what the plan began from.
Result<void> require_unchanged(PositionStore& store, const Plan& plan) {
  const auto stored = SLUICE_TRY(store.load());
  std::string changed;
  for (const auto& move : plan.moves) {
    const auto now = find(stored, move.which);
    if (now == move.from) continue;
    changed += fmt::format("{}{}[{}]: {} -> {}", changed.empty() ? "" : "; ", move.which.topic,
                           move.which.partition.value, describe(move.from), describe(now));
  }
  if (changed.empty()) return {};
  return fail(Code::conflict,
              fmt::format("positions of {} changed after the plan was made; no position was changed by this "
                          "command: {}",
                          store.name(), changed),
              "look at the new plan: the same command without --execute");
}

/// What came of each change, by what is stored now.
void read_back(PositionStore& store, const Plan& plan, Executed& out) {
  const auto stored = store.load();
  for (std::size_t i = 0; i < plan.moves.size(); ++i) {
    const auto& move = plan.moves[i];
    if (!stored) {
      if (out.errors[i].empty() && move.changes())
        out.errors[i] = "it was stored, but not read back: " + stored.error().message;
      continue;
    }
    out.stored[i] = find(*stored, move.which);
    if (out.errors[i].empty() && out.stored[i] != move.to) {
      const bool same_offset = out.stored[i].has_value() == move.to.has_value() &&
                               (!move.to || out.stored[i]->offset == move.to->offset);
      if (!same_offset)
        out.errors[i] = fmt::format("{} is stored, not {}", describe(out.stored[i]), describe(move.to));
    }
  }
}

}  // namespace

bool Executed::all_well() const {
  return std::ranges::all_of(errors, &std::string::empty);
}

Result<Executed> execute(const env::Env& env, PositionStore& store, const Plan& plan,
                         const ExecuteOptions& options) {
  SLUICE_ASSERT(plan.possible());
  SLUICE_TRY(store.require_idle(env::Duration{}));
  SLUICE_TRY(require_unchanged(store, plan));
  Executed out;
  out.stored.resize(plan.moves.size());
  out.errors.resize(plan.moves.size());
  const auto undo = make_undo(plan, store, env.clock->wall_ms());
  if (!undo.after.empty()) {
    out.undo_path = SLUICE_TRY(write_undo(env, options.undo_directory, undo));
    const auto done = store.change(undo.after);
    for (std::size_t i = 0, at = 0; i < plan.moves.size(); ++i) {
      if (!plan.moves[i].changes()) continue;
      if (!done[at]) out.errors[i] = done[at].error().message;
      ++at;
    }
  }
  read_back(store, plan, out);
  return out;
}

}  // namespace sluice::offsets
