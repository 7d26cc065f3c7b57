#include "broker/handlers/config_entries.h"

#include <algorithm>
#include <set>

#include "broker/config_names.h"
#include "broker/resource_config.h"

namespace sluice::broker {
namespace {

// All spellings of one setting of the server, the finest unit first.
std::vector<std::string_view> spellings(std::string_view name) {
  static const std::vector<std::string_view> groups[] = {
      {"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
      {"log.roll.ms", "log.roll.hours"},
      {"log.roll.jitter.ms", "log.roll.jitter.hours"},
      {"log.flush.interval.ms", "log.flush.scheduler.interval.ms"},
  };
  for (const auto& group : groups)
    if (std::ranges::find(group, name) != group.end()) return group;
  return {name};
}

std::optional<std::string> default_of(std::string_view name) {
  static const ServerConfig defaults;
  return defaults.value(name);
}

// Where the server's property `name`, in any spelling, has values, the one that holds first. As in Kafka,
// what comes before the first one of this very name is not told.
void add_server_synonyms(const ServerConfig& server, std::string_view name, ConfigEntry& entry) {
  using enum ConfigSource;
  const auto names = spellings(name);
  bool begun = false;
  const auto tell = [&](std::string_view spelling, const std::optional<std::string>& value,
                        ConfigSource source) {
    if (!value) return;
    begun = begun || spelling == name;
    if (begun) entry.synonyms.push_back({std::string(spelling), value, source});
  };
  const auto add = [&](const Values& layer, ConfigSource source) {
    for (const std::string_view spelling : names) {
      const auto found = layer.find(spelling);
      if (found != layer.end()) tell(spelling, found->second, source);
    }
  };
  add(server.dynamic_of_broker(), dynamic_broker);
  add(server.dynamic_of_all(), dynamic_default_broker);
  add(server.set_values(), static_broker);
  for (const std::string_view spelling : names) tell(spelling, default_of(spelling), default_value);
}

void settle_source(ConfigEntry& entry) {
  if (!entry.synonyms.empty()) entry.source = entry.synonyms.front().source;
}

void add_own(const Values& values, ConfigSource source, ConfigEntry& entry) {
  if (const auto own = values.find(entry.name); own != values.end())
    entry.synonyms.push_back({entry.name, own->second, source});
}

ConfigEntry topic_entry(const ServerConfig& server, const TopicProperty& property, const Values& values) {
  const ServerProperty& base = *find_server_property(property.server_name);
  ConfigEntry entry;
  entry.name = property.name;
  entry.type = base.type;
  entry.doc = base.doc;
  add_own(values, ConfigSource::topic, entry);
  add_server_synonyms(server, property.server_name, entry);
  const auto own = values.find(property.name);
  entry.value = own != values.end() ? std::optional(own->second) : server.topic_default(property);
  settle_source(entry);
  return entry;
}

ConfigEntry inert_entry(const ServerConfig& server, const InertProperty& property, const Values& values,
                        ConfigSource source) {
  ConfigEntry entry;
  entry.name = property.name;
  entry.type = property.type;
  entry.doc = inert_doc;
  entry.secret = property.type == ValueType::password;
  add_own(values, source, entry);
  const auto fallback =
      property.default_value == nullptr ? std::nullopt : std::optional<std::string>(property.default_value);
  if (source == ConfigSource::static_broker) {
    entry.synonyms.clear();
    add_server_synonyms(server, property.name, entry);
  } else if (!property.server_name.empty()) {
    add_server_synonyms(server, property.server_name, entry);
  }
  entry.value = entry.synonyms.empty() ? fallback : entry.synonyms.front().value;
  settle_source(entry);
  return entry;
}

void hide_secrets(std::vector<ConfigEntry>& entries) {
  for (ConfigEntry& entry : entries) {
    if (!entry.secret) continue;
    entry.value.reset();
    for (ConfigSynonym& synonym : entry.synonyms) synonym.value.reset();
  }
}

void sort_by_name(std::vector<ConfigEntry>& entries) {
  std::ranges::sort(entries, {}, &ConfigEntry::name);
}

}  // namespace

std::vector<ConfigEntry> topic_config_entries(const ServerConfig& server, const Values& values) {
  std::vector<ConfigEntry> out;
  for (const TopicProperty& property : topic_properties())
    out.push_back(topic_entry(server, property, values));
  for (const InertProperty& property : inert_topic_properties()) {
    if (find_topic_property(property.name) == nullptr)
      out.push_back(inert_entry(server, property, values, ConfigSource::topic));
  }
  sort_by_name(out);
  return out;
}

std::vector<ConfigEntry> server_config_entries(const ServerConfig& server) {
  std::vector<ConfigEntry> out;
  for (const ServerProperty& property : server_properties()) {
    ConfigEntry entry;
    entry.name = property.name;
    entry.value = server.value(property.name);
    entry.read_only = !is_dynamic(property.name);
    entry.type = property.type;
    entry.doc = property.doc;
    entry.secret = property.is_secret();
    add_server_synonyms(server, property.name, entry);
    settle_source(entry);
    out.push_back(std::move(entry));
  }
  for (const InertProperty& property : inert_server_properties()) {
    if (find_server_property(property.name) != nullptr) continue;
    ConfigEntry entry = inert_entry(server, property, server.set_values(), ConfigSource::static_broker);
    entry.read_only = true;
    out.push_back(std::move(entry));
  }
  hide_secrets(out);
  sort_by_name(out);
  return out;
}

std::vector<ConfigEntry> default_broker_config_entries(const ServerConfig& server) {
  std::vector<ConfigEntry> out;
  for (const auto& [name, value] : server.dynamic_of_all()) {
    const ServerProperty* property = find_server_property(name);
    if (property == nullptr) continue;
    ConfigEntry entry;
    entry.name = name;
    entry.value = value;
    entry.type = property->type;
    entry.doc = property->doc;
    entry.source = ConfigSource::dynamic_default_broker;
    entry.synonyms.push_back({name, value, entry.source});
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<ConfigEntry> resource_config_entries(const ServerConfig& server, ConfigResource type,
                                                 const Values& values) {
  std::vector<ConfigEntry> out;
  for (const ResourceProperty& property : resource_properties(type)) {
    ConfigEntry entry;
    entry.name = property.name;
    entry.type = property.type;
    entry.doc = property.doc;
    add_own(values, type == ConfigResource::group ? ConfigSource::group : ConfigSource::client_metrics,
            entry);
    if (!property.server_name.empty()) add_server_synonyms(server, property.server_name, entry);
    const auto own = values.find(property.name);
    entry.value =
        own != values.end() ? std::optional(own->second) : config_default(server, type, property.name);
    settle_source(entry);
    out.push_back(std::move(entry));
  }
  sort_by_name(out);
  return out;
}

}  // namespace sluice::broker
