// The table of commands: help, completion and man pages all come from it.
#include <array>

#include "cli/command.h"

namespace sluice::cli {

std::span<const Command> commands() {
  static constexpr auto table = std::to_array<Command>({
      {"broker", "Run the embedded broker: one node, every Kafka client", run_broker},
      {"produce", "Send lines or NDJSON to a topic and wait until they are durable", run_produce},
      {"consume", "Print a topic's records", run_consume},
      {"ingest", "Move a topic into a Parquet table, exactly once", nullptr},
      {"audit", "Prove that a table equals its topic", nullptr},
      {"offsets", "Positions: see them, with lag and lost apart, and move them safely", run_offsets},
      {"groups", "Groups: who is in them, where they stand, and removing them", run_groups},
      {"topics", "Topics: see, create, change, trim and delete them", run_topics},
      {"compat", "Apache Kafka's own tools, with honest exit codes", run_compat},
      {"completion", "Print a completion script for bash, zsh or fish", run_completion},
      {"man", "Write the man pages", run_man},
  });
  return table;
}

}  // namespace sluice::cli
