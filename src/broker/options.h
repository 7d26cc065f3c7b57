// What a broker is started with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "env/net.h"

namespace sluice::broker {

/// A topic to make at the start where it is missing.
struct TopicSpec {
  std::string name;
  std::int32_t partition_count = 0;  ///< 0: num.partitions
};

/// A broker's settings. Everything that Kafka has a name for goes through `properties`.
struct Options {
  env::Address listen{"127.0.0.1", 9092};  ///< loopback only; port 0: the system chooses
  std::string data_dir;                    ///< made where missing; owned by one process at a time
  /// Nothing is synced: for data that is gone when the process ends. Files are still written.
  bool ephemeral = false;
  std::vector<TopicSpec> create;
  /// What a server.properties file holds, which may be one made for Apache Kafka: unknown names are told to
  /// `log` and passed over, bad values refused.
  std::vector<std::pair<std::string, std::string>> file_properties;
  /// Kafka's server.properties names and values ("num.partitions", "4"); later ones win, and all over those
  /// of the file. Unknown names and bad values are refused by Broker::start with the nearest name.
  std::vector<std::pair<std::string, std::string>> properties;
  /// Takes one line of text about something an operator should know (a repaired partition, a refused
  /// connection). Called on the broker's threads, one call at a time. Default: nothing.
  std::function<void(std::string_view line)> log;
};

/// "NAME" or "NAME:PARTITIONS" as --create takes it.
Result<TopicSpec> parse_topic_spec(std::string_view text);

}  // namespace sluice::broker
