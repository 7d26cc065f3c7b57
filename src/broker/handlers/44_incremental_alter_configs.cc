// IncrementalAlterConfigs v0-1: sets and removes single settings of topics; durable before it is answered.
// Operations: set 0, delete 1, append 2 and subtract 3 (of list settings, of which topics here have none but
// cleanup.policy). A broker's settings come from its command line: INVALID_REQUEST. Errors per resource also:
// UNKNOWN_TOPIC_OR_PARTITION, INVALID_CONFIG, KAFKA_STORAGE_ERROR.
#include <fmt/format.h>

#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/incremental_alter_configs_request.h"
#include "wire/generated/incremental_alter_configs_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Resource = wire::IncrementalAlterConfigsRequest::AlterConfigsResource;
constexpr std::int8_t resource_topic = 2;

enum Operation : std::int8_t {
  operation_set = 0,
  operation_delete = 1,
  operation_append = 2,
  operation_subtract = 3
};

Result<void> change(Values& values, const wire::IncrementalAlterConfigsRequest::AlterableConfig& config) {
  if (find_topic_property(config.name) == nullptr) {
    const std::string near = nearest_property(config.name, true);
    return refuse(ErrorCode::invalid_config,
                  fmt::format("unknown topic setting '{}'{}; nothing was changed", config.name,
                              near.empty() ? "" : fmt::format(", did you mean {}?", near)));
  }
  switch (config.config_operation) {
    case operation_set:
      if (!config.value)
        return refuse(ErrorCode::invalid_config, fmt::format("{} has no value", config.name));
      values[config.name] = *config.value;
      return {};
    case operation_delete:
      values.erase(config.name);
      return {};
    case operation_append:
      if (config.name == "cleanup.policy" && config.value == "delete") return {};  // is there already
      return refuse(ErrorCode::invalid_config,
                    fmt::format("nothing can be appended to {} here", config.name));
    case operation_subtract:
      return refuse(ErrorCode::invalid_config, fmt::format("nothing can be taken from {} here", config.name));
    default:
      return refuse(ErrorCode::invalid_request,
                    fmt::format("operation {} is unknown", config.config_operation));
  }
}

Result<void> alter(Core& core, const Resource& resource, bool validate_only) {
  if (resource.resource_type != resource_topic) {
    return refuse(ErrorCode::invalid_request,
                  "only topics' settings can be changed; the broker's come from its command line");
  }
  Topic* topic = core.topics->find(resource.resource_name);
  if (topic == nullptr)
    return refuse(ErrorCode::unknown_topic_or_partition,
                  fmt::format("there is no topic {}", resource.resource_name));
  Values values = topic->values;
  for (const auto& config : resource.configs) SLUICE_TRY(change(values, config));
  if (const auto good = check_topic_values(values); !good)
    return refuse(ErrorCode::invalid_config, to_string(good.error()));
  return validate_only ? Result<void>{} : core.topics->set_values(*topic, values);
}

}  // namespace

void handle_incremental_alter_configs(Core& core, const RequestPtr& request) {
  wire::IncrementalAlterConfigsRequest asked;
  if (!request->decode(asked)) return;
  wire::IncrementalAlterConfigsResponse response;
  for (const Resource& resource : asked.resources) {
    auto& out = response.responses.emplace_back();
    out.resource_type = resource.resource_type;
    out.resource_name = resource.resource_name;
    if (const auto altered = alter(core, resource, asked.validate_only); !altered) {
      out.error_code = wire::number(code_of(altered.error()));
      out.error_message = altered.error().message;
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
