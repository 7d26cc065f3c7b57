// What every command shares: the table of commands, exit codes, and how an error is shown.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::cli {

/// Exit codes, the same for every command.
enum Exit : int {
  exit_ok = 0,
  exit_failed = 1,  ///< failed, or at least one row failed
  exit_usage = 2,
  exit_bad = 3,        ///< the check ran and the answer is bad (loss or duplicate found)
  exit_undecided = 4,  ///< the check could not decide (unreachable partition, data gone)
  exit_config = 78,
  exit_interrupted = 130,
};

/// A command's entry: the arguments after its name; returns an exit code.
using Run = int (*)(const std::vector<std::string>& arguments);

struct Command {
  std::string_view name;     ///< "broker", "offsets"
  std::string_view summary;  ///< one line
  Run run;                   ///< nullptr: it lives in the module with Arrow
};

/// Every command, in the order in which help lists them (commands.cc).
std::span<const Command> commands();

/// Prints "error[CODE] message / try hint" to stderr; returns the exit code that fits.
int report(const Error& error);

/// The exit code that fits an error: usage, interrupted, or failed.
int exit_code(const Error& error);

/// The candidate that `word` most likely meant, or "" where none is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

int run_broker(const std::vector<std::string>& arguments);
int run_produce(const std::vector<std::string>& arguments);
int run_consume(const std::vector<std::string>& arguments);
int run_offsets(const std::vector<std::string>& arguments);
int run_groups(const std::vector<std::string>& arguments);
int run_topics(const std::vector<std::string>& arguments);
int run_compat(const std::vector<std::string>& arguments);
int run_ingest(const std::vector<std::string>& arguments);
int run_audit(const std::vector<std::string>& arguments);
int run_completion(const std::vector<std::string>& arguments);
int run_man(const std::vector<std::string>& arguments);

/// Runs a command of the module sluice-lake.so, which it loads from beside the binary, or from ../lib/sluice.
int run_in_lake_module(std::string_view command, const std::vector<std::string>& arguments);

}  // namespace sluice::cli
