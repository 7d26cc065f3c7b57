#include "client/topic_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/generated/create_partitions_request.h"
#include "wire/generated/create_partitions_response.h"
#include "wire/generated/create_topics_request.h"
#include "wire/generated/create_topics_response.h"
#include "wire/generated/delete_records_request.h"
#include "wire/generated/delete_records_response.h"
#include "wire/generated/describe_configs_request.h"
#include "wire/generated/describe_configs_response.h"
#include "wire/generated/describe_producers_request.h"
#include "wire/generated/describe_producers_response.h"
#include "wire/generated/incremental_alter_configs_request.h"
#include "wire/generated/incremental_alter_configs_response.h"

namespace sluice::client {
namespace {

constexpr std::int8_t resource_topic = 2;
constexpr std::int8_t source_default = 5;
constexpr std::int8_t operation_set = 0;
constexpr std::int8_t operation_delete = 1;

std::int32_t timeout_ms(const Cluster& cluster) {
  return static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(cluster.options().connection.request_timeout)
          .count());
}

Error told_error(std::int16_t code, const std::optional<std::string>& words, const std::string& what) {
  Error error = wire::to_error(code, what);
  if (words && !words->empty()) error.message += ": " + *words;
  return error;
}

std::unexpected<Error> left_out(const std::string& what) {
  return fail(Code::corrupt, what + ": the broker's answer leaves it out");
}

/// Sends to the controller, and again where that has moved or the error may pass.
template <class Request, class Take>
Result<void> ask_controller(Cluster& cluster, const Request& request, Take take) {
  const auto& options = cluster.options();
  for (Retry retry(cluster.env(), {options.retry_timeout, options.backoff_min, options.backoff_max});;) {
    const auto& brokers = cluster.brokers();
    const bool known = std::ranges::find(brokers, cluster.controller(), &Broker::id) != brokers.end();
    const auto answer =
        known ? cluster.call_broker(cluster.controller(), request) : cluster.call_any(request);
    Result<void> taken = answer ? take(answer->message) : Result<void>(std::unexpected(answer.error()));
    if (taken || !retry.again(taken.error())) return taken;
    static_cast<void>(cluster.describe_topics({}));  // learns who the controller is now
  }
}

}  // namespace

std::vector<Result<std::vector<ConfigEntry>>> describe_configs(Cluster& cluster,
                                                               std::span<const std::string> topics,
                                                               std::span<const std::string> keys) {
  std::vector<Result<std::vector<ConfigEntry>>> out;
  wire::DescribeConfigsRequest request;
  for (const auto& topic : topics) {
    auto& resource = request.resources.emplace_back();
    resource.resource_type = resource_topic;
    resource.resource_name = topic;
    if (keys.empty()) {
      resource.configuration_keys.reset();
    } else {
      resource.configuration_keys = std::vector<std::string>(keys.begin(), keys.end());
    }
  }
  if (topics.empty()) return out;
  const auto answer = cluster.call_any(request);
  for (const auto& topic : topics) {
    const auto what = fmt::format("topic {}: no settings were read", topic);
    if (!answer) {
      out.emplace_back(std::unexpected(Error(answer.error()).in(what)));
      continue;
    }
    const auto told = std::ranges::find(answer->message.results, topic,
                                        &wire::DescribeConfigsResponse::DescribeConfigsResult::resource_name);
    if (told == answer->message.results.end()) {
      out.emplace_back(left_out(what));
    } else if (told->error_code != 0) {
      out.emplace_back(std::unexpected(told_error(told->error_code, told->error_message, what)));
    } else {
      auto& entries = out.emplace_back(std::vector<ConfigEntry>{}).value();
      for (const auto& config : told->configs) {
        entries.push_back({config.name, config.is_sensitive ? std::nullopt : config.value,
                           config.config_source == source_default, config.read_only, config.is_sensitive});
      }
    }
  }
  return out;
}

std::map<TopicPartition, bool> transactional_partitions(
    Cluster& cluster, const std::map<BrokerId, std::set<TopicPartition>>& by_leader) {
  std::map<TopicPartition, bool> out;
  for (const auto& [leader, partitions] : by_leader) {
    wire::DescribeProducersRequest request;
    for (const auto& which : partitions) {
      if (request.topics.empty() || request.topics.back().name != which.topic)
        request.topics.emplace_back().name = which.topic;
      request.topics.back().partition_indexes.push_back(which.partition.value);
    }
    const auto answer = cluster.call_broker(leader, request);
    if (!answer) continue;
    for (const auto& topic : answer->message.topics) {
      for (const auto& told : topic.partitions) {
        if (told.error_code != 0) continue;
        out[{topic.name, PartitionId{told.partition_index}}] =
            std::ranges::any_of(told.active_producers, [](const auto& producer) {
              return producer.coordinator_epoch >= 0 || producer.current_txn_start_offset >= 0;
            });
      }
    }
  }
  return out;
}

std::vector<Result<void>> alter_configs(Cluster& cluster, std::span<const std::string> topics,
                                        const ConfigChanges& changes, bool validate_only) {
  wire::IncrementalAlterConfigsRequest request;
  request.validate_only = validate_only;
  for (const auto& topic : topics) {
    auto& resource = request.resources.emplace_back();
    resource.resource_type = resource_topic;
    resource.resource_name = topic;
    for (const auto& [key, value] : changes) {
      auto& config = resource.configs.emplace_back();
      config.name = key;
      config.config_operation = value ? operation_set : operation_delete;
      config.value = value;
    }
  }
  std::vector<Result<void>> out(topics.size());
  const auto asked = ask_controller(
      cluster, request, [&](const wire::IncrementalAlterConfigsResponse& answer) -> Result<void> {
        for (std::size_t i = 0; i < topics.size(); ++i) {
          const auto what = fmt::format("topic {}: no setting was changed", topics[i]);
          const auto told = std::ranges::find(
              answer.responses, topics[i],
              &wire::IncrementalAlterConfigsResponse::AlterConfigsResourceResponse::resource_name);
          out[i] = {};
          if (told == answer.responses.end()) {
            out[i] = left_out(what);
          } else if (told->error_code != 0) {
            out[i] = std::unexpected(told_error(told->error_code, told->error_message, what));
          }
        }
        const auto passing =
            std::ranges::find_if(out, [](const auto& one) { return !one && may_pass(one.error()); });
        return passing == out.end() ? Result<void>() : *passing;
      });
  if (!asked) {
    for (auto& one : out) {
      if (one) one = std::unexpected(asked.error());
    }
  }
  return out;
}

Result<void> create_partitions(Cluster& cluster, const std::string& topic, std::int32_t count,
                               bool validate_only) {
  wire::CreatePartitionsRequest request;
  request.timeout_ms = timeout_ms(cluster);
  request.validate_only = validate_only;
  auto& wanted = request.topics.emplace_back();
  wanted.name = topic;
  wanted.count = count;
  wanted.assignments.reset();
  const auto what = fmt::format("topic {}: no partition was added", topic);
  return ask_controller(cluster, request, [&](const wire::CreatePartitionsResponse& answer) -> Result<void> {
    if (answer.results.empty()) return left_out(what);
    const auto& told = answer.results.front();
    if (told.error_code == 0) return {};
    return std::unexpected(told_error(told.error_code, told.error_message, what));
  });
}

Result<void> validate_topic(Cluster& cluster, const NewTopic& topic) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = timeout_ms(cluster);
  request.validate_only = true;
  auto& wanted = request.topics.emplace_back();
  wanted.name = topic.name;
  wanted.num_partitions = topic.partitions;
  wanted.replication_factor = topic.replication_factor;
  for (const auto& [name, value] : topic.configs) wanted.configs.push_back({name, value});
  const auto what = fmt::format("topic {} would not be created", topic.name);
  return ask_controller(cluster, request, [&](const wire::CreateTopicsResponse& answer) -> Result<void> {
    if (answer.topics.empty()) return left_out(what);
    const auto& told = answer.topics.front();
    if (told.error_code == 0) return {};
    return std::unexpected(told_error(told.error_code, told.error_message, what));
  });
}

std::vector<Result<Offset>> delete_records(Cluster& cluster, TopicMap& topics,
                                           std::span<const TrimPoint> points) {
  std::vector<Result<Offset>> out(points.size(), fail(Code::unreachable, "not asked"));
  std::map<BrokerId, std::vector<std::size_t>> by_leader;
  const auto what = [&](std::size_t i) {
    return fmt::format("topic {}, partition {}: no record was deleted", points[i].which.topic,
                       points[i].which.partition.value);
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& which = points[i].which;
    const auto topic = topics.find(which.topic);
    const auto* const partition = topic != topics.end() ? topic->second.find(which.partition) : nullptr;
    if (partition == nullptr) {
      out[i] = std::unexpected(wire::to_error(wire::ErrorCode::unknown_topic_or_partition, what(i)));
    } else {
      by_leader[partition->leader].push_back(i);
    }
  }
  for (const auto& [leader, asked] : by_leader) {
    wire::DeleteRecordsRequest request;
    request.timeout_ms = timeout_ms(cluster);
    for (const auto i : asked) {
      if (request.topics.empty() || request.topics.back().name != points[i].which.topic)
        request.topics.emplace_back().name = points[i].which.topic;
      request.topics.back().partitions.push_back({points[i].which.partition.value, points[i].before.value});
    }
    const auto answer = cluster.call_broker(leader, request);
    for (const auto i : asked) {
      out[i] = answer ? Result<Offset>(left_out(what(i)))
                      : Result<Offset>(std::unexpected(Error(answer.error()).in(what(i))));
      if (!answer) continue;
      for (const auto& topic : answer->message.topics) {
        for (const auto& told : topic.partitions) {
          if (TopicPartition{topic.name, PartitionId{told.partition_index}} != points[i].which) continue;
          if (told.error_code == 0) {
            out[i] = Offset{told.low_watermark};
          } else {
            out[i] = std::unexpected(wire::to_error(told.error_code, what(i)));
          }
        }
      }
    }
  }
  return out;
}

}  // namespace sluice::client
