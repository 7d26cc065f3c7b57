// Patterns that members subscribe by: RE2's syntax, which is that of the RE2/J that Apache Kafka uses. A
// pattern means the topics whose whole name it matches. Time is linear in the name whatever the pattern, and
// a pattern that needs too much memory is refused.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice::broker {

class TopicRegex {
 public:
  /// invalid_argument: not a pattern, with what is wrong about it.
  static Result<TopicRegex> compile(const std::string& pattern);
  TopicRegex(TopicRegex&&) noexcept;
  TopicRegex& operator=(TopicRegex&&) noexcept;
  ~TopicRegex();

  bool matches(std::string_view topic) const;

 private:
  class Impl;
  explicit TopicRegex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::broker
