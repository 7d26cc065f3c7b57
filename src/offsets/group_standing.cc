#include "offsets/group_standing.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "client/group_batch.h"

namespace sluice::offsets {
namespace {

using Ranges = std::map<std::string, std::vector<Standing>>;  // by topic
using Positions = std::map<client::TopicPartition, Offset>;

/// The topics that one group is asked about.
std::set<std::string> topics_of(const client::GroupPositions& positions,
                                std::span<const TopicChoice> choices) {
  std::set<std::string> own;
  for (const auto& one : positions.offsets) own.insert(one.topic);
  for (const auto& [which, error] : positions.errors) own.insert(which.topic);
  if (choices.empty()) return own;
  std::set<std::string> out;
  for (const auto& choice : choices) {
    if (choice.topic.is_name()) out.insert(choice.topic.text());
    for (const auto& name : own) {
      if (choice.topic.matches(name)) out.insert(name);
    }
  }
  return out;
}

bool chosen(const Standing& row, std::span<const TopicChoice> choices) {
  return choices.empty() || row.partition.value < 0 ||
         std::ranges::any_of(
             choices,
             [&](const TopicChoice& choice) {
               return choice.topic.matches(row.topic) && choice.has(row.partition);
             });
}

Standing failed(const std::string& group, const std::string& topic, std::string error) {
  Standing out;
  out.group = group;
  out.topic = topic;
  out.error = std::move(error);
  return out;
}

/// The rows of one group.
void add_rows(const std::string& group, const client::GroupPositions& told,
              std::span<const TopicChoice> choices, const Ranges& ranges, std::vector<Standing>& out) {
  Positions positions;
  for (const auto& one : told.offsets) positions[{one.topic, one.partition}] = one.offset;
  std::map<client::TopicPartition, std::string> errors;
  for (const auto& [which, error] : told.errors) errors[which] = error.message;
  for (const auto& topic : topics_of(told, choices)) {
    const auto at = ranges.find(topic);
    if (at == ranges.end()) continue;
    for (Standing row : at->second) {
      if (!chosen(row, choices)) continue;
      row.group = group;
      const client::TopicPartition which{topic, row.partition};
      if (const auto position = positions.extract(which)) row.committed = row.next = position.mapped();
      if (const auto error = errors.find(which); error != errors.end()) row.error = error->second;
      out.push_back(std::move(row));
    }
  }
  // What the group has a position of and the topic no longer has.
  for (const auto& [which, offset] : positions) {
    Standing row =
        failed(group, which.topic,
               fmt::format("topic {} has no partition {} any more", which.topic, which.partition.value));
    row.partition = which.partition;
    row.committed = row.next = offset;
    if (!choices.empty() && std::ranges::none_of(choices, [&](const TopicChoice& choice) {
          return choice.topic.matches(which.topic) && choice.has(which.partition);
        })) {
      continue;
    }
    out.push_back(std::move(row));
  }
}

}  // namespace

Result<std::vector<Standing>> group_standings(client::Cluster& cluster, std::span<const std::string> groups,
                                              std::span<const TopicChoice> choices) {
  const auto positions = client::fetch_positions(cluster, groups);
  std::set<std::string> topics;
  for (const auto& one : positions) {
    if (one) topics.merge(topics_of(*one, choices));
  }
  Ranges ranges;
  for (auto& row : SLUICE_TRY(topic_ranges(cluster, {topics.begin(), topics.end()})))
    ranges[row.topic].push_back(std::move(row));
  std::vector<Standing> out;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (positions[i]) {
      add_rows(groups[i], *positions[i], choices, ranges, out);
    } else {
      out.push_back(failed(groups[i], "", positions[i].error().message));
    }
  }
  return out;
}

}  // namespace sluice::offsets
