#include "cli/command.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "base/edit_distance.h"

namespace sluice::cli {

int exit_code(const Error& error) {
  switch (error.code) {
    case Code::invalid_argument:
      return exit_usage;
    case Code::interrupted:
      return exit_interrupted;
    default:
      return exit_failed;
  }
}

int report(const Error& error) {
  std::string text = fmt::format("error[{}] {}\n", name(error.code), error.message);
  if (error.kafka_error != 0) text += fmt::format("  kafka error {}\n", error.kafka_error);
  if (!error.hint.empty()) text += fmt::format("  try  {}\n", error.hint);
  std::fflush(stdout);
  std::fputs(text.c_str(), stderr);
  return exit_code(error);
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 3, 2) + 1;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

}  // namespace sluice::cli
