#include "client/offset_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "wire/generated/list_offsets_request.h"
#include "wire/generated/list_offsets_response.h"

namespace sluice::client {
namespace {

constexpr std::int16_t max_timestamp_version_min = 7;

std::string place(const TopicPartition& which) {
  return fmt::format("topic {}, partition {}", which.topic, which.partition.value);
}

class Questions {
 public:
  Questions(Cluster& cluster, TopicMap& topics, std::span<const TopicPartition> partitions, OffsetSpec spec,
            Isolation isolation)
      : cluster_(cluster), topics_(topics), partitions_(partitions), spec_(spec), isolation_(isolation) {
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      found_.emplace_back(fail(Code::unreachable, place(partitions[i]) + ": no offset was found"));
      where_[partitions[i]] = i;
      open_.insert(i);
    }
  }

  std::vector<Result<FoundOffset>> run() {
    const auto& options = cluster_.options();
    Retry retry(cluster_.env(), {options.retry_timeout, options.backoff_min, options.backoff_max});
    for (;;) {
      find_topics();
      ask_leaders();
      std::erase_if(open_, [&](std::size_t i) { return found_[i] || !may_pass(found_[i].error()); });
      if (open_.empty() || !retry.again(found_[*open_.begin()].error())) return std::move(found_);
      for (const std::size_t i : open_) topics_.erase(partitions_[i].topic);
    }
  }

 private:
  void find_topics() {
    std::vector<std::string> missing;
    for (const std::size_t i : open_) {
      const auto& name = partitions_[i].topic;
      if (!topics_.contains(name) && (missing.empty() || missing.back() != name)) missing.push_back(name);
    }
    std::ranges::sort(missing);
    missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
    if (missing.empty()) return;
    auto told = cluster_.describe_topics(missing);
    if (told) {
      topics_.merge(*told);
    } else {
      metadata_error_ = std::move(told.error());
    }
  }

  Result<Partition> leader_of(std::size_t i) {
    const auto& which = partitions_[i];
    const auto topic = topics_.find(which.topic);
    if (topic == topics_.end()) {
      if (metadata_error_) return std::unexpected(*metadata_error_);
      return std::unexpected(wire::to_error(wire::ErrorCode::unknown_topic_or_partition, place(which)));
    }
    if (topic->second.error_code != 0)
      return std::unexpected(wire::to_error(topic->second.error_code, place(which)));
    const Partition* const found = topic->second.find(which.partition);
    if (found == nullptr)
      return std::unexpected(wire::to_error(wire::ErrorCode::unknown_topic_or_partition, place(which)));
    if (found->leader.value < 0)
      return std::unexpected(wire::to_error(wire::ErrorCode::leader_not_available, place(which)));
    return *found;
  }

  void ask_leaders() {
    std::map<BrokerId, std::vector<std::pair<std::size_t, LeaderEpoch>>> by_leader;
    for (const std::size_t i : open_) {
      if (const auto partition = leader_of(i)) {
        by_leader[partition->leader].emplace_back(i, partition->leader_epoch);
      } else {
        found_[i] = std::unexpected(partition.error());
      }
    }
    for (const auto& [leader, asked] : by_leader) {
      if (const auto told = ask(leader, asked); !told) {
        for (const auto& [i, epoch] : asked) {
          found_[i] = std::unexpected(Error(told.error()).in(place(partitions_[i])));
        }
      }
    }
  }

  Result<void> ask(BrokerId leader, std::span<const std::pair<std::size_t, LeaderEpoch>> asked) {
    if (spec_.timestamp_ms == OffsetSpec::max_timestamp().timestamp_ms &&
        SLUICE_TRY(cluster_.version_on(leader, wire::ListOffsetsRequest::api_key)) <
            max_timestamp_version_min) {
      return fail(Code::unsupported, fmt::format("broker {} is too old to be asked for the offset of the "
                                                 "greatest timestamp",
                                                 leader.value));
    }
    wire::ListOffsetsRequest request;
    request.replica_id = -1;
    request.isolation_level = static_cast<std::int8_t>(isolation_);
    request.timeout_ms = static_cast<std::int32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(cluster_.options().connection.request_timeout)
            .count());
    for (const auto& [i, epoch] : asked) {
      const auto& which = partitions_[i];
      if (request.topics.empty() || request.topics.back().name != which.topic) {
        request.topics.emplace_back().name = which.topic;
      }
      auto& one = request.topics.back().partitions.emplace_back();
      one.partition_index = which.partition.value;
      one.current_leader_epoch = epoch.value;
      one.timestamp = spec_.timestamp_ms;
    }
    const auto answer = SLUICE_TRY(cluster_.call_broker(leader, request));
    for (const auto& [i, epoch] : asked) {
      found_[i] =
          fail(Code::corrupt, place(partitions_[i]) + ": the broker's answer leaves the partition out");
    }
    for (const auto& topic : answer.message.topics) {
      for (const auto& told : topic.partitions) {
        const auto at = where_.find({topic.name, PartitionId{told.partition_index}});
        if (at != where_.end()) found_[at->second] = take(at->first, told);
      }
    }
    return {};
  }

  static Result<FoundOffset> take(const TopicPartition& which,
                                  const wire::ListOffsetsResponse::ListOffsetsPartitionResponse& told) {
    if (told.error_code != 0)
      return std::unexpected(wire::to_error(told.error_code, place(which) + ": no offset was found"));
    return FoundOffset{which.partition, Offset{told.offset}, told.timestamp, LeaderEpoch{told.leader_epoch}};
  }

  Cluster& cluster_;
  TopicMap& topics_;
  std::span<const TopicPartition> partitions_;
  OffsetSpec spec_;
  Isolation isolation_;
  std::vector<Result<FoundOffset>> found_;
  std::map<TopicPartition, std::size_t> where_;
  std::set<std::size_t> open_;  // what has no final answer yet
  std::optional<Error> metadata_error_;
};

}  // namespace

std::optional<Error> topic_error(const TopicMap& topics, const std::string& name) {
  const auto at = topics.find(name);
  const auto code =
      at == topics.end() ? number(wire::ErrorCode::unknown_topic_or_partition) : at->second.error_code;
  if (code == 0) return std::nullopt;
  return wire::to_error(code, "topic " + name);
}

std::vector<Result<FoundOffset>> list_offsets(Cluster& cluster, TopicMap& topics,
                                              std::span<const TopicPartition> partitions, OffsetSpec spec,
                                              Isolation isolation) {
  return Questions(cluster, topics, partitions, spec, isolation).run();
}

}  // namespace sluice::client
