#include "broker/handlers/config_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "broker/handlers/authorized.h"
#include "broker/kafka_error.h"
#include "broker/resource_config.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) out.emplace_back(item);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return out;
}

std::string joined(const std::vector<std::string>& items) {
  return fmt::format("{}", fmt::join(items, ","));
}

// Only lists grow and shrink; of groups and metric subscriptions Kafka's controller knows no types.
Result<void> check_is_list(ConfigResource type, const ConfigChange& change) {
  const bool typed = type == ConfigResource::topic || type == ConfigResource::broker;
  if (typed && config_type(type, change.name) == ValueType::list) return {};
  return refuse(ErrorCode::invalid_config,
                fmt::format("{} is no list that could be appended to or subtracted from", change.name));
}

void change_list(const Core& core, ConfigResource type, const ConfigChange& change, Values& values) {
  const bool appends = change.operation == ConfigOperation::append;
  const auto own = values.find(change.name);
  auto items = list_of(own != values.end() ? own->second
                                           : config_default(core.config, type, change.name).value_or(""));
  for (const std::string& item : list_of(change.value.value_or(""))) {
    const auto at = std::ranges::find(items, item);
    if (appends && at == items.end()) items.push_back(item);
    if (!appends && at != items.end()) items.erase(at);
  }
  values[change.name] = joined(items);
}

Result<void> apply(const Core& core, ConfigResource type, const ConfigChange& change, Values& values) {
  switch (change.operation) {
    case ConfigOperation::remove:
      values.erase(change.name);
      return {};
    case ConfigOperation::set:
      values[change.name] = change.value.value_or("");
      return {};
    case ConfigOperation::append:
    case ConfigOperation::subtract:
      change_list(core, type, change, values);
      return {};
  }
  return refuse(ErrorCode::invalid_request,
                fmt::format("operation {} is unknown", static_cast<int>(change.operation)));
}

Result<void> check_form(ConfigResource type, std::span<const ConfigChange> changes) {
  std::set<std::string_view> seen;
  for (const ConfigChange& change : changes) {
    if (!seen.insert(change.name).second)
      return refuse(ErrorCode::invalid_request,
                    fmt::format("the request changes {} more than once", change.name));
    if (!change.value && change.operation != ConfigOperation::remove)
      return refuse(ErrorCode::invalid_request, fmt::format("{} has no value", change.name));
  }
  for (const ConfigChange& change : changes) {
    if (change.operation == ConfigOperation::append || change.operation == ConfigOperation::subtract)
      SLUICE_TRY(check_is_list(type, change));
  }
  return {};
}

Result<Values> changed(const Core& core, ConfigResource type, const Values& before,
                       std::span<const ConfigChange> changes, bool replace) {
  Values values = replace ? Values{} : before;
  for (const ConfigChange& change : changes) SLUICE_TRY(apply(core, type, change, values));
  SLUICE_TRY(check_config(core.config, type, before, values));
  return values;
}

Result<void> check_allowed(const Core& core, const Request& request, ConfigResource type,
                           const std::string& name) {
  constexpr auto alter = AclOperation::alter_configs;
  if (type == ConfigResource::topic) {
    if (may_topic(core, request, alter, name)) return {};
    return refuse(ErrorCode::topic_authorization_failed, "alter_configs on the topic is needed");
  }
  if (type == ConfigResource::group) {
    if (may_group(core, request, alter, name)) return {};
    return refuse(ErrorCode::group_authorization_failed, "alter_configs on the group is needed");
  }
  if (may_cluster(core, request, alter)) return {};
  return refuse(ErrorCode::cluster_authorization_failed, "alter_configs on the cluster is needed");
}

// What holds the settings that are not a topic's.
Result<void> keep(Core& core, ConfigResource type, const std::string& name, Values values) {
  SettingsState next = core.settings->state();
  next.values[{type, name}] = std::move(values);
  SLUICE_TRY(core.settings->commit(std::move(next)));
  if (type == ConfigResource::broker) apply_broker_settings(core);
  return {};
}

Result<void> check_name(const Core& core, ConfigResource type, const std::string& name) {
  if (type == ConfigResource::broker) return check_broker_name(core, name);
  if (name.empty()) return refuse(ErrorCode::invalid_request, "the resource has no name");
  return {};
}

}  // namespace

Result<void> change_config(Core& core, const Request& request, ConfigResource type, const std::string& name,
                           std::span<const ConfigChange> changes, bool replace, bool validate_only) {
  if (!has_configs(type)) {
    return refuse(ErrorCode::invalid_request,
                  fmt::format("resources of type {} have no settings here", static_cast<int>(type)));
  }
  SLUICE_TRY(check_allowed(core, request, type, name));
  if (type == ConfigResource::broker) SLUICE_TRY(check_broker_name(core, name));
  SLUICE_TRY(check_form(type, changes));
  if (type == ConfigResource::topic) {
    if (name.empty()) return refuse(ErrorCode::invalid_request, "the topic has no name");
    if (const auto good = log::check_topic_name(name); !good)
      return refuse(ErrorCode::invalid_topic_exception, good.error().message);
    Topic* topic = core.topics->find(name);
    const Values before = topic == nullptr ? Values{} : topic->values;
    const Values values = SLUICE_TRY(changed(core, type, before, changes, replace));
    if (topic == nullptr)
      return refuse(ErrorCode::unknown_topic_or_partition, fmt::format("there is no topic {}", name));
    return validate_only ? Result<void>{} : core.topics->set_values(*topic, values);
  }
  SLUICE_TRY(check_name(core, type, name));
  Values values = SLUICE_TRY(changed(core, type, core.settings->values(type, name), changes, replace));
  return validate_only ? Result<void>{} : keep(core, type, name, std::move(values));
}

}  // namespace sluice::broker
