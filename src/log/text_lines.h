// Kafka's checkpoint files: a version, a count, and one line of fields an entry.
#pragma once

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::log {

/// All of `text` as a decimal number.
template <class T>
bool parse_field(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

/// Walks the lines of borrowed text.
class TextLines {
 public:
  explicit TextLines(std::string_view text) : rest_(text) {}

  /// Reads the version, which must be 0, and the count, which the rest of the text must have room for.
  Result<std::size_t> header(std::string_view file);
  /// The next line's fields; one empty field at the end of the text.
  std::vector<std::string_view> fields();
  bool at_end() const { return rest_.empty(); }
  /// corrupt, with the number of the line that was read last.
  std::unexpected<Error> bad(std::string_view file) const;

 private:
  std::string_view line();

  std::string_view rest_;
  std::size_t number_ = 0;
};

}  // namespace sluice::log
