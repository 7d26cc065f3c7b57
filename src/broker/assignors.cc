#include "broker/assignors.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sluice::broker {
namespace {

using Assignment = std::map<std::string, TopicPartitions>;
using TopicPartition = std::pair<Uuid, std::int32_t>;

std::size_t size_of(const TopicPartitions& partitions) {
  std::size_t size = 0;
  for (const auto& [topic, indexes] : partitions) size += indexes.size();
  return size;
}

void take(TopicPartitions& from, const TopicPartition& partition) {
  const auto at = from.find(partition.first);
  at->second.erase(partition.second);
  if (at->second.empty()) from.erase(at);
}

bool all_subscribe_to_the_same(const AssignmentInput& input) {
  const auto& first = input.members.begin()->second.topics;
  return std::ranges::all_of(input.members, [&](const auto& entry) { return entry.second.topics == first; });
}

// ---- uniform ----

/// What is left of the target so far: partitions that exist, that the member still subscribes to, and that
/// no member before it kept. The rest of all partitions is what has no owner.
class Sticky {
 public:
  explicit Sticky(const AssignmentInput& input) : input_(input) {
    std::set<TopicPartition> kept;
    for (const auto& [id, member] : input.members) {
      TopicPartitions& mine = assignment_[id];
      for (const auto& [topic, partitions] : member.before) {
        const auto count = input.partition_counts.find(topic);
        if (!member.topics.contains(topic) || count == input.partition_counts.end()) continue;
        for (const std::int32_t partition : partitions) {
          if (partition >= 0 && partition < count->second && kept.emplace(topic, partition).second)
            mine[topic].insert(partition);
        }
      }
    }
    std::set<Uuid> subscribed;
    for (const auto& [id, member] : input.members)
      subscribed.insert(member.topics.begin(), member.topics.end());
    for (const Uuid topic : subscribed) {
      const auto count = input.partition_counts.find(topic);
      if (count == input.partition_counts.end()) continue;
      total_ += static_cast<std::size_t>(std::max(count->second, 0));
      for (std::int32_t i = 0; i < count->second; ++i)
        if (!kept.contains({topic, i})) ownerless_.emplace_back(topic, i);
    }
  }

  /// All members have the same subscription: each gets total / members, the first ones one more.
  Assignment share_evenly() {
    const std::size_t members = assignment_.size();
    const std::size_t least = total_ / members;
    std::size_t extra = total_ % members;  // that many may have one more
    std::vector<std::pair<TopicPartitions*, std::size_t>> wanting;
    std::size_t left = members;
    for (auto& [id, mine] : assignment_) {
      const std::size_t have = size_of(mine);
      // One more goes to who has that many already, and to whoever is needed to use them up.
      const bool one_more = extra > 0 && (have > least || left <= extra);
      const std::size_t quota = least + (one_more ? 1 : 0);
      if (one_more) --extra;
      if (have > quota) give_up(mine, have - quota);
      if (have < quota) wanting.emplace_back(&mine, quota - have);
      --left;
    }
    auto next = ownerless_.begin();
    for (auto& [mine, wanted] : wanting) {
      for (; wanted > 0 && next != ownerless_.end(); --wanted, ++next)
        (*mine)[next->first].insert(next->second);
    }
    return std::move(assignment_);
  }

  /// Subscriptions differ: first each ownerless partition to its subscriber with the fewest, scarce topics
  /// first; then single partitions move on from the fullest subscriber of a topic to the emptiest.
  Assignment balance() {
    std::map<Uuid, std::vector<std::string>> subscribers;
    for (const auto& [id, member] : input_.members)
      for (const Uuid topic : member.topics) subscribers[topic].push_back(id);
    for (const auto& [id, mine] : assignment_) load_[id] = size_of(mine);
    std::ranges::stable_sort(ownerless_, [&](const TopicPartition& a, const TopicPartition& b) {
      return subscribers[a.first].size() < subscribers[b.first].size();
    });
    for (const TopicPartition& partition : ownerless_) {
      const auto& candidates = subscribers[partition.first];
      const std::string& to = *std::ranges::min_element(candidates, {}, [&](auto& id) { return load_[id]; });
      assignment_[to][partition.first].insert(partition.second);
      ++load_[to];
    }
    constexpr int rounds_max = 16;
    for (int round = 0; round < rounds_max; ++round) {
      bool moved = false;
      for (const auto& [topic, candidates] : subscribers) moved |= level(topic, candidates);
      if (!moved) break;
    }
    return std::move(assignment_);
  }

 private:
  void give_up(TopicPartitions& mine, std::size_t count) {
    for (; count > 0; --count) {
      const auto last = std::prev(mine.end());
      const TopicPartition partition{last->first, *last->second.rbegin()};
      take(mine, partition);
      ownerless_.push_back(partition);
    }
  }

  /// Moves partitions of one topic until no subscriber could be relieved by another any more.
  bool level(Uuid topic, const std::vector<std::string>& subscribers) {
    std::set<std::pair<std::size_t, std::string>> by_load;
    std::set<std::pair<std::size_t, std::string>> givers;  // who has partitions of this topic
    for (const std::string& id : subscribers) {
      by_load.emplace(load_[id], id);
      if (assignment_[id].contains(topic)) givers.emplace(load_[id], id);
    }
    bool moved = false;
    while (!givers.empty()) {
      const auto [most, from] = *givers.rbegin();
      const auto [least, to] = *by_load.begin();
      if (most <= least + 1) break;
      const std::int32_t partition = *assignment_[from][topic].rbegin();
      for (const auto& [id, load] : {std::pair{from, most}, std::pair{to, least}}) {
        by_load.erase({load, id});
        givers.erase({load, id});
      }
      take(assignment_[from], {topic, partition});
      assignment_[to][topic].insert(partition);
      by_load.emplace(--load_[from], from);
      by_load.emplace(++load_[to], to);
      givers.emplace(load_[to], to);
      if (assignment_[from].contains(topic)) givers.emplace(load_[from], from);
      moved = true;
    }
    return moved;
  }

  const AssignmentInput& input_;
  Assignment assignment_;
  std::vector<TopicPartition> ownerless_;
  std::size_t total_ = 0;
  std::map<std::string, std::size_t> load_;
};

// ---- range ----

/// Members in the order in which ranges are dealt: static ones by instance id, then the others by id.
std::vector<std::string> in_order(const AssignmentInput& input) {
  std::vector<std::string> order;
  for (const auto& [id, member] : input.members) order.push_back(id);
  std::ranges::sort(order, [&](const std::string& a, const std::string& b) {
    const auto& x = input.members.at(a).instance_id;
    const auto& y = input.members.at(b).instance_id;
    if (x && y) return *x < *y;
    if (x || y) return x.has_value();
    return a < b;
  });
  return order;
}

Assignment assign_ranges(const AssignmentInput& input) {
  struct Deal {
    std::int32_t members = 0;
    std::int32_t next = 0;
    std::int32_t extra = 0;
  };
  std::map<Uuid, Deal> deals;
  for (const auto& [id, member] : input.members)
    for (const Uuid topic : member.topics) ++deals[topic].members;
  for (auto& [topic, deal] : deals) {
    const auto count = input.partition_counts.find(topic);
    deal.extra = count == input.partition_counts.end() ? 0 : count->second % deal.members;
  }
  Assignment out;
  for (const std::string& id : in_order(input)) {
    TopicPartitions& mine = out[id];
    for (const Uuid topic : input.members.at(id).topics) {
      const auto count = input.partition_counts.find(topic);
      if (count == input.partition_counts.end()) continue;
      Deal& deal = deals[topic];
      const std::int32_t quota = count->second / deal.members + (deal.extra-- > 0 ? 1 : 0);
      for (std::int32_t i = 0; i < quota; ++i) mine[topic].insert(deal.next++);
    }
  }
  return out;
}

}  // namespace

std::string_view name(Assignor assignor) {
  return assignor == Assignor::uniform ? "uniform" : "range";
}

std::optional<Assignor> find_assignor(std::string_view name) {
  if (name == "uniform") return Assignor::uniform;
  if (name == "range") return Assignor::range;
  return std::nullopt;
}

std::map<std::string, TopicPartitions> assign(Assignor assignor, const AssignmentInput& input) {
  if (input.members.empty()) return {};
  if (assignor == Assignor::range) return assign_ranges(input);
  Sticky sticky(input);
  return all_subscribe_to_the_same(input) ? sticky.share_evenly() : sticky.balance();
}

}  // namespace sluice::broker
