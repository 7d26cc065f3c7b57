// Changes of settings, for IncrementalAlterConfigs and AlterConfigs: what they come to, whether it is
// allowed, and making it last.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "broker/core.h"
#include "broker/request.h"

namespace sluice::broker {

/// With IncrementalAlterConfigs' numbers.
enum class ConfigOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

struct ConfigChange {
  std::string name;
  ConfigOperation operation = ConfigOperation::set;
  std::optional<std::string> value;
};

/// Changes the settings of one resource, durably; with `validate_only` only says whether it could. With
/// `replace` everything that `changes` does not set goes. Errors (in kafka_error): invalid_request,
/// invalid_config, unknown_topic_or_partition, topic_ and cluster_ and group_authorization_failed,
/// kafka_storage_error; nothing was changed then.
Result<void> change_config(Core& core, const Request& request, ConfigResource type, const std::string& name,
                           std::span<const ConfigChange> changes, bool replace, bool validate_only);

}  // namespace sluice::broker
