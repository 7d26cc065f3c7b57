#include "log/names.h"

#include <fmt/format.h>

#include <charconv>

namespace sluice::log {
namespace {

constexpr std::size_t topic_bytes_max = 249;
constexpr std::size_t digits = 20;

bool is_topic_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

/// All of `text` as a number that is not negative.
template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  return error == std::errc{} && end == text.end() && !text.empty() && value >= 0;
}

}  // namespace

std::string dir_name(const TopicPartition& id) {
  return fmt::format("{}-{}", id.topic, id.partition.value);
}

std::optional<TopicPartition> parse_dir_name(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  TopicPartition id{std::string{name.substr(0, dash)}, PartitionId{0}};
  if (!parse_number(name.substr(dash + 1), id.partition.value)) return std::nullopt;
  if (dir_name(id) != name || !check_topic_name(id.topic)) return std::nullopt;  // "a-01" is not ours
  return id;
}

Result<void> check_topic_name(std::string_view topic) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::invalid_argument,
                fmt::format("'{}' cannot name a topic: {}", topic.substr(0, 300), why));
  };
  if (topic.empty() || topic == "." || topic == "..") return refuse("it names no file");
  if (topic.size() > topic_bytes_max)
    return refuse(fmt::format("it is longer than {} characters", topic_bytes_max));
  for (const char c : topic) {
    if (!is_topic_character(c)) return refuse("only letters, digits, '.', '_' and '-' may be in it");
  }
  return {};
}

std::string file_name(Offset base, std::string_view suffix) {
  return fmt::format("{:020}{}", base.value, suffix);
}

std::optional<Offset> parse_file_name(std::string_view name, std::string_view suffix) {
  if (name.size() != digits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  Offset base;
  if (!parse_number(name.substr(0, digits), base.value)) return std::nullopt;
  return base;
}

}  // namespace sluice::log
