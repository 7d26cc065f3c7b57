// Properties of Apache Kafka 4.3 that have no effect here: known by name, so that a server.properties made
// for it is understood, checked and shown.
#pragma once

#include <span>
#include <string_view>

#include "broker/config.h"

namespace sluice::broker {

struct InertProperty {
  std::string_view name;
  ValueType type = ValueType::text;
  const char* default_value = nullptr;  ///< nullptr: none
  std::string_view server_name = {};    ///< of a topic's: the server's property for topics that do not say
  std::int64_t min = 0;                 ///< of a topic's number
};

/// Of the server, by name. One that has come to have an effect stands in server_properties() too, and counts
/// as that.
std::span<const InertProperty> inert_server_properties();
/// Of topics. A topic keeps what is set, and shows it.
std::span<const InertProperty> inert_topic_properties();

const InertProperty* find_inert_server_property(std::string_view name);
const InertProperty* find_inert_topic_property(std::string_view name);

/// What DescribeConfigs says about each of them.
constexpr std::string_view inert_doc = "Known for compatibility; has no effect in this broker.";

}  // namespace sluice::broker
