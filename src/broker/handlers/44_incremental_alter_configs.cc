// IncrementalAlterConfigs v0-1: sets (0), removes (1), appends to (2) and subtracts from (3) single settings
// of topics, brokers (those that can change while the broker runs), groups (KIP-848) and metric subscriptions
// (KIP-714); durable before the answer. All changes of a resource happen, or none. Needs alter_configs on the
// topic, group or cluster. Errors per resource: INVALID_REQUEST, INVALID_CONFIG, UNKNOWN_TOPIC_OR_PARTITION,
// TOPIC_, GROUP_ and CLUSTER_AUTHORIZATION_FAILED, KAFKA_STORAGE_ERROR.
#include <fmt/format.h>

#include <map>

#include "broker/handlers/config_changes.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/incremental_alter_configs_request.h"
#include "wire/generated/incremental_alter_configs_response.h"

namespace sluice::broker {

void handle_incremental_alter_configs(Core& core, const RequestPtr& request) {
  wire::IncrementalAlterConfigsRequest asked;
  if (!request->decode(asked)) return;
  std::map<std::pair<std::int8_t, std::string>, int> times;
  for (const auto& resource : asked.resources) ++times[{resource.resource_type, resource.resource_name}];
  wire::IncrementalAlterConfigsResponse response;
  for (const auto& resource : asked.resources) {
    std::vector<ConfigChange> changes;
    for (const auto& config : resource.configs)
      changes.push_back({config.name, static_cast<ConfigOperation>(config.config_operation), config.value});
    auto& out = response.responses.emplace_back();
    out.error_message.reset();
    out.resource_type = resource.resource_type;
    out.resource_name = resource.resource_name;
    const auto altered =
        times[{resource.resource_type, resource.resource_name}] > 1
            ? refuse(wire::ErrorCode::invalid_request, "the request names this resource more than once")
            : change_config(core, *request, static_cast<ConfigResource>(resource.resource_type),
                            resource.resource_name, changes, false, asked.validate_only);
    out.error_message.reset();
    if (altered) continue;
    out.error_code = wire::number(code_of(altered.error()));
    out.error_message = altered.error().message;
  }
  request->answer(response);
}

}  // namespace sluice::broker
