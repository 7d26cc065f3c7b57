#include "cli/kafka_flags.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"

namespace sluice::cli {
namespace {

/// The flag that `word` names whole or begins; nullptr where none or several do.
const KafkaFlag* find(std::string_view word, std::initializer_list<KafkaFlag> known) {
  const auto whole = std::ranges::find(known, word, &KafkaFlag::name);
  if (whole != known.end()) return whole;
  const auto begins = [&](const KafkaFlag& flag) { return !word.empty() && flag.name.starts_with(word); };
  return std::ranges::count_if(known, begins) == 1 ? std::ranges::find_if(known, begins) : nullptr;
}

}  // namespace

Result<KafkaFlags> KafkaFlags::parse(std::string_view tool, const std::vector<std::string>& arguments,
                                     std::initializer_list<KafkaFlag> known) {
  KafkaFlags out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (!word.starts_with('-') || word.size() < 2) {
      return fail(Code::invalid_argument,
                  fmt::format("{}: unexpected argument '{}'; nothing was done", tool, arguments[i]));
    }
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const auto equals = word.find('=');
    const auto* const flag = find(word.substr(0, equals), known);
    if (flag == nullptr) {
      std::vector<std::string> names;
      for (const auto& one : known) names.push_back("--" + std::string(one.name));
      const auto meant = nearest("--" + std::string(word.substr(0, equals)), names);
      return fail(Code::invalid_argument,
                  fmt::format("{}: {} is not a recognized option; nothing was done", tool, arguments[i]),
                  meant.empty() ? "" : "did you mean " + meant + "?");
    }
    auto& values = out.values_[std::string(flag->name)];
    if (!flag->takes_value) continue;
    if (equals != std::string_view::npos) {
      values.emplace_back(word.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      values.push_back(arguments[++i]);
    } else {
      return fail(Code::invalid_argument,
                  fmt::format("{}: option {} requires an argument; nothing was done", tool, arguments[i]));
    }
  }
  return out;
}

std::optional<std::string> KafkaFlags::value(std::string_view name) const {
  const auto at = values_.find(std::string(name));
  return at == values_.end() || at->second.empty() ? std::nullopt : std::optional(at->second.back());
}

std::vector<std::string> KafkaFlags::values(std::string_view name) const {
  const auto at = values_.find(std::string(name));
  return at == values_.end() ? std::vector<std::string>{} : at->second;
}

}  // namespace sluice::cli
