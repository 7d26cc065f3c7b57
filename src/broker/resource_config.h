// The settings of each kind of resource: which there are, their defaults, and whether changed ones may stand.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/config.h"
#include "broker/settings.h"

namespace sluice::broker {

struct Core;

/// A setting of a group or of a subscription to metrics.
struct ResourceProperty {
  std::string_view name;
  ValueType type = ValueType::text;
  std::string_view server_name;  ///< whose value is the default; empty: default_value
  const char* default_value = nullptr;
  std::string_view server_min;  ///< the server's properties that bound it; empty: nothing does
  std::string_view server_max;
  std::string_view doc;
};

/// Of groups and client_metrics; nothing for other types.
std::span<const ResourceProperty> resource_properties(ConfigResource type);

/// Whether resources of this type have settings that can be changed here.
bool has_configs(ConfigResource type);
/// The type of a setting; nullopt where there is none of that name.
std::optional<ValueType> config_type(ConfigResource type, std::string_view name);
/// What holds where the resource does not say.
std::optional<std::string> config_default(const ServerConfig& server, ConfigResource type,
                                          std::string_view name);
/// The error of a name that the type does not have, with the nearest one (invalid_config).
std::unexpected<Error> unknown_config(ConfigResource type, std::string_view name);

/// Whether `after` may take the place of `before`: every name known and its value allowed (invalid_config),
/// and of brokers only such changes as can be made while they run (invalid_request).
Result<void> check_config(const ServerConfig& server, ConfigResource type, const Values& before,
                          const Values& after);
/// Whether `name` means this broker or, empty, all of them (invalid_request).
Result<void> check_broker_name(const Core& core, std::string_view name);

/// Lets the kept settings of the broker take effect. Called at the start and after each change.
void apply_broker_settings(Core& core);

/// The value of a group's setting, its own or the server's: "consumer.session.timeout.ms".
std::int64_t group_config_number(const Core& core, std::string_view group, std::string_view name);

}  // namespace sluice::broker
