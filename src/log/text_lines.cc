#include "log/text_lines.h"

#include <fmt/format.h>

namespace sluice::log {

std::string_view TextLines::line() {
  ++number_;
  const std::size_t end = rest_.find('\n');
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  return line;
}

Result<std::size_t> TextLines::header(std::string_view file) {
  if (line() != "0") return bad(file);
  std::size_t count = 0;
  // A line takes two bytes at least.
  if (!parse_field(line(), count) || count > rest_.size() / 2) return bad(file);
  return count;
}

std::vector<std::string_view> TextLines::fields() {
  std::vector<std::string_view> fields;
  std::string_view text = line();
  while (true) {
    const std::size_t end = text.find(' ');
    fields.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return fields;
    text.remove_prefix(end + 1);
  }
}

std::unexpected<Error> TextLines::bad(std::string_view file) const {
  return fail(Code::corrupt, fmt::format("line {} of {} is not what the format says", number_, file));
}

}  // namespace sluice::log
