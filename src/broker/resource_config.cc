#include "broker/resource_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "broker/config_names.h"
#include "broker/core.h"
#include "broker/kafka_error.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

constexpr std::array group_table{
    ResourceProperty{"consumer.assignment.interval.ms", ValueType::int32,
                     "group.consumer.assignment.interval.ms", nullptr,
                     "group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms",
                     "The least time between two assignments."},
    ResourceProperty{"consumer.heartbeat.interval.ms", ValueType::int32,
                     "group.consumer.heartbeat.interval.ms", nullptr,
                     "group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms",
                     "How often members are to send a heartbeat."},
    ResourceProperty{"consumer.session.timeout.ms", ValueType::int32, "group.consumer.session.timeout.ms",
                     nullptr, "group.consumer.min.session.timeout.ms",
                     "group.consumer.max.session.timeout.ms",
                     "After how long without a heartbeat a member is out."},
};

constexpr std::array metrics_table{
    ResourceProperty{
        "interval.ms", ValueType::int32, {}, "300000", {}, {}, "How often clients send metrics."},
    ResourceProperty{"match", ValueType::list, {}, "", {}, {}, "Which clients are asked: NAME=PATTERN each."},
    ResourceProperty{"metrics", ValueType::list, {}, "", {}, {}, "The beginnings of the metrics' names."},
};

const ResourceProperty* find_property(ConfigResource type, std::string_view name) {
  const auto table = resource_properties(type);
  const auto at = std::ranges::find(table, name, &ResourceProperty::name);
  return at == table.end() ? nullptr : &*at;
}

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return v;
}

std::unexpected<Error> bad(std::string_view name, std::string_view value, std::string_view why) {
  return refuse(ErrorCode::invalid_config, fmt::format("{}={} was not set: {}", name, value, why));
}

Result<void> check_metrics_value(const ResourceProperty& property, std::string_view value) {
  constexpr std::int64_t interval_min = 100;
  constexpr std::int64_t interval_max = 3'600'000;
  if (property.name == "interval.ms") {
    const auto v = number_of(value);
    if (!v || *v < interval_min || *v > interval_max)
      return refuse(
          ErrorCode::invalid_request,
          fmt::format("{}={} was not set: it is {} to {}", property.name, value, interval_min, interval_max));
  }
  if (property.name != "match") return {};
  constexpr std::string_view names[] = {"client_instance_id",    "client_id",
                                        "client_software_name",  "client_software_version",
                                        "client_source_address", "client_source_port"};
  for (std::string_view rest = value; !rest.empty();) {
    const auto comma = rest.find(',');
    const std::string_view one = rest.substr(0, comma);
    const std::string_view name = one.substr(0, one.find('='));
    if (one.find('=') == std::string_view::npos || std::ranges::find(names, name) == std::end(names))
      return bad(property.name, value, "each part is NAME=PATTERN, NAME one of a client's parameters");
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return {};
}

Result<void> check_resource_value(const ServerConfig& server, ConfigResource type, std::string_view name,
                                  std::string_view value) {
  const ResourceProperty* property = find_property(type, name);
  if (property == nullptr && type == ConfigResource::client_metrics)
    return refuse(ErrorCode::invalid_request,
                  fmt::format("there is no setting '{}'; nothing was changed", name));
  if (property == nullptr) return unknown_config(type, name);
  if (!is_value(property->type, value)) return bad(name, value, "not a value of its type");
  if (type == ConfigResource::client_metrics) return check_metrics_value(*property, value);
  const auto v = number_of(value);
  if (!v) return bad(name, value, "not a number");
  for (const auto& [bound, is_min] : {std::pair{property->server_min, true}, {property->server_max, false}}) {
    const std::int64_t limit = server.number(bound);
    if (is_min ? *v < limit : *v > limit) return bad(name, value, fmt::format("{} is {}", bound, limit));
  }
  return {};
}

Result<void> check_broker_value(std::string_view name, std::string_view value) {
  const ServerProperty* property = find_server_property(name);
  if (property != nullptr && is_dynamic(name)) {
    if (const auto good = check_value(*property, value);
        !good)  // of a broker not INVALID_CONFIG, as in Kafka
      return refuse(ErrorCode::invalid_request, to_string(good.error()));
    return {};
  }
  const InertProperty* inert = property == nullptr ? find_inert_server_property(name) : nullptr;
  // Kafka takes these at any time, and there is no Kerberos here that could miss them.
  if (inert != nullptr && name.starts_with("sasl.kerberos."))
    return is_value(inert->type, value) ? Result<void>{} : bad(name, value, "not a value of its type");
  if (inert != nullptr)
    return refuse(ErrorCode::invalid_request, fmt::format("{} was not set: it has no effect here", name));
  if (property == nullptr) return unknown_config(ConfigResource::broker, name);
  return refuse(ErrorCode::invalid_request,
                fmt::format("{} was not set: it is read at the start only", name));
}

}  // namespace

std::span<const ResourceProperty> resource_properties(ConfigResource type) {
  if (type == ConfigResource::group) return group_table;
  if (type == ConfigResource::client_metrics) return metrics_table;
  return {};
}

bool has_configs(ConfigResource type) {
  return type == ConfigResource::topic || type == ConfigResource::broker || type == ConfigResource::group ||
         type == ConfigResource::client_metrics;
}

std::optional<ValueType> config_type(ConfigResource type, std::string_view name) {
  if (type == ConfigResource::topic) {
    if (const TopicProperty* property = find_topic_property(name))
      return find_server_property(property->server_name)->type;
    const InertProperty* inert = find_inert_topic_property(name);
    return inert == nullptr ? std::nullopt : std::optional(inert->type);
  }
  if (type == ConfigResource::broker) {
    if (const ServerProperty* property = find_server_property(name)) return property->type;
    const InertProperty* inert = find_inert_server_property(name);
    return inert == nullptr ? std::nullopt : std::optional(inert->type);
  }
  const ResourceProperty* property = find_property(type, name);
  return property == nullptr ? std::nullopt : std::optional(property->type);
}

std::optional<std::string> config_default(const ServerConfig& server, ConfigResource type,
                                          std::string_view name) {
  if (type == ConfigResource::topic) {
    if (const TopicProperty* property = find_topic_property(name)) return server.topic_default(*property);
    const InertProperty* inert = find_inert_topic_property(name);
    return inert == nullptr || inert->default_value == nullptr
               ? std::nullopt
               : std::optional<std::string>(inert->default_value);
  }
  if (type == ConfigResource::broker) return server.value(name);
  const ResourceProperty* property = find_property(type, name);
  if (property == nullptr) return std::nullopt;
  if (!property->server_name.empty()) return server.value(property->server_name);
  return property->default_value;
}

std::unexpected<Error> unknown_config(ConfigResource type, std::string_view name) {
  std::string near;
  if (type == ConfigResource::topic || type == ConfigResource::broker)
    near = nearest_property(name, type == ConfigResource::topic);
  return refuse(ErrorCode::invalid_config,
                fmt::format("there is no setting '{}'; nothing was changed{}", name,
                            near.empty() ? "" : fmt::format("; did you mean {}?", near)));
}

Result<void> check_config(const ServerConfig& server, ConfigResource type, const Values& before,
                          const Values& after) {
  if (type == ConfigResource::topic) {
    if (const auto good = check_topic_values(after); !good)
      return refuse(ErrorCode::invalid_config, to_string(good.error()));
    return {};
  }
  for (const auto& [name, value] : after) {
    const auto old = before.find(name);
    if (old != before.end() && old->second == value) continue;
    if (type == ConfigResource::broker) {
      SLUICE_TRY(check_broker_value(name, value));
    } else {
      SLUICE_TRY(check_resource_value(server, type, name, value));
    }
  }
  return {};
}

Result<void> check_broker_name(const Core& core, std::string_view name) {
  if (name.empty() || name == std::to_string(core.identity.node_id)) return {};
  return refuse(ErrorCode::invalid_request,
                fmt::format("this is broker {}, not '{}'; nothing was changed", core.identity.node_id, name));
}

void apply_broker_settings(Core& core) {
  core.config.set_dynamic(
      core.settings->values(ConfigResource::broker, std::to_string(core.identity.node_id)),
      core.settings->values(ConfigResource::broker, ""));
  if (core.topics != nullptr) core.topics->resolve_all();
  if (core.server != nullptr) core.server->set_limits(server_limits(core.config));
}

std::int64_t group_config_number(const Core& core, std::string_view group, std::string_view name) {
  const Values& own = core.settings->values(ConfigResource::group, group);
  const auto set = own.find(name);
  const std::string value =
      set != own.end() ? set->second : config_default(core.config, ConfigResource::group, name).value_or("");
  return number_of(value).value_or(0);
}

}  // namespace sluice::broker
