// The configuration file of `sluice ingest`: strict TOML, read into the texts that the flags take.
//
//   version = 1
//   [ingest]              # the flags of `sluice ingest run`, '-' written as '_'
//   topic = "flights"
//   roll_records = 1000000
//   partition_by = ["day(time_hour)"]
//   [client]              # what -X takes; Kafka's dotted names in quotes
//   "fetch.max.bytes" = 8388608
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace sluice::cli {

inline constexpr std::uint64_t ingest_config_bytes_max = 1u << 20;

struct IngestConfig {
  /// By the flag's name without "--", dashes as they are: "roll-records" -> {"1000000"}.
  std::map<std::string, std::vector<std::string>> flags;
  std::vector<std::pair<std::string, std::string>> client;  ///< -X, in the order of the keys
};

/// Reads `text`; `name` is the file's, for messages. invalid_argument with the line for what is not TOML, for
/// an unknown key (with the nearest one that there is), and for a value of a type that the key does not take.
/// Hostile input.
Result<IngestConfig> parse_ingest_config(std::string_view text, std::string_view name);

}  // namespace sluice::cli
