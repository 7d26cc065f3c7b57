// server.properties: lines of "name=value", as Kafka reads them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace sluice::broker {

/// The properties of `text` in order. '#' and '!' begin comments; '=' or ':' ends a name; spaces around both
/// go. errors   invalid_argument: the line of `path` that has no name
Result<std::vector<std::pair<std::string, std::string>>> parse_properties_file(std::string_view text,
                                                                               std::string_view path);

}  // namespace sluice::broker
