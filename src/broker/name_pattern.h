// Patterns that clients send for names, of topics and of transactions: RE2's syntax, which is that of the
// RE2/J that Apache Kafka uses. A pattern means the names that it matches as a whole. Time is linear in the
// name whatever the pattern, and a pattern that needs too much memory is refused.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice::broker {

class NamePattern {
 public:
  /// invalid_argument: not a pattern, with what is wrong about it.
  static Result<NamePattern> compile(const std::string& pattern);
  NamePattern(NamePattern&&) noexcept;
  NamePattern& operator=(NamePattern&&) noexcept;
  ~NamePattern();

  bool matches(std::string_view name) const;

 private:
  class Impl;
  explicit NamePattern(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::broker
