// Settings as DescribeConfigs and CreateTopics tell them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config.h"
#include "broker/settings.h"

namespace sluice::broker {

/// Where a value comes from, with DescribeConfigs' numbers.
enum class ConfigSource : std::int8_t {
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  default_value = 5,
  client_metrics = 7,
  group = 8
};

struct ConfigSynonym {
  std::string name;
  std::optional<std::string> value;
  ConfigSource source = ConfigSource::default_value;
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;
  bool read_only = false;
  bool secret = false;  ///< its values are not told
  ConfigSource source = ConfigSource::default_value;
  ValueType type = ValueType::text;
  std::string_view doc;
  std::vector<ConfigSynonym> synonyms;  ///< in the order in which they are looked at
};

std::vector<ConfigEntry> topic_config_entries(const ServerConfig& server, const Values& values);
std::vector<ConfigEntry> server_config_entries(const ServerConfig& server);
/// Of the default of all brokers: only what was set.
std::vector<ConfigEntry> default_broker_config_entries(const ServerConfig& server);
/// Of a group or a subscription to metrics, whose own settings are `values`.
std::vector<ConfigEntry> resource_config_entries(const ServerConfig& server, ConfigResource type,
                                                 const Values& values);

}  // namespace sluice::broker
