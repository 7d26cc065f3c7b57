#include "cli/command.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace sluice::cli {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

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
