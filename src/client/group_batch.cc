#include "client/group_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/coordinators.h"
#include "wire/generated/consumer_group_describe_request.h"
#include "wire/generated/consumer_group_describe_response.h"
#include "wire/generated/describe_groups_request.h"
#include "wire/generated/describe_groups_response.h"
#include "wire/generated/list_groups_request.h"
#include "wire/generated/list_groups_response.h"
#include "wire/reader.h"

namespace sluice::client {
namespace {

using Described = std::vector<Result<GroupDescription>>;

Error told_error(std::int16_t code, const std::optional<std::string>& words, const std::string& what) {
  Error error = wire::to_error(code, what);
  if (words && !words->empty()) error.message += ": " + *words;
  return error;
}

std::string not_described(const std::string& group) {
  return fmt::format("group {} was not described", group);
}

/// A classic consumer's assignment (ConsumerProtocolAssignment): what cannot be read has no partitions.
std::vector<TopicPartition> classic_assignment(BytesView bytes) {
  std::vector<TopicPartition> out;
  wire::Reader reader(bytes);
  if (bytes.empty() || reader.int16() < 0) return out;
  const auto topics = reader.array_length(false, 6, sizeof(TopicPartition));
  for (std::size_t i = 0; i < topics; ++i) {
    const auto topic = reader.string(false);
    const auto partitions = reader.array_length(false, 4, sizeof(TopicPartition));
    for (std::size_t j = 0; j < partitions; ++j) out.push_back({topic, PartitionId{reader.int32()}});
  }
  if (!reader.ok()) out.clear();
  std::ranges::sort(out);
  return out;
}

GroupDescription take_classic(const wire::DescribeGroupsResponse::DescribedGroup& told, BrokerId from) {
  GroupDescription out{
      told.group_id, told.group_state, "classic", told.protocol_type, told.protocol_data, from, {}};
  for (const auto& member : told.members) {
    out.members.push_back(
        {member.member_id, member.group_instance_id.value_or(""), member.client_id, member.client_host, {}});
    if (told.protocol_type == "consumer")
      out.members.back().assigned = classic_assignment(member.member_assignment);
  }
  return out;
}

GroupDescription take_consumer(const wire::ConsumerGroupDescribeResponse::DescribedGroup& told,
                               BrokerId from) {
  GroupDescription out{told.group_id, told.group_state, "consumer", "consumer", told.assignor_name, from, {}};
  for (const auto& member : told.members) {
    out.members.push_back(
        {member.member_id, member.instance_id.value_or(""), member.client_id, member.client_host, {}});
    auto& assigned = out.members.back().assigned;
    for (const auto& topic : member.assignment.topic_partitions) {
      for (const auto partition : topic.partitions)
        assigned.push_back({topic.topic_name, PartitionId{partition}});
    }
    std::ranges::sort(assigned);
  }
  return out;
}

/// Describes groups of the new protocol; which of them are not of it. All, where the broker has no such API.
Result<std::vector<std::size_t>> ask_consumer(Cluster& cluster, BrokerId coordinator,
                                              std::span<const std::string> groups,
                                              std::span<const std::size_t> which, Described& out) {
  const auto version = cluster.version_on(coordinator, wire::ConsumerGroupDescribeRequest::api_key);
  if (!version && version.error().code == Code::unsupported)
    return std::vector<std::size_t>(which.begin(), which.end());
  wire::ConsumerGroupDescribeRequest request;
  for (const auto i : which) request.group_ids.push_back(groups[i]);
  const auto answer = SLUICE_TRY(cluster.call_broker(coordinator, request));
  std::vector<std::size_t> others;
  for (const auto i : which) {
    const auto told = std::ranges::find(answer.message.groups, groups[i],
                                        &wire::ConsumerGroupDescribeResponse::DescribedGroup::group_id);
    if (told == answer.message.groups.end()) {
      out[i] = fail(Code::corrupt, not_described(groups[i]) + ": the broker's answer leaves it out");
    } else if (told->error_code == number(wire::ErrorCode::group_id_not_found) ||
               told->error_code == number(wire::ErrorCode::unsupported_version)) {
      others.push_back(i);
    } else if (told->error_code != 0) {
      out[i] = std::unexpected(told_error(told->error_code, told->error_message, not_described(groups[i])));
    } else {
      out[i] = take_consumer(*told, coordinator);
    }
  }
  return others;
}

Result<void> ask_classic(Cluster& cluster, BrokerId coordinator, std::span<const std::string> groups,
                         std::span<const std::size_t> which, Described& out) {
  if (which.empty()) return {};
  wire::DescribeGroupsRequest request;
  for (const auto i : which) request.groups.push_back(groups[i]);
  const auto answer = SLUICE_TRY(cluster.call_broker(coordinator, request));
  for (const auto i : which) {
    const auto told = std::ranges::find(answer.message.groups, groups[i],
                                        &wire::DescribeGroupsResponse::DescribedGroup::group_id);
    if (told == answer.message.groups.end()) {
      out[i] = fail(Code::corrupt, not_described(groups[i]) + ": the broker's answer leaves it out");
    } else if (told->error_code == number(wire::ErrorCode::group_id_not_found) ||
               (told->error_code == 0 && told->group_state == "Dead")) {
      Error error = wire::to_error(wire::ErrorCode::group_id_not_found,
                                   fmt::format("group {} was not described", groups[i]));
      error.message = fmt::format("group {} does not exist on {}", groups[i], cluster.bootstrap());
      error.hint = "sluice groups list";
      out[i] = std::unexpected(std::move(error));
    } else if (told->error_code != 0) {
      out[i] = std::unexpected(told_error(told->error_code, told->error_message, not_described(groups[i])));
    } else {
      out[i] = take_classic(*told, coordinator);
    }
  }
  return {};
}

}  // namespace

GroupList list_groups(Cluster& cluster) {
  GroupList out;
  for (const auto& broker : std::vector<Broker>(cluster.brokers())) {
    const auto answer = cluster.call_broker(broker.id, wire::ListGroupsRequest{});
    const auto what = fmt::format("broker {}: its groups were not listed", broker.id.value);
    if (!answer) {
      out.errors.push_back(Error(answer.error()).in(what));
    } else if (answer->message.error_code != 0) {
      out.errors.push_back(wire::to_error(answer->message.error_code, what));
    } else {
      for (const auto& told : answer->message.groups)
        out.groups.push_back(
            {told.group_id, told.protocol_type, told.group_state, told.group_type, broker.id});
    }
  }
  std::ranges::sort(out.groups, {}, &ListedGroup::group);
  return out;
}

std::vector<Result<GroupDescription>> describe_groups(Cluster& cluster, std::span<const std::string> groups) {
  Described out(groups.size(), fail(Code::unreachable, "not asked"));
  ask_coordinators<GroupDescription>(
      cluster, groups, out, [&](BrokerId coordinator, std::span<const std::size_t> which) -> Result<void> {
        const auto others = SLUICE_TRY(ask_consumer(cluster, coordinator, groups, which, out));
        return ask_classic(cluster, coordinator, groups, others, out);
      });
  return out;
}

}  // namespace sluice::client
