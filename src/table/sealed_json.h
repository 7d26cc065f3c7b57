// The text form that all of a table's objects share: JSON in one canonical spelling, closed by a line with
// its CRC-32C. For the .cc files of this folder only: it includes nlohmann's JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"

namespace sluice::table {

using Json = nlohmann::ordered_json;

/// `json` as indented text, a newline, "crc32c XXXXXXXX" and a newline. Strings that are no UTF-8 are
/// replaced: the callers have checked theirs.
Bytes seal(const Json& json);

/// The JSON object in what seal() gave; corrupt where the frame, the checksum or the JSON is not right.
/// `what` names the object in messages. Whether the text is the canonical one is for the caller to see, by
/// sealing again.
Result<Json> unseal(BytesView bytes, std::string_view what);

std::string hash_text(std::uint64_t hash);  ///< 16 lower-case hexadecimal digits

/// Reads members of a JSON object; sticky: once something is missing or of another type, ok() is false and
/// the values are defaults.
class Members {
 public:
  explicit Members(const Json& object) : object_(object), ok_(object.is_object()) {}

  std::string text(const char* key);
  std::int64_t integer(const char* key);
  std::int32_t integer32(const char* key);
  Uuid uuid(const char* key);
  std::uint64_t hash(const char* key);
  std::vector<std::string> texts(const char* key);
  const Json& list(const char* key);
  /// The member, which may be null: then nullptr.
  const Json* object_or_null(const char* key);

  void fail() { ok_ = false; }
  bool ok() const { return ok_; }

 private:
  const Json* find(const char* key);

  const Json& object_;
  bool ok_;
};

/// Whether `text` can stand in an object: UTF-8 without control characters, at most `bytes_max` bytes.
bool is_plain_text(std::string_view text, std::size_t bytes_max);

}  // namespace sluice::table
