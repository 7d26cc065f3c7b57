// Offsets of partitions, asked of their leaders.
#include <fmt/format.h>

#include <algorithm>

#include "client/cluster.h"
#include "wire/generated/list_offsets_request.h"
#include "wire/generated/list_offsets_response.h"
#include "wire/generated/offset_for_leader_epoch_request.h"
#include "wire/generated/offset_for_leader_epoch_response.h"

namespace sluice::client {
namespace {

constexpr std::int16_t max_timestamp_version_min = 7;

std::string place(const std::string& topic, PartitionId partition) {
  return fmt::format("topic {}, partition {}", topic, partition.value);
}

}  // namespace

Result<std::vector<FoundOffset>> Cluster::list_offsets(const std::string& topic,
                                                       std::span<const PartitionId> partitions,
                                                       OffsetSpec spec, Isolation isolation) {
  std::vector<FoundOffset> found;
  if (partitions.empty()) {
    for (const Partition& partition : SLUICE_TRY(this->topic(topic)).partitions)
      found.push_back({partition.id});
  }
  for (const PartitionId partition : partitions) found.push_back({partition});
  std::vector<bool> done(found.size());
  SLUICE_TRY(retrying([&] { return list_offsets_once(topic, spec, isolation, found, done); }));
  return found;
}

Result<void> Cluster::list_offsets_once(const std::string& topic, OffsetSpec spec, Isolation isolation,
                                        std::vector<FoundOffset>& found, std::vector<bool>& done) {
  std::map<BrokerId, std::map<PartitionId, LeaderEpoch>> by_leader;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (done[i]) continue;
    const Partition partition = SLUICE_TRY(led_partition(topic, found[i].partition));
    by_leader[partition.leader][partition.id] = partition.leader_epoch;
  }
  for (const auto& [leader, asked] : by_leader) {
    if (auto told = ask_offsets(leader, topic, spec, isolation, found, done, asked); !told) {
      topics_.erase(topic);  // whoever tries again finds the leaders anew
      return told;
    }
  }
  return {};
}

Result<void> Cluster::ask_offsets(BrokerId leader, const std::string& topic, OffsetSpec spec,
                                  Isolation isolation, std::vector<FoundOffset>& found,
                                  std::vector<bool>& done, const std::map<PartitionId, LeaderEpoch>& asked) {
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = static_cast<std::int8_t>(isolation);
  request.timeout_ms = static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.connection.request_timeout).count());
  auto& wanted = request.topics.emplace_back();
  wanted.name = topic;
  for (const auto& [partition, epoch] : asked) {
    auto& one = wanted.partitions.emplace_back();
    one.partition_index = partition.value;
    one.current_leader_epoch = epoch.value;
    one.timestamp = spec.timestamp_ms;
  }
  Connection* to = SLUICE_TRY(connection(leader));
  if (spec.timestamp_ms == OffsetSpec::max_timestamp().timestamp_ms &&
      SLUICE_TRY(to->version(request.api_key)) < max_timestamp_version_min) {
    return fail(Code::unsupported,
                fmt::format("topic {}: no offset of the greatest timestamp was found: {} is too old "
                            "to be asked for it",
                            topic, to->peer()));
  }
  const auto answer = SLUICE_TRY(call_on(to, request));
  std::size_t answered = 0;
  for (const auto& told_topic : answer.message.topics) {
    for (const auto& told : told_topic.partitions) {
      const auto at = std::ranges::find(found, PartitionId{told.partition_index}, &FoundOffset::partition);
      if (at == found.end()) continue;
      if (told.error_code != 0) {
        return std::unexpected(
            wire::to_error(told.error_code, place(topic, at->partition) + ": no offset was found"));
      }
      *at = {at->partition, Offset{told.offset}, told.timestamp, LeaderEpoch{told.leader_epoch}};
      done[static_cast<std::size_t>(at - found.begin())] = true;
      ++answered;
    }
  }
  if (answered < asked.size()) {
    return fail(Code::corrupt,
                fmt::format("topic {}: {} told the offsets of {} partitions where {} were asked for", topic,
                            to->peer(), answered, asked.size()));
  }
  return {};
}

Result<OffsetRange> Cluster::offset_range(const std::string& topic, PartitionId partition,
                                          Isolation isolation) {
  const std::vector<PartitionId> one{partition};
  const auto begin = SLUICE_TRY(list_offsets(topic, one, OffsetSpec::earliest(), isolation));
  const auto end = SLUICE_TRY(list_offsets(topic, one, OffsetSpec::latest(), isolation));
  return OffsetRange{begin.front().offset, end.front().offset};
}

Result<EpochEnd> Cluster::offset_for_leader_epoch(const std::string& topic, PartitionId partition,
                                                  LeaderEpoch epoch) {
  return retrying([&] {
    auto end = epoch_end_once(topic, partition, epoch);
    if (!end) topics_.erase(topic);
    return end;
  });
}

Result<EpochEnd> Cluster::epoch_end_once(const std::string& topic, PartitionId partition, LeaderEpoch epoch) {
  const Partition known = SLUICE_TRY(led_partition(topic, partition));
  wire::OffsetForLeaderEpochRequest request;
  request.replica_id = -1;
  auto& wanted = request.topics.emplace_back();
  wanted.topic = topic;
  auto& one = wanted.partitions.emplace_back();
  one.partition = partition.value;
  one.current_leader_epoch = known.leader_epoch.value;
  one.leader_epoch = epoch.value;
  const auto answer = SLUICE_TRY(call_on(connection(known.leader), request));
  const std::string what =
      fmt::format("{}: the end of leader epoch {} was not found", place(topic, partition), epoch.value);
  for (const auto& told_topic : answer.message.topics) {
    for (const auto& told : told_topic.partitions) {
      if (told.partition != partition.value) continue;
      if (told.error_code != 0) return std::unexpected(wire::to_error(told.error_code, what));
      return EpochEnd{LeaderEpoch{told.leader_epoch}, Offset{told.end_offset}};
    }
  }
  return fail(Code::corrupt, what + ": the broker's answer leaves the partition out");
}

}  // namespace sluice::client
