// Positions of groups, and groups deleted: the parts of group_batch.h that change something or read
// positions.
#include <fmt/format.h>

#include <algorithm>

#include "client/coordinators.h"
#include "client/group_batch.h"
#include "wire/generated/delete_groups_request.h"
#include "wire/generated/delete_groups_response.h"
#include "wire/generated/offset_commit_request.h"
#include "wire/generated/offset_commit_response.h"
#include "wire/generated/offset_delete_request.h"
#include "wire/generated/offset_delete_response.h"
#include "wire/generated/offset_fetch_request.h"
#include "wire/generated/offset_fetch_response.h"

namespace sluice::client {
namespace {

/// From version 10 on topics have ids only; positions are spoken of by name here.
constexpr std::int16_t by_name_version_max = 9;
constexpr std::int16_t groups_together_version_min = 8;

using Done = std::vector<Result<void>>;

std::string place(const std::string& group, const TopicPartition& which) {
  return fmt::format("group {}, topic {}, partition {}", group, which.topic, which.partition.value);
}

Result<GroupPositions> take(const wire::OffsetFetchResponse::OffsetFetchResponseGroup& told) {
  if (told.error_code != 0) {
    return std::unexpected(
        wire::to_error(told.error_code, fmt::format("group {}: no positions were read", told.group_id)));
  }
  GroupPositions out;
  for (const auto& topic : told.topics) {
    for (const auto& one : topic.partitions) {
      const TopicPartition which{topic.name, PartitionId{one.partition_index}};
      if (one.error_code != 0) {
        Error error = wire::to_error(one.error_code, place(told.group_id, which) + ": no position was read");
        if (may_pass(error)) return std::unexpected(std::move(error));
        out.errors.emplace_back(which, std::move(error));
      } else if (one.committed_offset >= 0) {  // else nothing is stored
        out.offsets.push_back({which.topic, which.partition, Offset{one.committed_offset},
                               LeaderEpoch{one.committed_leader_epoch}, one.metadata.value_or("")});
      }
    }
  }
  std::ranges::sort(out.offsets, [](const GroupOffset& a, const GroupOffset& b) {
    return std::tie(a.topic, a.partition) < std::tie(b.topic, b.partition);
  });
  return out;
}

/// Brokers before 3.0 take one group a request.
Result<GroupPositions> fetch_alone(Cluster& cluster, const std::string& group, bool stable) {
  return GroupPositions{SLUICE_TRY(cluster.fetch_offsets(group, {}, stable)), {}};
}

/// An error each for partitions that the broker has not spoken of.
Done unanswered(const std::string& group, std::span<const TopicPartition> partitions, std::string_view what) {
  Done out;
  for (const auto& which : partitions) {
    out.push_back(fail(Code::corrupt,
                       fmt::format("{}: {}: the broker's answer leaves it out", place(group, which), what)));
  }
  return out;
}

/// Puts what an answer says of each partition at its place in `out`.
template <class Topics>
void take_errors(const std::string& group, std::span<const TopicPartition> partitions, const Topics& topics,
                 std::string_view what, Done& out) {
  std::map<TopicPartition, std::size_t> where;
  for (std::size_t i = 0; i < partitions.size(); ++i) where[partitions[i]] = i;
  for (const auto& topic : topics) {
    for (const auto& told : topic.partitions) {
      const auto at = where.find({topic.name, PartitionId{told.partition_index}});
      if (at == where.end()) continue;
      auto& place_of = out[at->second];
      place_of = {};
      if (told.error_code == 0) continue;
      Error error = wire::to_error(told.error_code, fmt::format("{}: {}", place(group, at->first), what));
      if (told.error_code == number(wire::ErrorCode::unknown_member_id) ||
          told.error_code == number(wire::ErrorCode::group_subscribed_to_topic)) {
        error.hint = "the group has members that hold its positions; stop its consumers first";
      }
      place_of = std::unexpected(std::move(error));
    }
  }
}

/// One group's request, again while what it fails with may pass and nothing of it was done.
template <class Attempt>
Done one_group(Cluster& cluster, const std::string& group, std::span<const TopicPartition> partitions,
               Attempt attempt) {
  const std::vector<std::string> groups{group};
  std::vector<Result<Done>> answers(1, fail(Code::unreachable, "not asked"));
  ask_coordinators<Done>(
      cluster, groups, answers, [&](BrokerId coordinator, std::span<const std::size_t>) -> Result<void> {
        Done done = SLUICE_TRY(attempt(coordinator));
        answers[0] = done;
        const auto passing =
            std::ranges::find_if(done, [](const auto& one) { return !one && may_pass(one.error()); });
        if (passing != done.end()) answers[0] = std::unexpected(passing->error());
        return {};
      });
  if (answers[0]) return *answers[0];
  return Done(partitions.size(), std::unexpected(answers[0].error()));
}

}  // namespace

std::vector<Result<GroupPositions>> fetch_positions(Cluster& cluster, std::span<const std::string> groups,
                                                    bool stable) {
  std::vector<Result<GroupPositions>> out(groups.size(), fail(Code::unreachable, "not asked"));
  ask_coordinators<GroupPositions>(
      cluster, groups, out, [&](BrokerId coordinator, std::span<const std::size_t> which) -> Result<void> {
        const auto version = SLUICE_TRY(cluster.version_on(coordinator, wire::OffsetFetchRequest::api_key));
        if (version < groups_together_version_min) {
          for (const auto i : which) out[i] = fetch_alone(cluster, groups[i], stable);
          return {};
        }
        wire::OffsetFetchRequest request;
        request.require_stable = stable;
        for (const auto i : which) {
          auto& one = request.groups.emplace_back();
          one.group_id = groups[i];
          one.topics.reset();  // all of them
        }
        const auto answer = SLUICE_TRY(cluster.call_broker(coordinator, request, by_name_version_max));
        for (const auto i : which) {
          const auto told = std::ranges::find(answer.message.groups, groups[i],
                                              &wire::OffsetFetchResponse::OffsetFetchResponseGroup::group_id);
          out[i] =
              told != answer.message.groups.end()
                  ? take(*told)
                  : fail(Code::corrupt, "no positions were read: the broker's answer leaves the group out");
        }
        return {};
      });
  return out;
}

std::vector<Result<void>> store_positions(Cluster& cluster, const std::string& group,
                                          std::span<const GroupOffset> offsets) {
  wire::OffsetCommitRequest request;
  request.group_id = group;
  std::vector<TopicPartition> partitions;
  for (const auto& offset : offsets) {
    partitions.push_back({offset.topic, offset.partition});
    if (request.topics.empty() || request.topics.back().name != offset.topic)
      request.topics.emplace_back().name = offset.topic;
    auto& one = request.topics.back().partitions.emplace_back();
    one.partition_index = offset.partition.value;
    one.committed_offset = offset.offset.value;
    one.committed_leader_epoch = offset.leader_epoch.value;
    one.committed_metadata = offset.metadata;
  }
  if (offsets.empty()) return {};
  return one_group(cluster, group, partitions, [&](BrokerId coordinator) -> Result<Done> {
    constexpr std::string_view what = "no position was stored";
    const auto answer = SLUICE_TRY(cluster.call_broker(coordinator, request, by_name_version_max));
    Done out = unanswered(group, partitions, what);
    take_errors(group, partitions, answer.message.topics, what, out);
    return out;
  });
}

std::vector<Result<void>> delete_positions(Cluster& cluster, const std::string& group,
                                           std::span<const TopicPartition> partitions) {
  wire::OffsetDeleteRequest request;
  request.group_id = group;
  for (const auto& which : partitions) {
    if (request.topics.empty() || request.topics.back().name != which.topic)
      request.topics.emplace_back().name = which.topic;
    request.topics.back().partitions.emplace_back().partition_index = which.partition.value;
  }
  if (partitions.empty()) return {};
  return one_group(cluster, group, partitions, [&](BrokerId coordinator) -> Result<Done> {
    constexpr std::string_view what = "no position was deleted";
    const auto answer = SLUICE_TRY(cluster.call_broker(coordinator, request));
    if (answer.message.error_code != 0) {
      return std::unexpected(
          wire::to_error(answer.message.error_code, fmt::format("group {}: {}", group, what)));
    }
    Done out = unanswered(group, partitions, what);
    take_errors(group, partitions, answer.message.topics, what, out);
    return out;
  });
}

std::vector<Result<void>> delete_groups(Cluster& cluster, std::span<const std::string> groups) {
  Done out(groups.size(), fail(Code::unreachable, "not asked"));
  ask_coordinators<void>(
      cluster, groups, out, [&](BrokerId coordinator, std::span<const std::size_t> which) -> Result<void> {
        wire::DeleteGroupsRequest request;
        for (const auto i : which) request.groups_names.push_back(groups[i]);
        const auto answer = SLUICE_TRY(cluster.call_broker(coordinator, request));
        for (const auto i : which) {
          const auto what = fmt::format("group {} was not deleted", groups[i]);
          const auto told = std::ranges::find(answer.message.results, groups[i],
                                              &wire::DeleteGroupsResponse::DeletableGroupResult::group_id);
          if (told == answer.message.results.end()) {
            out[i] = fail(Code::corrupt, what + ": the broker's answer leaves it out");
          } else if (told->error_code != 0) {
            out[i] = std::unexpected(wire::to_error(told->error_code, what));
          } else {
            out[i] = {};
          }
        }
        return {};
      });
  return out;
}

}  // namespace sluice::client
