#include "broker/properties_file.h"

#include <fmt/format.h>

namespace sluice::broker {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\f";
  const auto begin = text.find_first_not_of(spaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_properties_file(std::string_view text,
                                                                               std::string_view path) {
  std::vector<std::pair<std::string, std::string>> out;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    const auto separator = line.find_first_of("=:");
    const std::string_view name = trimmed(line.substr(0, separator));
    if (separator == std::string_view::npos || name.empty())
      return fail(Code::invalid_argument,
                  fmt::format("{}:{}: not NAME=VALUE; nothing was started", path, number));
    out.emplace_back(name, trimmed(line.substr(separator + 1)));
  }
  return out;
}

}  // namespace sluice::broker
