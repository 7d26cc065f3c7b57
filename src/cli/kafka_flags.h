// Flags as Apache Kafka's own tools take them, for the drop-ins of `sluice compat`.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::cli {

/// A flag of a Kafka tool.
struct KafkaFlag {
  std::string_view name;  ///< without dashes
  bool takes_value;
};

/// What was given: "--name value", "--name=value", one dash or two, and any beginning of a name that only one
/// flag has, as the tools' parser takes them.
class KafkaFlags {
 public:
  /// errors   invalid_argument: a flag that the tool does not have, or one without its value
  static Result<KafkaFlags> parse(std::string_view tool, const std::vector<std::string>& arguments,
                                  std::initializer_list<KafkaFlag> known);

  bool has(std::string_view name) const { return values_.contains(std::string(name)); }
  /// The last value of a flag that takes one.
  std::optional<std::string> value(std::string_view name) const;
  /// Every value, in their order.
  std::vector<std::string> values(std::string_view name) const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

}  // namespace sluice::cli
