// What the subcommands of `sluice ingest` share. Includes CLI11: for cmd_ingest*.cc only.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/flags.h"
#include "ingest/kafka_source.h"
#include "ingest/options.h"

namespace sluice::cli {

struct IngestFlags {
  ClusterFlags cluster;
  std::string topic;
  std::string lake;
  std::string config;
  std::vector<std::string> partition_by;
  std::int64_t roll_records = 0;
  std::string roll_bytes = "256MiB";
  std::string roll_interval = "5m";
  std::string codec = "zstd:1";
  std::string schema;
  std::string until;
  std::string memory_max = "512MiB";
  int threads = 0;
  bool accept_gap = false;
  bool json = false;
  bool quiet = false;
};

/// Declares the flags of `run` and, `brief`, those of the subcommands that only look.
void declare_ingest(CLI::App& app, IngestFlags& flags, bool brief);

/// Takes what the file of --config says for flags that were not given (flag > file > default), and sees that
/// what must be there is.
Result<void> apply_config(CLI::App& app, IngestFlags& flags);

Result<ingest::Options> to_options(const IngestFlags& flags);
/// With memory for fetched batches out of --memory-max.
Result<ingest::KafkaOptions> to_kafka(const IngestFlags& flags, std::uint64_t memory_bytes_max);

int ingest_run(CLI::App& app, IngestFlags& flags);
int ingest_status(CLI::App& app, IngestFlags& flags);
int ingest_verify(CLI::App& app, IngestFlags& flags);

}  // namespace sluice::cli
