// Kafka's server and topic properties: which ones the broker has, their defaults, and their checked values.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "record/batch.h"
#include "record/compression.h"

namespace sluice::broker {

/// The kind of a value, with the number DescribeConfigs gives it.
enum class ValueType : std::int8_t {
  boolean = 1,
  text = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  float64 = 6,
  list = 7,
  class_name = 8,
  password = 9
};

/// One property of the server (server.properties).
struct ServerProperty {
  std::string_view name;
  ValueType type = ValueType::text;
  const char* default_value = nullptr;  ///< nullptr: none
  std::int64_t min = 0;                 ///< of numbers
  std::int64_t max = 0;
  std::string_view choices;  ///< of texts, and of each word of a list: those allowed, between '|'; empty: any
  bool fixed = false;        ///< cannot be changed by -X (it follows from a flag); shown only
  std::string_view doc;      ///< one sentence
  double real_max = std::numeric_limits<double>::max();  ///< of float64; the least is 0

  bool is_secret() const { return type == ValueType::password; }
};

/// Whether IncrementalAlterConfigs may change the server's property while the broker runs, as in Kafka.
bool is_dynamic(std::string_view name);

/// One property of a topic. Where a topic does not set it, the server's applies.
struct TopicProperty {
  std::string_view name;
  std::string_view server_name;  ///< its type, limits, default and documentation are this one's
  /// Coarser spellings of the server's value, tried in this order after server_name: "NAME*MILLISECONDS".
  std::string_view fallback_1;
  std::string_view fallback_2;
};

std::span<const ServerProperty> server_properties();
std::span<const TopicProperty> topic_properties();
const ServerProperty* find_server_property(std::string_view name);
const TopicProperty* find_topic_property(std::string_view name);

/// The known name closest to `name` by edit distance; empty where nothing is near.
std::string nearest_property(std::string_view name, bool of_topic);

/// The values of one server, or of one topic: only those that were set.
using Values = std::map<std::string, std::string, std::less<>>;

/// Checks `value` against the property; invalid_argument says what is allowed.
Result<void> check_value(const ServerProperty& property, std::string_view value);
/// Whether `value` is one of `type`: a number, true or false, or any text.
bool is_value(ValueType type, std::string_view value);

/// A server's properties with their values.
class ServerConfig {
 public:
  /// Refuses unknown names (with the nearest one), values out of range, and properties that follow from a
  /// flag. Takes properties of one listener (listener.name.NAME.PROPERTY) and those that have no effect here.
  Result<void> set(std::string_view name, std::string_view value);
  /// Whether set() would know the name.
  static bool knows(std::string_view name);
  /// Of the names that were set, those that have no effect here.
  std::vector<std::string> without_effect() const;
  /// What IncrementalAlterConfigs has set, of this broker and for all: wins over set(), the former over the
  /// latter.
  void set_dynamic(Values of_broker, Values of_all);
  const Values& dynamic_of_broker() const { return dynamic_of_broker_; }
  const Values& dynamic_of_all() const { return dynamic_of_all_; }
  const Values& set_values() const { return values_; }
  /// For what follows from a flag: listeners, log.dirs.
  void set_fixed(std::string_view name, std::string value);

  /// The value, or the default; nullopt where there is neither. `name` must be known.
  std::optional<std::string> value(std::string_view name) const;
  /// Of listener.name.NAME.PROPERTY; nullopt where it is not set.
  std::optional<std::string> listener_value(std::string_view name) const;
  /// Whether anything but the default holds.
  bool is_set(std::string_view name) const {
    return values_.contains(name) || dynamic_of_broker_.contains(name) || dynamic_of_all_.contains(name);
  }
  std::int64_t number(std::string_view name) const;  ///< of a property that has a default
  double real(std::string_view name) const;          ///< the same of a float64
  bool boolean(std::string_view name) const;

  /// What a topic gets that does not set `property` itself.
  std::optional<std::string> topic_default(const TopicProperty& property) const;

 private:
  Values values_;
  Values dynamic_of_broker_;
  Values dynamic_of_all_;
};

/// A topic's settings, as numbers.
struct TopicSettings {
  std::int64_t message_bytes_max = 0;
  std::int64_t retention_ms = -1;     ///< -1: for ever
  std::int64_t retention_bytes = -1;  ///< of one partition; -1: no limit
  std::int64_t segment_bytes = 0;
  std::int64_t segment_ms = 0;
  std::int64_t index_interval_bytes = 0;
  std::int64_t segment_index_bytes = 0;
  std::int64_t timestamp_before_max_ms = 0;
  std::int64_t timestamp_after_max_ms = 0;
  bool log_append_time = false;
  bool deletes = true;    ///< cleanup.policy has delete
  bool compacts = false;  ///< cleanup.policy has compact
  std::int64_t delete_retention_ms = 0;
  std::int64_t compaction_lag_ms_min = 0;
  std::int64_t compaction_lag_ms_max = 0;
  double dirty_ratio_min = 0.5;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t file_delete_delay_ms = 0;
  std::optional<record::Codec> codec;  ///< batches are stored with it; nullopt: as they came
  int compression_level = record::level_default;
};

/// Checks a topic's own values: unknown names and bad values are refused.
Result<void> check_topic_values(const Values& values);
/// The settings of a topic whose own values are `values` (checked).
TopicSettings resolve(const ServerConfig& server, const Values& values);

}  // namespace sluice::broker
