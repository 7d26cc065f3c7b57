// Which topics, partitions and groups a command is about.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"

namespace sluice::offsets {

/// A name, or a pattern (a POSIX extended regular expression over the whole name) where the text has one of
/// `*+?|()[]{}^$\`. A dot alone makes no pattern: names have dots.
class NamePattern {
 public:
  /// invalid_argument where the text is no regular expression.
  static Result<NamePattern> parse(std::string_view text);

  bool matches(const std::string& name) const;
  /// One name is meant: that there is no such thing is an error of its own.
  bool is_name() const { return !regex_; }
  const std::string& text() const { return text_; }

 private:
  struct Compiled;
  std::string text_;
  std::shared_ptr<const Compiled> regex_;
};

/// "orders", "orders:0,3-5", "ord.*:0": topics, and of them all partitions or some.
struct TopicChoice {
  NamePattern topic;
  std::vector<PartitionId> partitions;  ///< ascending; empty: all

  bool has(PartitionId partition) const;
};

/// invalid_argument where the part behind the last ':' is no list of partitions.
Result<TopicChoice> parse_topic_choice(std::string_view text);

/// "0,3-5" as 0, 3, 4, 5; ascending, no doubles, at most 100,000.
Result<std::vector<PartitionId>> parse_partition_list(std::string_view text);

/// The names of `have` that any of `wanted` matches, ascending, and those that are named but not there (which
/// have to be told). not_found where a pattern matches nothing.
Result<std::vector<std::string>> choose_names(const std::vector<std::string>& have,
                                              const std::vector<NamePattern>& wanted, std::string_view what);

}  // namespace sluice::offsets
