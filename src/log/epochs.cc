#include "log/epochs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "log/text_lines.h"

namespace sluice::log {

Result<Epochs> Epochs::parse(std::string_view text) {
  TextLines lines{text};
  const std::size_t count = SLUICE_TRY(lines.header("leader-epoch-checkpoint"));
  Epochs epochs;
  for (std::size_t i = 0; i < count; ++i) {
    const auto fields = lines.fields();
    EpochStart entry;
    if (fields.size() != 2 || !parse_field(fields[0], entry.epoch.value) ||
        !parse_field(fields[1], entry.begin.value)) {
      return lines.bad("leader-epoch-checkpoint");
    }
    const bool grows = epochs.entries_.empty() || (epochs.entries_.back().epoch < entry.epoch &&
                                                   epochs.entries_.back().begin < entry.begin);
    if (!grows || entry.epoch.value < 0 || entry.begin.value < 0) return lines.bad("leader-epoch-checkpoint");
    epochs.entries_.push_back(entry);
  }
  if (!lines.at_end()) return lines.bad("leader-epoch-checkpoint");
  return epochs;
}

std::string Epochs::text() const {
  std::string text = fmt::format("0\n{}\n", entries_.size());
  for (const EpochStart& entry : entries_)
    text += fmt::format("{} {}\n", entry.epoch.value, entry.begin.value);
  return text;
}

std::optional<EpochStart> Epochs::last() const {
  return entries_.empty() ? std::nullopt : std::optional{entries_.back()};
}

bool Epochs::accepts(LeaderEpoch epoch) const {
  return entries_.empty() || entries_.back().epoch <= epoch;
}

bool Epochs::begin_epoch(LeaderEpoch epoch, Offset begin) {
  if (!entries_.empty() && entries_.back().epoch >= epoch) return false;
  while (!entries_.empty() && entries_.back().begin >= begin) entries_.pop_back();
  entries_.push_back({epoch, begin});
  return true;
}

bool Epochs::truncate_to(Offset end) {
  const std::size_t before = entries_.size();
  while (!entries_.empty() && entries_.back().begin >= end) entries_.pop_back();
  return entries_.size() != before;
}

bool Epochs::start_at(Offset start) {
  if (entries_.empty() || entries_.front().begin >= start) return false;
  auto after = std::ranges::upper_bound(entries_, start, {}, &EpochStart::begin);
  entries_.erase(entries_.begin(), after - 1);
  entries_.front().begin = start;
  return true;
}

EpochEnd Epochs::end_of(LeaderEpoch epoch, Offset log_end) const {
  if (epoch.value < 0) return {};
  if (entries_.empty()) return {epoch, log_end};
  // Nothing was written in the epochs since: the last one goes on to the end.
  if (epoch >= entries_.back().epoch) return {entries_.back().epoch, log_end};
  const auto higher = std::ranges::upper_bound(entries_, epoch, {}, &EpochStart::epoch);
  // Before the first known epoch: all that can be said is where the known ones begin.
  if (higher == entries_.begin()) return {epoch, higher->begin};
  return {(higher - 1)->epoch, higher->begin};
}

LeaderEpoch Epochs::epoch_at(Offset offset) const {
  const auto after = std::ranges::upper_bound(entries_, offset, {}, &EpochStart::begin);
  return after == entries_.begin() ? LeaderEpoch{-1} : (after - 1)->epoch;
}

}  // namespace sluice::log
