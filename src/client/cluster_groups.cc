// Groups and their positions, asked of their coordinators.
#include <fmt/format.h>

#include <algorithm>

#include "client/cluster.h"
#include "wire/generated/find_coordinator_request.h"
#include "wire/generated/find_coordinator_response.h"
#include "wire/generated/offset_commit_request.h"
#include "wire/generated/offset_commit_response.h"
#include "wire/generated/offset_fetch_request.h"
#include "wire/generated/offset_fetch_response.h"

namespace sluice::client {
namespace {

/// From version 10 on topics have ids only; positions are spoken of by name here.
constexpr std::int16_t offset_fetch_version_max = 9;
constexpr std::int16_t offset_commit_version_max = 9;
constexpr std::int16_t coordinators_together_version_min = 4;

template <class Partitions>
Result<void> take_positions(const std::string& group, const std::string& topic, const Partitions& partitions,
                            std::vector<GroupOffset>& out) {
  for (const auto& told : partitions) {
    if (told.error_code != 0) {
      return std::unexpected(wire::to_error(
          told.error_code, fmt::format("group {}, topic {}, partition {}: no position was read", group, topic,
                                       told.partition_index)));
    }
    if (told.committed_offset < 0) continue;  // nothing is stored
    out.push_back({topic, PartitionId{told.partition_index}, Offset{told.committed_offset},
                   LeaderEpoch{told.committed_leader_epoch}, told.metadata.value_or(std::string{})});
  }
  return {};
}

}  // namespace

void Cluster::forget_coordinator(const std::string& group) {
  coordinators_.erase(group);
}

Result<BrokerId> Cluster::learn_coordinator(const std::string& group,
                                            const wire::FindCoordinatorResponse::Coordinator& told) {
  if (told.error_code != 0) {
    return std::unexpected(
        wire::to_error(told.error_code, fmt::format("group {}: no coordinator was found", group)));
  }
  if (told.port <= 0 || told.port > 65535) {
    return fail(Code::corrupt, fmt::format("group {}: no coordinator was found: broker {} has port {}", group,
                                           told.node_id, told.port));
  }
  const BrokerId id{told.node_id};
  if (find_broker(id) == nullptr) {
    brokers_.push_back({id, {told.host, static_cast<std::uint16_t>(told.port)}, {}});
  }
  coordinators_[group] = id;
  return id;
}

Result<Connection*> Cluster::coordinator(const std::string& group) {
  if (const auto at = coordinators_.find(group); at != coordinators_.end()) return connection(at->second);
  const std::vector<std::string> one{group};
  return connection(SLUICE_TRY(try_find_coordinators(one).front()));
}

std::vector<Result<BrokerId>> Cluster::try_find_coordinators(std::span<const std::string> groups) {
  std::vector<Result<BrokerId>> out(groups.size(), fail(Code::corrupt, "not asked"));
  wire::FindCoordinatorRequest request;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (const auto at = coordinators_.find(groups[i]); at != coordinators_.end()) {
      out[i] = at->second;
    } else {
      request.coordinator_keys.push_back(groups[i]);
    }
  }
  const auto to = any();
  const auto version = to ? (*to)->version(request.api_key) : std::unexpected(to.error());
  const bool together = version && *version >= coordinators_together_version_min;
  std::map<std::string, Result<BrokerId>> told;
  const auto ask = [&] {
    auto answer = call_on(any(), request);
    if (!answer) {
      for (const auto& key : request.coordinator_keys) told.emplace(key, std::unexpected(answer.error()));
    } else if (together) {
      for (const auto& one : answer->message.coordinators)
        told.emplace(one.key, learn_coordinator(one.key, one));
    } else {
      const auto& one = answer->message;
      told.emplace(request.key,
                   learn_coordinator(request.key, {{}, one.node_id, one.host, one.port, one.error_code, {}}));
    }
  };
  if (together && !request.coordinator_keys.empty()) ask();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (out[i]) continue;
    if (!together && !told.contains(groups[i])) {
      request.key = groups[i];
      request.coordinator_keys = {groups[i]};
      ask();
    }
    const auto at = told.find(groups[i]);
    out[i] = at != told.end() ? at->second
                              : fail(Code::corrupt, fmt::format("group {}: no coordinator was found: the "
                                                                "broker's answer leaves it out",
                                                                groups[i]));
  }
  return out;
}

Result<std::vector<GroupOffset>> Cluster::fetch_offsets(const std::string& group, const std::string& topic,
                                                        bool stable) {
  std::vector<PartitionId> wanted;
  if (!topic.empty()) {
    for (const Partition& partition : SLUICE_TRY(this->topic(topic)).partitions)
      wanted.push_back(partition.id);
  }
  auto found = retrying([&] {
    auto once = fetch_offsets_once(group, topic.empty() ? nullptr : &wanted, topic, stable);
    if (!once) forget_coordinator(group);
    return once;
  });
  if (found) {
    std::ranges::sort(*found, [](const GroupOffset& a, const GroupOffset& b) {
      return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
    });
  }
  return found;
}

Result<std::vector<GroupOffset>> Cluster::fetch_offsets_once(const std::string& group,
                                                             const std::vector<PartitionId>* wanted,
                                                             const std::string& topic, bool stable) {
  wire::OffsetFetchRequest request;
  request.group_id = group;
  request.require_stable = stable;
  auto& in_group = request.groups.emplace_back();
  in_group.group_id = group;
  if (wanted == nullptr) {
    request.topics.reset();  // all of the group's
    in_group.topics.reset();
  } else {
    auto& old_topic = request.topics->emplace_back();
    auto& new_topic = in_group.topics->emplace_back();
    old_topic.name = new_topic.name = topic;
    for (const PartitionId partition : *wanted) old_topic.partition_indexes.push_back(partition.value);
    new_topic.partition_indexes = old_topic.partition_indexes;
  }
  const auto answer = SLUICE_TRY(call_on(coordinator(group), request, offset_fetch_version_max));
  std::int16_t code = answer.message.error_code;
  for (const auto& told : answer.message.groups) code = told.error_code;
  if (code != 0) {
    return std::unexpected(wire::to_error(code, fmt::format("group {}: no positions were read", group)));
  }
  std::vector<GroupOffset> out;
  for (const auto& told : answer.message.topics)
    SLUICE_TRY(take_positions(group, told.name, told.partitions, out));
  for (const auto& told_group : answer.message.groups) {
    for (const auto& told : told_group.topics)
      SLUICE_TRY(take_positions(group, told.name, told.partitions, out));
  }
  return out;
}

Result<void> Cluster::commit_offsets(const std::string& group, std::span<const GroupOffset> offsets) {
  if (offsets.empty()) return {};
  return retrying([&] {
    auto once = commit_offsets_once(group, offsets);
    if (!once) forget_coordinator(group);
    return once;
  });
}

Result<void> Cluster::commit_offsets_once(const std::string& group, std::span<const GroupOffset> offsets) {
  wire::OffsetCommitRequest request;
  request.group_id = group;
  for (const GroupOffset& offset : offsets) {
    auto topic = std::ranges::find(request.topics, offset.topic,
                                   &wire::OffsetCommitRequest::OffsetCommitRequestTopic::name);
    if (topic == request.topics.end()) {
      request.topics.emplace_back().name = offset.topic;
      topic = request.topics.end() - 1;
    }
    auto& one = topic->partitions.emplace_back();
    one.partition_index = offset.partition.value;
    one.committed_offset = offset.offset.value;
    one.committed_leader_epoch = offset.leader_epoch.value;
    one.committed_metadata = offset.metadata;
  }
  const auto answer = SLUICE_TRY(call_on(coordinator(group), request, offset_commit_version_max));
  for (const auto& topic : answer.message.topics) {
    for (const auto& told : topic.partitions) {
      if (told.error_code == 0) continue;
      Error error = wire::to_error(
          told.error_code, fmt::format("group {}, topic {}, partition {}: no position was stored", group,
                                       topic.name, told.partition_index));
      if (told.error_code == number(wire::ErrorCode::unknown_member_id)) {
        error.hint = "the group has members that hold its positions; stop its consumers first";
      }
      return std::unexpected(std::move(error));
    }
  }
  return {};
}

}  // namespace sluice::client
