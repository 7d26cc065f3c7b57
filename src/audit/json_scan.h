// A strict JSON scanner of audit's own (RFC 8259): finds the members of one object and keeps their exact
// text. Written against docs/formats/schema.md, so that a mistake in ingest's decoder is not repeated here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::audit {

constexpr int json_depth_max = 64;  ///< the outermost object is 1

struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, object, array };
  Kind kind = Kind::null;
  /// Exactly as it stands, from its first to its last character; of a string, what is between the quotes.
  std::string_view raw;
  bool escaped = false;  ///< a string with escape sequences in it
};

struct JsonMember {
  std::string_view key;  ///< escapes resolved
  JsonValue value;
};

/// Scans texts one after another. One thread.
class JsonScanner {
 public:
  /// Whether `text` is one JSON object and nothing else; then members() are its members in their order. A key
  /// that is there twice is there twice.
  bool scan(std::string_view text);
  /// Valid until the next scan, and while the text is.
  const std::vector<JsonMember>& members() const { return members_; }

 private:
  bool scan_object_members(int depth, bool keep);
  bool scan_elements(int depth);
  bool scan_value(int depth, JsonValue& value);
  bool scan_string(JsonValue& value);
  bool scan_escape();
  bool scan_number();
  bool scan_word(std::string_view word);
  void skip_space();
  std::string_view unescaped_key(const JsonValue& value);

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::vector<JsonMember> members_;
  std::string keys_;  // resolved keys; never grows beyond what was reserved, so that views into it stay
};

/// Appends `raw`, the inside of a string that was scanned, to `out` with its escapes resolved.
void append_unescaped(std::string_view raw, std::string& out);

/// The length of the UTF-8 sequence at `at`; 0 where there is none.
std::size_t utf8_sequence(const char* at, const char* end);

}  // namespace sluice::audit
