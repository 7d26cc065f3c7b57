// A topic of a real cluster, read through librdkafka: the client that ingest does not use.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "audit/topic.h"
#include "base/error.h"

namespace sluice::audit {

struct RdKafkaOptions {
  std::string bootstrap_server;
  std::string topic;
  std::vector<std::pair<std::string, std::string>> properties;  ///< Kafka's client property names
  std::chrono::milliseconds timeout{30'000};                    ///< without any answer
};

/// invalid_argument where a property is not accepted. Nothing is asked of the cluster yet.
Result<std::unique_ptr<Topic>> make_rdkafka_topic(const RdKafkaOptions& options);

}  // namespace sluice::audit
