// Asking the coordinators of many groups: one request each, again where a group has moved.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "client/cluster.h"

namespace sluice::client {

/// Fills `answers` (one for each of `groups`) by `ask(coordinator, which)`, which sets answers[i] for each i
/// of `which`; where it fails, all of them get its error. Asks again for those whose error may pass.
template <class T>
void ask_coordinators(
    Cluster& cluster, std::span<const std::string> groups, std::vector<Result<T>>& answers,
    const std::function<Result<void>(BrokerId coordinator, std::span<const std::size_t> which)>& ask) {
  const auto& options = cluster.options();
  Retry retry(cluster.env(), {options.retry_timeout, options.backoff_min, options.backoff_max});
  std::set<std::size_t> open;
  for (std::size_t i = 0; i < groups.size(); ++i) open.insert(i);
  while (!open.empty()) {
    std::vector<std::string> names;
    for (const std::size_t i : open) names.push_back(groups[i]);
    const auto found = cluster.try_find_coordinators(names);
    std::map<BrokerId, std::vector<std::size_t>> by_coordinator;
    for (std::size_t at = 0; const std::size_t i : open) {
      if (found[at]) {
        by_coordinator[*found[at]].push_back(i);
      } else {
        answers[i] = std::unexpected(found[at].error());
      }
      ++at;
    }
    for (const auto& [coordinator, which] : by_coordinator) {
      const auto told = ask(coordinator, which);
      for (const std::size_t i : which) {
        if (!told) answers[i] = std::unexpected(Error(told.error()).in("group " + groups[i]));
      }
    }
    std::erase_if(open, [&](std::size_t i) { return answers[i] || !may_pass(answers[i].error()); });
    for (const std::size_t i : open) cluster.forget_coordinator(groups[i]);
    if (!open.empty() && !retry.again(answers[*open.begin()].error())) return;
  }
}

}  // namespace sluice::client
