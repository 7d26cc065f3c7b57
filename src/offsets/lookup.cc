#include "offsets/lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace sluice::offsets {
namespace {

std::string no_such_partition(const client::TopicPartition& which) {
  return fmt::format("topic {} has no partition {}", which.topic, which.partition.value);
}

/// Whether any choice takes the partition; no choices take all.
bool is_chosen(const client::TopicPartition& which, std::span<const TopicChoice> choices) {
  return choices.empty() || std::ranges::any_of(choices, [&](const TopicChoice& choice) {
           return choice.topic.matches(which.topic) && choice.has(which.partition);
         });
}

/// The partitions of topics in `there` that are named one by one and are not among them.
std::vector<client::TopicPartition> named_but_missing(
    const std::map<std::string, std::set<PartitionId>>& there, std::span<const TopicChoice> choices) {
  std::set<client::TopicPartition> out;
  for (const auto& choice : choices) {
    for (const auto& [topic, partitions] : there) {
      if (!choice.topic.matches(topic)) continue;
      for (const auto partition : choice.partitions) {
        if (!partitions.contains(partition)) out.insert({topic, partition});
      }
    }
  }
  return {out.begin(), out.end()};
}

void sort_rows(std::vector<Standing>& rows) {
  std::ranges::stable_sort(rows, [](const Standing& a, const Standing& b) {
    return std::tie(a.group, a.topic, a.partition) < std::tie(b.group, b.topic, b.partition);
  });
}

}  // namespace

Result<std::vector<std::string>> choose_topics(client::Cluster& cluster,
                                               std::span<const TopicChoice> choices) {
  std::vector<NamePattern> patterns;
  for (const auto& choice : choices) patterns.push_back(choice.topic);
  std::vector<std::string> have;
  const bool named = !patterns.empty() && std::ranges::all_of(patterns, &NamePattern::is_name);
  if (!named) {
    for (const auto& topic : SLUICE_TRY(cluster.topics())) {
      if (!topic.is_internal || !patterns.empty()) have.push_back(topic.name);
    }
  }
  return patterns.empty() ? have : choose_names(have, patterns, "topic");
}

void keep_chosen(std::vector<Standing>& standings, std::span<const TopicChoice> choices) {
  std::map<std::string, std::set<PartitionId>> there;
  for (const auto& row : standings) {
    if (row.partition.value >= 0) there[row.topic].insert(row.partition);
  }
  std::erase_if(standings, [&](const Standing& row) {
    return row.partition.value >= 0 && !is_chosen({row.topic, row.partition}, choices);
  });
  for (const auto& which : named_but_missing(there, choices)) {
    auto& row = standings.emplace_back();
    row.topic = which.topic;
    row.partition = which.partition;
    row.error = no_such_partition(which);
  }
  sort_rows(standings);
}

Result<std::vector<Lookup>> look_up(client::Cluster& cluster, std::span<const TopicChoice> choices,
                                    client::OffsetSpec spec) {
  const auto names = SLUICE_TRY(choose_topics(cluster, choices));
  if (names.empty()) return std::vector<Lookup>{};
  auto known = SLUICE_TRY(cluster.describe_topics(names));
  std::vector<Lookup> out;
  std::map<std::string, std::set<PartitionId>> there;
  std::vector<client::TopicPartition> asked;
  for (const auto& name : names) {
    if (const auto error = client::topic_error(known, name)) {
      out.push_back({{name, PartitionId{-1}}, {}, {}, {}, error->message});
      continue;
    }
    for (const auto& partition : known.at(name).partitions) {
      there[name].insert(partition.id);
      if (is_chosen({name, partition.id}, choices)) asked.push_back({name, partition.id});
    }
  }
  const auto found = client::list_offsets(cluster, known, asked, spec, client::Isolation::read_uncommitted);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto& row = out.emplace_back(Lookup{asked[i], {}, {}, {}, {}});
    if (!found[i]) {
      row.error = found[i].error().message;
      continue;
    }
    if (found[i]->offset.value >= 0) row.offset = found[i]->offset;
    if (found[i]->timestamp_ms >= 0) row.timestamp_ms = found[i]->timestamp_ms;
    if (found[i]->leader_epoch.value >= 0) row.leader_epoch = found[i]->leader_epoch;
  }
  for (const auto& which : named_but_missing(there, choices))
    out.push_back({which, {}, {}, {}, no_such_partition(which)});
  std::ranges::sort(out, {}, &Lookup::which);
  return out;
}

}  // namespace sluice::offsets
