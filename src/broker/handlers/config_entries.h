// Settings as DescribeConfigs and CreateTopics tell them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config.h"

namespace sluice::broker {

/// Where a value comes from, with DescribeConfigs' numbers.
enum class ConfigSource : std::int8_t { topic = 1, static_broker = 4, default_value = 5 };

struct ConfigSynonym {
  std::string name;
  std::optional<std::string> value;
  ConfigSource source = ConfigSource::default_value;
};

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;
  bool read_only = false;
  ConfigSource source = ConfigSource::default_value;
  ValueType type = ValueType::text;
  std::string_view doc;
  std::vector<ConfigSynonym> synonyms;  ///< in the order in which they are looked at
};

std::vector<ConfigEntry> topic_config_entries(const ServerConfig& server, const Values& values);
std::vector<ConfigEntry> server_config_entries(const ServerConfig& server);

}  // namespace sluice::broker
