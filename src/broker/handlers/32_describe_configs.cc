// DescribeConfigs v1-4: the settings of topics (2), of this broker (4; without a name: of all brokers), of
// metric subscriptions (16) and groups (32), with Kafka's names, sources, synonyms and types; secrets without
// their values. There are no loggers (8) to describe. Needs describe_configs on the topic, group or cluster.
// Errors per resource: UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION, INVALID_REQUEST (another node, or
// a resource that has none here; a type that does not exist refuses all of the request, as in Kafka), TOPIC_,
// GROUP_ and CLUSTER_AUTHORIZATION_FAILED.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/config_entries.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "broker/resource_config.h"
#include "wire/generated/describe_configs_request.h"
#include "wire/generated/describe_configs_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Resource = wire::DescribeConfigsRequest::DescribeConfigsResource;
using Entries = Result<std::vector<ConfigEntry>>;

Entries entries_of_topic(const Core& core, const Request& request, const std::string& name) {
  if (!may_topic(core, request, AclOperation::describe_configs, name))
    return refuse(ErrorCode::topic_authorization_failed, "describe_configs on the topic is needed");
  if (const auto good = log::check_topic_name(name); !good)
    return refuse(ErrorCode::invalid_topic_exception, good.error().message);
  const Topic* topic = core.topics->find(name);
  if (topic == nullptr)
    return refuse(ErrorCode::unknown_topic_or_partition, fmt::format("there is no topic {}", name));
  return topic_config_entries(core.config, topic->values);
}

Entries entries_of_broker(const Core& core, const std::string& name) {
  if (name.empty()) return default_broker_config_entries(core.config);
  if (name == std::to_string(core.identity.node_id)) return server_config_entries(core.config);
  return refuse(ErrorCode::invalid_request,
                fmt::format("this is broker {}, not {}", core.identity.node_id, name));
}

Entries entries_of(const Core& core, const Request& request, const Resource& resource) {
  const auto type = static_cast<ConfigResource>(resource.resource_type);
  const std::string& name = resource.resource_name;
  if (type == ConfigResource::topic) return entries_of_topic(core, request, name);
  if (type == ConfigResource::group) {
    if (!may_group(core, request, AclOperation::describe_configs, name))
      return refuse(ErrorCode::group_authorization_failed, "describe_configs on the group is needed");
  } else if (!may_cluster(core, request, AclOperation::describe_configs)) {
    return refuse(ErrorCode::cluster_authorization_failed, "describe_configs on the cluster is needed");
  }
  switch (type) {
    case ConfigResource::broker:
      return entries_of_broker(core, name);
    case ConfigResource::group:
    case ConfigResource::client_metrics:
      if (name.empty()) return refuse(ErrorCode::invalid_request, "the resource has no name");
      return resource_config_entries(core.config, type, core.settings->values(type, name));
    default:
      return refuse(ErrorCode::invalid_request,
                    fmt::format("resources of type {} have no settings here", resource.resource_type));
  }
}

constexpr std::int8_t logger_resource = 8;

// The first resource of a type that does not exist.
const Resource* first_of_no_type(const wire::DescribeConfigsRequest& asked) {
  const auto at = std::ranges::find_if(asked.resources, [](const Resource& resource) {
    return resource.resource_type != logger_resource &&
           !has_configs(static_cast<ConfigResource>(resource.resource_type));
  });
  return at == asked.resources.end() ? nullptr : &*at;
}

Entries entries_of_no_type(const Resource& wrong) {
  return refuse(ErrorCode::invalid_request,
                fmt::format("nothing was described: '{}' is of type {}, which does not exist",
                            wrong.resource_name, wrong.resource_type));
}

using Told = wire::DescribeConfigsResponse::DescribeConfigsResourceResult;

Told told(const ConfigEntry& entry, const wire::DescribeConfigsRequest& asked) {
  Told out;
  out.name = entry.name;
  out.value = entry.value;
  out.read_only = entry.read_only;
  out.is_sensitive = entry.secret;
  out.config_source = static_cast<std::int8_t>(entry.source);
  out.config_type = static_cast<std::int8_t>(entry.type);
  out.documentation = asked.include_documentation ? std::optional<std::string>(entry.doc) : std::nullopt;
  if (!asked.include_synonyms) return out;
  for (const ConfigSynonym& synonym : entry.synonyms)
    out.synonyms.push_back({synonym.name, synonym.value, static_cast<std::int8_t>(synonym.source)});
  return out;
}

}  // namespace

void handle_describe_configs(Core& core, const RequestPtr& request) {
  wire::DescribeConfigsRequest asked;
  if (!request->decode(asked)) return;
  wire::DescribeConfigsResponse response;
  const Resource* of_no_type = first_of_no_type(asked);
  std::set<std::pair<std::int8_t, std::string>> seen;  // one that is named again costs no second answer
  for (const Resource& resource : asked.resources) {
    if (!seen.emplace(resource.resource_type, resource.resource_name).second) continue;
    auto& out = response.results.emplace_back();
    out.resource_type = resource.resource_type;
    out.resource_name = resource.resource_name;
    const auto entries =
        of_no_type == nullptr ? entries_of(core, *request, resource) : entries_of_no_type(*of_no_type);
    if (!entries) {
      out.error_code = wire::number(code_of(entries.error()));
      out.error_message = entries.error().message;
      continue;
    }
    std::set<std::string_view> wanted;
    if (resource.configuration_keys)  // an empty list, too, means all
      wanted.insert(resource.configuration_keys->begin(), resource.configuration_keys->end());
    for (const ConfigEntry& entry : *entries) {
      if (wanted.empty() || wanted.contains(entry.name)) out.configs.push_back(told(entry, asked));
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
