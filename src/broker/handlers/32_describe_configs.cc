// DescribeConfigs v1-4: the settings of topics (resource 2) and of this broker (resource 4), with Kafka's
// names, sources, synonyms and types. Errors per resource: UNKNOWN_TOPIC_OR_PARTITION,
// INVALID_TOPIC_EXCEPTION, INVALID_REQUEST (another node, or a resource that has none here).
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "broker/handlers/config_entries.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/describe_configs_request.h"
#include "wire/generated/describe_configs_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Resource = wire::DescribeConfigsRequest::DescribeConfigsResource;
constexpr std::int8_t resource_topic = 2;
constexpr std::int8_t resource_broker = 4;

Result<std::vector<ConfigEntry>> entries_of(Core& core, const Resource& resource) {
  if (resource.resource_type == resource_topic) {
    if (const auto good = log::check_topic_name(resource.resource_name); !good)
      return refuse(ErrorCode::invalid_topic_exception, good.error().message);
    const Topic* topic = core.topics->find(resource.resource_name);
    if (topic == nullptr)
      return refuse(ErrorCode::unknown_topic_or_partition,
                    fmt::format("there is no topic {}", resource.resource_name));
    return topic_config_entries(core.config, topic->values);
  }
  if (resource.resource_type == resource_broker) {
    if (resource.resource_name.empty()) return std::vector<ConfigEntry>{};  // no dynamic defaults
    if (resource.resource_name != std::to_string(core.identity.node_id)) {
      return refuse(ErrorCode::invalid_request,
                    fmt::format("this is broker {}, not {}", core.identity.node_id, resource.resource_name));
    }
    return server_config_entries(core.config);
  }
  return refuse(ErrorCode::invalid_request,
                fmt::format("resources of type {} have no settings here", resource.resource_type));
}

bool is_wanted(const Resource& resource, const std::string& name) {
  return !resource.configuration_keys ||
         std::ranges::find(*resource.configuration_keys, name) != resource.configuration_keys->end();
}

}  // namespace

void handle_describe_configs(Core& core, const RequestPtr& request) {
  wire::DescribeConfigsRequest asked;
  if (!request->decode(asked)) return;
  wire::DescribeConfigsResponse response;
  std::set<std::pair<std::int8_t, std::string>> seen;  // one that is named again costs no second answer
  for (const Resource& resource : asked.resources) {
    if (!seen.emplace(resource.resource_type, resource.resource_name).second) continue;
    auto& out = response.results.emplace_back();
    out.resource_type = resource.resource_type;
    out.resource_name = resource.resource_name;
    const auto entries = entries_of(core, resource);
    if (!entries) {
      out.error_code = wire::number(code_of(entries.error()));
      out.error_message = entries.error().message;
      continue;
    }
    for (const ConfigEntry& entry : *entries) {
      if (!is_wanted(resource, entry.name)) continue;
      auto& config = out.configs.emplace_back();
      config.name = entry.name;
      config.value = entry.value;
      config.read_only = entry.read_only;
      config.config_source = static_cast<std::int8_t>(entry.source);
      config.config_type = static_cast<std::int8_t>(entry.type);
      if (asked.include_documentation) config.documentation = std::string(entry.doc);
      if (!asked.include_synonyms) continue;
      for (const ConfigSynonym& synonym : entry.synonyms)
        config.synonyms.push_back({synonym.name, synonym.value, static_cast<std::int8_t>(synonym.source)});
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
