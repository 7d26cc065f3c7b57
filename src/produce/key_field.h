// The key of a JSON record, taken from one of its fields.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::produce {

/// Finds the field that a path "a.b" names. One thread.
class KeyField {
 public:
  /// invalid_argument where the path is empty or has an empty step.
  static Result<KeyField> parse(std::string_view path);
  KeyField(KeyField&&) noexcept;
  KeyField& operator=(KeyField&&) noexcept;
  ~KeyField();

  /// The key: a string's characters, or a number's, true's or false's text. Valid until the next call.
  /// invalid_argument where `json` is no object, has no such field, or has null, an object or a list there.
  /// `json` has line_padding readable bytes behind it.
  Result<std::string_view> find(BytesView json);

 private:
  struct Impl;
  explicit KeyField(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::produce
