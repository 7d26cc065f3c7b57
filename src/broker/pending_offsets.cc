#include "broker/pending_offsets.h"

namespace sluice::broker {

void PendingOffsets::stage(Key key, const std::string& group, const log::TopicPartition& partition,
                           const CommittedOffset& committed) {
  const auto [at, added] =
      staged_[key][group].insert_or_assign(partition, Staged{committed, false, ++staged_count_});
  if (added) ++counts_[group][partition];
}

void PendingOffsets::supersede(const std::string& group, const log::TopicPartition& partition) {
  supersede_older(group, partition, staged_count_ + 1);
}

/// Of all transactions that are still open: what was staged before `number` counts no more.
void PendingOffsets::supersede_older(const std::string& group, const log::TopicPartition& partition,
                                     std::uint64_t number) {
  if (!is_pending(group, partition)) return;
  for (auto& [key, groups] : staged_) {
    const auto of_group = groups.find(group);
    if (of_group == groups.end()) continue;
    const auto at = of_group->second.find(partition);
    if (at != of_group->second.end() && at->second.number < number) at->second.superseded = true;
  }
}

void PendingOffsets::drop(const std::string& group, const log::TopicPartition& partition) {
  if (!is_pending(group, partition)) return;
  for (auto at = staged_.begin(); at != staged_.end();) {
    ByGroup& groups = at->second;
    const auto of_group = groups.find(group);
    if (of_group != groups.end() && of_group->second.erase(partition) > 0) {
      count_down(group, partition);
      if (of_group->second.empty()) groups.erase(of_group);
    }
    at = groups.empty() ? staged_.erase(at) : std::next(at);
  }
}

std::vector<PendingOffsets::Decided> PendingOffsets::end(Key key, bool commit) {
  std::vector<Decided> decided;
  auto node = staged_.extract(key);
  if (node.empty()) return decided;
  for (auto& [group, partitions] : node.mapped()) {
    for (auto& [partition, staged] : partitions) {
      count_down(group, partition);
      if (!commit || staged.superseded) continue;
      supersede_older(group, partition, staged.number);  // the later record stays, whoever ends first
      decided.push_back({group, partition, std::move(staged.committed)});
    }
  }
  return decided;
}

void PendingOffsets::count_down(const std::string& group, const log::TopicPartition& partition) {
  const auto of_group = counts_.find(group);
  const auto at = of_group->second.find(partition);
  if (--at->second > 0) return;
  of_group->second.erase(at);
  if (of_group->second.empty()) counts_.erase(of_group);
}

bool PendingOffsets::is_pending(const std::string& group, const log::TopicPartition& partition) const {
  const auto of_group = counts_.find(group);
  return of_group != counts_.end() && of_group->second.contains(partition);
}

std::vector<log::TopicPartition> PendingOffsets::partitions_of(const std::string& group) const {
  std::vector<log::TopicPartition> out;
  if (const auto of_group = counts_.find(group); of_group != counts_.end())
    for (const auto& [partition, count] : of_group->second) out.push_back(partition);
  return out;
}

std::vector<std::pair<std::string, log::TopicPartition>> PendingOffsets::in_topic(
    const std::string& topic) const {
  std::vector<std::pair<std::string, log::TopicPartition>> out;
  for (const auto& [group, partitions] : counts_)
    for (const auto& [partition, count] : partitions)
      if (partition.topic == topic) out.emplace_back(group, partition);
  return out;
}

}  // namespace sluice::broker
