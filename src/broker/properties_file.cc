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

// A line that ends with an odd number of backslashes goes on in the next one.
bool goes_on(std::string_view line) {
  std::size_t count = 0;
  while (count < line.size() && line[line.size() - 1 - count] == '\\') ++count;
  return count % 2 == 1;
}

// "\n" and so on; other characters after a backslash stand for themselves.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
  }
  return out;
}

// Takes the next line, with those that it goes on in, off `text`; `number` becomes that of its first one.
std::string take_line(std::string_view& text, int& lines_taken) {
  std::string out;
  bool more = true;
  while (more && !text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++lines_taken;
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t' || line.front() == '\f'))
      line.remove_prefix(1);
    const bool comment = out.empty() && (line.starts_with('#') || line.starts_with('!'));
    more = !comment && goes_on(line);
    if (more) line.remove_suffix(1);
    out += line;
  }
  return out;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_properties_file(std::string_view text,
                                                                               std::string_view path) {
  std::vector<std::pair<std::string, std::string>> out;
  for (int taken = 0; !text.empty();) {
    const int number = taken + 1;
    const std::string whole = take_line(text, taken);
    const std::string_view line = trimmed(whole);
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    const auto separator = line.find_first_of("=:");
    const std::string_view name = trimmed(line.substr(0, separator));
    if (separator == std::string_view::npos || name.empty())
      return fail(Code::invalid_argument,
                  fmt::format("{}:{}: not NAME=VALUE; nothing was started", path, number));
    out.emplace_back(unescaped(name), unescaped(trimmed(line.substr(separator + 1))));
  }
  return out;
}

}  // namespace sluice::broker
