#include "broker/handlers/config_entries.h"

namespace sluice::broker {
namespace {

ConfigSource source_of(const ServerConfig& server, std::string_view name) {
  return server.is_set(name) ? ConfigSource::static_broker : ConfigSource::default_value;
}

}  // namespace

std::vector<ConfigEntry> topic_config_entries(const ServerConfig& server, const Values& values) {
  std::vector<ConfigEntry> out;
  for (const TopicProperty& property : topic_properties()) {
    const ServerProperty& base = *find_server_property(property.server_name);
    ConfigEntry entry;
    entry.name = property.name;
    entry.type = base.type;
    entry.doc = base.doc;
    if (const auto own = values.find(property.name); own != values.end())
      entry.synonyms.push_back({entry.name, own->second, ConfigSource::topic});
    for (const std::string_view name : {property.server_name, property.fallback_1, property.fallback_2}) {
      if (name.empty() || !server.is_set(name)) continue;
      entry.synonyms.push_back({std::string(name), server.value(name), ConfigSource::static_broker});
    }
    const ServerConfig defaults;
    if (const auto value = defaults.topic_default(property))
      entry.synonyms.push_back({std::string(property.server_name), value, ConfigSource::default_value});
    const auto own = values.find(property.name);
    entry.value = own != values.end() ? std::optional(own->second) : server.topic_default(property);
    if (!entry.synonyms.empty()) entry.source = entry.synonyms.front().source;
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<ConfigEntry> server_config_entries(const ServerConfig& server) {
  std::vector<ConfigEntry> out;
  for (const ServerProperty& property : server_properties()) {
    ConfigEntry entry;
    entry.name = property.name;
    entry.value = server.value(property.name);
    entry.read_only = true;  // they come from the command line
    entry.source = source_of(server, property.name);
    entry.type = property.type;
    entry.doc = property.doc;
    entry.synonyms.push_back({entry.name, entry.value, entry.source});
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace sluice::broker
