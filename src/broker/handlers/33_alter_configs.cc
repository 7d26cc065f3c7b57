// AlterConfigs v0-2: replaces all settings of a resource: what is not named goes back to its default. Newer
// clients use IncrementalAlterConfigs (44), whose rights and errors are the same.
#include <fmt/format.h>

#include <map>

#include "broker/handlers/config_changes.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/alter_configs_request.h"
#include "wire/generated/alter_configs_response.h"

namespace sluice::broker {

void handle_alter_configs(Core& core, const RequestPtr& request) {
  wire::AlterConfigsRequest asked;
  if (!request->decode(asked)) return;
  std::map<std::pair<std::int8_t, std::string>, int> times;
  for (const auto& resource : asked.resources) ++times[{resource.resource_type, resource.resource_name}];
  wire::AlterConfigsResponse response;
  for (const auto& resource : asked.resources) {
    std::vector<ConfigChange> changes;
    for (const auto& config : resource.configs)
      changes.push_back({config.name, ConfigOperation::set, config.value});
    auto& out = response.responses.emplace_back();
    out.error_message.reset();
    out.resource_type = resource.resource_type;
    out.resource_name = resource.resource_name;
    const auto altered =
        times[{resource.resource_type, resource.resource_name}] > 1
            ? refuse(wire::ErrorCode::invalid_request, "the request names this resource more than once")
            : change_config(core, *request, static_cast<ConfigResource>(resource.resource_type),
                            resource.resource_name, changes, true, asked.validate_only);
    out.error_message.reset();
    if (altered) continue;
    out.error_code = wire::number(code_of(altered.error()));
    out.error_message = altered.error().message;
  }
  request->answer(response);
}

}  // namespace sluice::broker
