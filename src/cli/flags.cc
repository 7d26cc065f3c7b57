#include "cli/flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

#include "cli/command.h"

namespace sluice::cli {
namespace {

constexpr std::size_t partitions_max = 100'000;

/// The (sub)command that parsing had reached.
const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.back());
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) out.push_back("--" + name);
    for (const auto& name : option->get_snames()) out.push_back("-" + name);
  }
  return out;
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const auto* sub : app.get_subcommands(nullptr)) out.push_back(sub->get_name());
  return out;
}

/// "offsets lag"; without the program's name, which some apps carry.
std::string full_name(const CLI::App& app) {
  if (app.get_parent() != nullptr) return full_name(*app.get_parent()) + " " + app.get_name();
  const auto& name = app.get_name();
  return name.starts_with("sluice ") ? name.substr(7) : name;
}

void print_help(const CLI::App& app) {
  const auto words = "sluice " + full_name(app);
  const bool whole = app.get_name().starts_with("sluice ");  // then CLI11 needs no words before it
  std::fputs(app.help(whole ? "" : words.substr(0, words.rfind(' '))).c_str(), stdout);
}

nlohmann::json describe(const CLI::App& app) {
  nlohmann::json out = {{"name", full_name(app)}, {"text", app.get_description()}};
  auto& flags = out["flags"] = nlohmann::json::array();
  auto& operands = out["operands"] = nlohmann::json::array();
  for (const auto* option : app.get_options()) {
    if (option->get_positional()) {
      operands.push_back({{"name", option->get_name(true, false)},
                          {"many", option->get_expected_max() > 1},
                          {"required", option->get_required()},
                          {"text", option->get_description()}});
      continue;
    }
    nlohmann::json names = nlohmann::json::array();
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    flags.push_back({{"names", names},
                     {"value", option->get_expected_max() == 0 ? "" : option->get_type_name()},
                     {"default", option->get_default_str()},
                     {"text", option->get_description()}});
  }
  auto& subcommands = out["subcommands"] = nlohmann::json::array();
  for (const auto* sub : app.get_subcommands(nullptr)) subcommands.push_back(describe(*sub));
  return out;
}

/// Says what is wrong with `word`, which nothing took.
int report_extra(const CLI::App& app, const std::string& word) {
  const auto& at = innermost(app);
  const bool is_flag = word.size() > 1 && word.front() == '-';
  auto candidates = is_flag ? flag_names(at) : subcommand_names(at);
  const auto bare = word.substr(0, word.find('='));
  const auto meant = nearest(bare, candidates);
  std::string message = is_flag              ? "unknown flag " + bare
                        : candidates.empty() ? "unexpected argument '" + word + "'"
                                             : "unknown command '" + full_name(at) + " " + word + "'";
  message += " for 'sluice " + full_name(at) + "'; nothing was done";
  std::string hint = meant.empty() ? "sluice " + full_name(at) + " --help" : "did you mean " + meant + "?";
  return report(Error{Code::invalid_argument, std::move(message), std::move(hint), 0});
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// "NUMBER UNIT" times the unit's factor; false where it is not that, or does not fit in 63 bits.
bool parse_scaled(std::string_view text, std::span<const Unit> units, std::uint64_t& out) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto unit = std::ranges::find(units, suffix, &Unit::name);
  if (unit == units.end()) return false;
  constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();
  if (number > max / unit->factor) return false;
  out = number * unit->factor;
  return true;
}

}  // namespace

std::optional<int> parse_flags(CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && arguments.front() == describe_argument) {
    std::fputs((describe(app).dump() + "\n").c_str(), stdout);
    return exit_ok;
  }
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    print_help(innermost(app));
    return exit_ok;
  } catch (const CLI::ExtrasError&) {
    const auto extras = app.remaining(true);
    return report_extra(app, extras.empty() ? std::string() : extras.front());
  } catch (const CLI::ParseError& error) {
    return report(Error{Code::invalid_argument, fmt::format("{}; nothing was done", error.what()),
                        "sluice " + full_name(innermost(app)) + " --help", 0});
  }
}

void add_bootstrap_flag(CLI::App& app, std::string& bootstrap_server) {
  app.add_option("-b,--bootstrap-server", bootstrap_server, "Where to find the cluster")
      ->type_name("HOST:PORT[,...]")
      ->envname("SLUICE_BOOTSTRAP_SERVER")
      ->capture_default_str();
}

void add_cluster_flags(CLI::App& app, ClusterFlags& flags) {
  add_bootstrap_flag(app, flags.bootstrap_server);
  app.add_option("-X,--command-property", flags.properties, "A Kafka client property, as often as needed")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
}

Result<std::pair<std::string, std::string>> parse_property(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(Code::invalid_argument, fmt::format("-X takes KEY=VALUE, not '{}'; nothing was done", text));
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr auto units = std::to_array<Unit>(
      {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}});
  std::uint64_t ms = 0;
  if (!parse_scaled(text, units, ms)) {
    return fail(Code::invalid_argument, fmt::format("'{}' is no duration; nothing was done", text),
                "write it like 250ms, 30s, 5m, 1h or 7d");
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  constexpr std::uint64_t k = 1024;
  static constexpr auto units = std::to_array<Unit>({{"", 1},
                                                     {"B", 1},
                                                     {"K", k},
                                                     {"KB", k},
                                                     {"KiB", k},
                                                     {"M", k * k},
                                                     {"MB", k * k},
                                                     {"MiB", k * k},
                                                     {"G", k * k * k},
                                                     {"GB", k * k * k},
                                                     {"GiB", k * k * k}});
  std::uint64_t bytes = 0;
  if (!parse_scaled(text, units, bytes)) {
    return fail(Code::invalid_argument, fmt::format("'{}' is no size in bytes; nothing was done", text),
                "write it like 4096, 64KiB, 128MiB or 1GiB");
  }
  return bytes;
}

Result<std::vector<std::int32_t>> parse_partitions(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::invalid_argument, fmt::format("'{}' names no partitions; nothing was done", text),
                "write them like 0,3-5");
  };
  std::vector<std::int32_t> out;
  while (true) {
    const auto comma = text.find(',');
    const auto item = text.substr(0, comma);
    const char* const item_end = item.data() + item.size();
    std::int32_t first = 0;
    auto [at, error] = std::from_chars(item.data(), item_end, first);
    if (error != std::errc{} || first < 0) return bad();
    std::int32_t last = first;
    if (at != item_end) {
      if (*at != '-') return bad();
      const auto parsed = std::from_chars(at + 1, item_end, last);
      if (parsed.ec != std::errc{} || parsed.ptr != item_end || last < first) return bad();
    }
    if (static_cast<std::size_t>(last - first) >= partitions_max - std::min(out.size(), partitions_max))
      return bad();
    for (std::int64_t p = first; p <= last; ++p) out.push_back(static_cast<std::int32_t>(p));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace sluice::cli
