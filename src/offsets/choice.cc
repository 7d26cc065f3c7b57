#include "offsets/choice.h"

#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <charconv>

namespace sluice::offsets {
namespace {

constexpr std::string_view pattern_characters = "*+?|()[]{}^$\\";
constexpr std::size_t pattern_bytes_max = 4096;
constexpr std::int64_t partitions_max = 100'000;

/// "3" or "3-5".
bool parse_span(std::string_view text, std::int32_t& first, std::int32_t& last) {
  const char* const end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, first);
  if (error != std::errc{} || first < 0) return false;
  last = first;
  if (at == end) return true;
  if (*at != '-') return false;
  const auto parsed = std::from_chars(at + 1, end, last);
  return parsed.ec == std::errc{} && parsed.ptr == end && last >= first;
}

}  // namespace

struct NamePattern::Compiled {
  regex_t regex{};
  bool good = false;

  Compiled() = default;
  ~Compiled() {
    if (good) ::regfree(&regex);
  }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
};

Result<NamePattern> NamePattern::parse(std::string_view text) {
  NamePattern out;
  out.text_ = text;
  if (text.empty()) return fail(Code::invalid_argument, "an empty name names nothing; nothing was asked");
  if (text.find_first_of(pattern_characters) == std::string_view::npos) return out;
  if (text.size() > pattern_bytes_max)
    return fail(Code::invalid_argument,
                fmt::format("a pattern of {} bytes is too long; nothing was asked", text.size()));
  auto compiled = std::make_shared<Compiled>();
  const int code = ::regcomp(&compiled->regex, out.text_.c_str(), REG_EXTENDED);
  if (code != 0) {
    char why[128] = {};
    ::regerror(code, &compiled->regex, why, sizeof why);
    return fail(Code::invalid_argument,
                fmt::format("'{}' is no regular expression: {}; nothing was asked", text, why),
                "a pattern is matched against the whole name: 'orders-.*'");
  }
  compiled->good = true;
  out.regex_ = std::move(compiled);
  return out;
}

bool NamePattern::matches(const std::string& name) const {
  if (!regex_) return name == text_;
  regmatch_t match{};  // the leftmost match is the longest one: the whole name, where that matches
  return ::regexec(&regex_->regex, name.c_str(), 1, &match, 0) == 0 && match.rm_so == 0 &&
         match.rm_eo == static_cast<regoff_t>(name.size());
}

bool TopicChoice::has(PartitionId partition) const {
  return partitions.empty() || std::ranges::binary_search(partitions, partition);
}

Result<std::vector<PartitionId>> parse_partition_list(std::string_view text) {
  std::vector<PartitionId> out;
  for (std::string_view rest = text;;) {
    const auto comma = rest.find(',');
    std::int32_t first = 0;
    std::int32_t last = 0;
    const bool good = parse_span(rest.substr(0, comma), first, last) &&
                      std::int64_t{last} - first + static_cast<std::int64_t>(out.size()) < partitions_max;
    if (!good) {
      return fail(Code::invalid_argument, fmt::format("'{}' names no partitions; nothing was asked", text),
                  "write them like 0,3-5");
    }
    for (std::int64_t p = first; p <= last; ++p) out.emplace_back(static_cast<std::int32_t>(p));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<TopicChoice> parse_topic_choice(std::string_view text) {
  const auto colon = text.rfind(':');  // no topic's name has one
  TopicChoice out{SLUICE_TRY(NamePattern::parse(text.substr(0, colon))), {}};
  if (colon != std::string_view::npos && colon + 1 < text.size())
    out.partitions = SLUICE_TRY(parse_partition_list(text.substr(colon + 1)));
  return out;
}

Result<std::vector<std::string>> choose_names(const std::vector<std::string>& have,
                                              const std::vector<NamePattern>& wanted, std::string_view what) {
  std::vector<std::string> out;
  for (const auto& pattern : wanted) {
    const auto before = out.size();
    if (pattern.is_name()) {
      out.push_back(pattern.text());
    } else {
      std::ranges::copy_if(have, std::back_inserter(out),
                           [&](const std::string& name) { return pattern.matches(name); });
    }
    if (out.size() == before) {
      return fail(Code::not_found, fmt::format("no {} matches '{}'; nothing was asked", what, pattern.text()),
                  fmt::format("sluice {}s list", what));
    }
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace sluice::offsets
