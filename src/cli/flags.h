// Flags: how commands read them, and the groups of flags that several commands share. Includes CLI11, so only
// cmd_*.cc include it.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace sluice::cli {

/// Reads `arguments` into what `app` binds. An exit code where the command ends here: 0 after --help,
/// exit_usage after it said on stderr what is wrong and which flag was likely meant.
std::optional<int> parse_flags(CLI::App& app, const std::vector<std::string>& arguments);

/// Where the cluster is and how to talk to it.
struct ClusterFlags {
  std::string bootstrap_server = "localhost:9092";  ///< "host:port[,host:port...]"
  std::vector<std::string> properties;              ///< "-X key=value", Kafka's client property names
};
void add_cluster_flags(CLI::App& app, ClusterFlags& flags);
/// --bootstrap-server alone, for commands that speak Kafka's protocol themselves.
void add_bootstrap_flag(CLI::App& app, std::string& bootstrap_server);

/// "key=value" in two; invalid_argument where there is no '=' or no key.
Result<std::pair<std::string, std::string>> parse_property(std::string_view text);

/// "250ms", "30s", "5m", "1h", "7d"; a number alone is seconds. Negative and overflowing ones are refused.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// "4096", "64KiB", "128MiB", "1GiB"; also K, M, G and KB, MB, GB, all of them powers of 1024.
Result<std::uint64_t> parse_bytes(std::string_view text);

/// "0,3-5" as 0, 3, 4, 5; sorted, without repeats. At most 100,000 of them.
Result<std::vector<std::int32_t>> parse_partitions(std::string_view text);

/// The one argument with which parse_flags prints the flags it knows, as JSON, instead of reading any.
/// Completion scripts and man pages are made from that, so they cannot disagree with the parser.
constexpr std::string_view describe_argument = "--describe-flags";

}  // namespace sluice::cli
