// Topics: creating, deleting, describing.
#include <fmt/format.h>

#include <algorithm>

#include "client/cluster.h"
#include "wire/generated/create_topics_request.h"
#include "wire/generated/create_topics_response.h"
#include "wire/generated/delete_topics_request.h"
#include "wire/generated/delete_topics_response.h"
#include "wire/generated/describe_configs_request.h"
#include "wire/generated/describe_configs_response.h"

namespace sluice::client {
namespace {

constexpr std::int8_t resource_topic = 2;
constexpr std::int8_t source_default = 5;

std::int32_t milliseconds(env::Duration duration) {
  return static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

/// Kafka's error with the broker's own words behind it.
Error told_error(std::int16_t code, const std::optional<std::string>& message, std::string_view what) {
  Error error = wire::to_error(code, what);
  if (message && !message->empty()) error.message += ": " + *message;
  return error;
}

}  // namespace

Result<Connection*> Cluster::controller_connection() {
  return find_broker(controller_) != nullptr ? connection(controller_) : any();
}

Result<Topic> Cluster::create_topic(const NewTopic& topic) {
  wire::CreateTopicsRequest request;
  request.timeout_ms = milliseconds(options_.connection.request_timeout);
  auto& wanted = request.topics.emplace_back();
  wanted.name = topic.name;
  wanted.num_partitions = topic.partitions;
  wanted.replication_factor = topic.replication_factor;
  for (const auto& [name, value] : topic.configs) wanted.configs.push_back({name, value});
  const std::string what = fmt::format("topic {} was not created", topic.name);
  const auto create_once = [&]() -> Result<void> {
    const auto answer = SLUICE_TRY(call_on(controller_connection(), request));
    for (const auto& told : answer.message.topics) {
      if (told.name != topic.name || told.error_code == 0) continue;
      if (told.error_code == number(wire::ErrorCode::not_controller)) controller_ = BrokerId{-1};
      return std::unexpected(told_error(told.error_code, told.error_message, what));
    }
    return {};
  };
  SLUICE_TRY(retrying(create_once));
  // The answer comes before every broker has heard of the topic.
  return retrying([&]() -> Result<Topic> {
    auto made = try_refresh_topic(topic.name);
    if (!made && made.error().code != Code::not_found) return made;
    if (made && std::ranges::none_of(made->partitions, [](const Partition& p) { return p.leader.value < 0; }))
      return made;
    return std::unexpected(
        wire::to_error(wire::ErrorCode::leader_not_available,
                       fmt::format("topic {} was created, but has no leaders yet", topic.name)));
  });
}

Result<void> Cluster::delete_topic(const std::string& name) {
  wire::DeleteTopicsRequest request;
  request.timeout_ms = milliseconds(options_.connection.request_timeout);
  request.topics.emplace_back().name = name;
  request.topic_names = {name};
  topics_.erase(name);
  return retrying([&]() -> Result<void> {
    const auto answer = SLUICE_TRY(call_on(controller_connection(), request));
    for (const auto& told : answer.message.responses) {
      if (told.error_code == 0) continue;
      return std::unexpected(
          told_error(told.error_code, told.error_message, fmt::format("topic {} was not deleted", name)));
    }
    return {};
  });
}

Result<std::vector<ConfigEntry>> Cluster::describe_topic_configs(const std::string& topic) {
  wire::DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = resource_topic;
  resource.resource_name = topic;
  resource.configuration_keys.reset();  // all
  const auto answer = SLUICE_TRY(call_any(request));
  std::vector<ConfigEntry> out;
  for (const auto& told : answer.message.results) {
    if (told.error_code != 0) {
      return std::unexpected(told_error(told.error_code, told.error_message,
                                        fmt::format("topic {}: no settings were read", topic)));
    }
    for (const auto& config : told.configs) {
      out.push_back({config.name, config.is_sensitive ? std::nullopt : config.value,
                     config.config_source == source_default, config.read_only, config.is_sensitive});
    }
  }
  return out;
}

}  // namespace sluice::client
