// What a user or a client sets: server properties (-X), topic properties (CreateTopics), schema files, and
// the configuration file of ingest.
//
// Input: kind u8 (modulo 4) | text; for properties lines of NAME=VALUE
#include <string>

#include "broker/config.h"
#include "cli/ingest_config.h"
#include "fuzz/input.h"
#include "lake/schema.h"

namespace sluice {
namespace {

constexpr int lines_max = 6;  // a wrong name is compared with every known one, which is slow here

template <class F>
void for_each_line(std::string_view text, F f) {
  for (int i = 0; i < lines_max && !text.empty(); ++i) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto equals = line.find('=');
    const bool has_value = equals != std::string_view::npos;
    f(line.substr(0, equals), has_value ? line.substr(equals + 1) : std::string_view{});
  }
}

/// What is taken is kept as it was said, and the numbers of every topic can be told.
void check_server(std::string_view text) {
  broker::ServerConfig config;
  for_each_line(text, [&](std::string_view name, std::string_view value) {
    const auto set = config.set(name, value);
    if (!set) {
      SLUICE_ASSERT(!set.error().message.empty());
      return;
    }
    const auto* property = broker::find_server_property(name);
    if (property == nullptr) {
      // A topic's name sets the default that the server has for it; other names are kept as they are: those
      // of one listener or mechanism, and those that mean nothing here.
      if (const auto* topic = broker::find_topic_property(name)) name = topic->server_name;
      property = broker::find_server_property(name);
      if (property == nullptr) return SLUICE_ASSERT(config.value(name) == value);
    }
    SLUICE_ASSERT(property != nullptr && !property->fixed);
    SLUICE_ASSERT(config.value(name) == value);
    if (property->type == broker::ValueType::int32 || property->type == broker::ValueType::int64) {
      SLUICE_ASSERT(config.number(name) >= property->min && config.number(name) <= property->max);
    }
  });
  for (const auto& property : broker::topic_properties()) static_cast<void>(config.topic_default(property));
  static_cast<void>(broker::resolve(config, {}));
}

void check_topic(std::string_view text) {
  broker::Values values;
  for_each_line(text,
                [&](std::string_view name, std::string_view value) { values[std::string(name)] = value; });
  if (!broker::check_topic_values(values)) return;
  const auto settings = broker::resolve(broker::ServerConfig{}, values);
  SLUICE_ASSERT(settings.segment_bytes > 0);
  SLUICE_ASSERT(settings.retention_ms >= -1);
}

void check_schema(std::string_view text) {
  const auto schema = lake::Schema::parse(text);
  if (!schema) return;
  SLUICE_ASSERT(!schema->fields().empty() && schema->fields().size() <= lake::schema_fields_max);
  const auto again = lake::Schema::parse(schema->to_json());
  SLUICE_ASSERT(again.has_value() && *again == *schema);
  SLUICE_ASSERT(again->to_json() == schema->to_json());
}

void check_ingest(std::string_view text) {
  const auto config = cli::parse_ingest_config(text, "x.toml");
  if (!config) {
    SLUICE_ASSERT(config.error().message.find("x.toml") != std::string::npos);
    return;
  }
  for (const auto& [flag, texts] : config->flags) {
    SLUICE_ASSERT(!flag.empty() && flag.find('_') == std::string::npos);
    SLUICE_ASSERT(texts.size() == 1 || flag == "partition-by");
  }
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  fuzz::Input input(data, size);
  const std::uint8_t kind = input.u8();
  const std::string text(as_text(input.rest()));
  if (kind % 4 == 0) check_server(text);
  if (kind % 4 == 1) check_topic(text);
  if (kind % 4 == 2) check_schema(text);
  if (kind % 4 == 3) check_ingest(text);
  return 0;
}
