#include "offsets/loss.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/topic_batch.h"

namespace sluice::offsets {
namespace {

std::map<std::string, std::string> cleanup_policies(client::Cluster& cluster,
                                                    const std::vector<std::string>& topics) {
  const std::vector<std::string> keys{"cleanup.policy"};
  std::map<std::string, std::string> out;
  const auto told = client::describe_configs(cluster, topics, keys);
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (!told[i]) continue;
    for (const auto& entry : *told[i]) {
      if (entry.name == keys.front() && entry.value) out[topics[i]] = *entry.value;
    }
  }
  return out;
}

}  // namespace

LossVerdict judge_loss(const Standing& standing, const LossEvidence& evidence) {
  if (standing.next && standing.log_end && *standing.next > *standing.log_end) {
    return {Loss::possible,
            fmt::format("the position lies {} beyond the log end: the topic was truncated or made anew",
                        *standing.next - *standing.log_end)};
  }
  const auto lost = standing.lost();
  if (!lost || *lost == 0) return {};
  if (!evidence.cleanup_policy)
    return {Loss::possible,
            "the topic's cleanup.policy could not be read: the offsets may have been compacted"};
  if (evidence.cleanup_policy->find("compact") != std::string::npos) {
    return {Loss::possible, fmt::format("the topic is compacted (cleanup.policy={}): newer records with the "
                                        "same keys may stand for what is gone",
                                        *evidence.cleanup_policy)};
  }
  if (!evidence.transactional)
    return {Loss::possible,
            "the partition's producers could not be listed: the offsets may be transaction markers"};
  if (*evidence.transactional) {
    return {
        Loss::possible,
        "the partition has transactional producers: some of the offsets may be markers or aborted records"};
  }
  return {Loss::certain, "retention or DeleteRecords removed them before they were read"};
}

void judge_losses(client::Cluster& cluster, std::vector<Standing>& standings) {
  std::set<std::string> topics;
  std::map<BrokerId, std::set<client::TopicPartition>> by_leader;
  for (const auto& row : standings) {
    if (row.lost().value_or(0) == 0) continue;
    topics.insert(row.topic);
    if (row.leader.value >= 0) by_leader[row.leader].insert({row.topic, row.partition});
  }
  std::map<std::string, std::string> policies;
  std::map<client::TopicPartition, bool> transactional;
  if (!topics.empty()) {
    policies = cleanup_policies(cluster, {topics.begin(), topics.end()});
    transactional = client::transactional_partitions(cluster, by_leader);
  }
  for (auto& row : standings) {
    if (!row.next || !row.log_start) continue;
    LossEvidence evidence;
    if (const auto at = policies.find(row.topic); at != policies.end()) evidence.cleanup_policy = at->second;
    const auto at = transactional.find({row.topic, row.partition});
    if (at != transactional.end()) evidence.transactional = at->second;
    auto verdict = judge_loss(row, evidence);
    row.loss = verdict.loss;
    row.loss_reason = std::move(verdict.reason);
  }
}

}  // namespace sluice::offsets
