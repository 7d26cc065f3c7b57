// Records from a Kafka cluster, through the batch-level client.
#pragma once

#include <memory>
#include <string>

#include "client/cluster.h"
#include "client/fetcher.h"
#include "env/env.h"
#include "ingest/source.h"

namespace sluice::ingest {

struct KafkaOptions {
  std::string bootstrap;
  std::string topic;
  client::ClusterOptions cluster;
  client::FetcherOptions fetcher;
};

/// Applies "-X key=value" in Kafka's consumer names: client.id, isolation.level, fetch.max.bytes,
/// max.partition.fetch.bytes, fetch.min.bytes, fetch.max.wait.ms, check.crcs, request.timeout.ms,
/// security.protocol (PLAINTEXT alone). invalid_argument for any other name or a value that does not fit.
Result<void> apply_property(KafkaOptions& options, const std::string& key, const std::string& value);

/// Connects. not_found where the topic is not there (it is never created); unsupported where the cluster has
/// no topic ids or no cluster id, without which a table cannot tell one topic from another.
Result<std::unique_ptr<Source>> open_kafka_source(const env::Env& env, const KafkaOptions& options);

}  // namespace sluice::ingest
