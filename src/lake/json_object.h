// JsonObject: one record's value, taken apart by simdjson and checked by every rule of
// docs/formats/schema.md. The exact road; the decoder's quick one must agree with it. Internal to lake.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace sluice::lake {

enum class JsonKind : std::uint8_t { null, boolean, integer, real, string, nested };

struct JsonMember {
  std::string_view key;  ///< escapes resolved
  JsonKind kind = JsonKind::null;
  bool escaped = false;   ///< a string that was written with an escape sequence
  std::string_view text;  ///< of a string, its content with escapes resolved; else the JSON text as written
};

/// Borrowed views live until the next parse. One thread.
class JsonObject {
 public:
  JsonObject();
  ~JsonObject();
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(JsonObject&&) noexcept;

  /// False where `value` is not one JSON object, valid to its last byte; problem() then says why.
  bool parse(BytesView value);
  const std::vector<JsonMember>& members() const { return members_; }
  const std::string& problem() const { return problem_; }

 private:
  struct Walk;
  std::vector<JsonMember> members_;
  std::string problem_;
  std::unique_ptr<Walk> walk_;
};

constexpr int json_depth_max = 64;

}  // namespace sluice::lake
