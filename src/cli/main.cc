// sluice COMMAND [FLAGS]: looks the command up and runs it.
#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/command.h"
#include "cli/compat.h"

namespace sluice::cli {
namespace {

void print_help(std::FILE* to) {
  std::string text =
      "sluice moves Kafka records into Parquet tables exactly once, and proves it.\n\n"
      "usage: sluice COMMAND [FLAGS]\n\n";
  for (const auto& command : commands()) text += fmt::format("  {:<12}{}\n", command.name, command.summary);
  text +=
      "\n  sluice COMMAND --help   the flags of one command\n"
      "  sluice --version        the version\n";
  std::fputs(text.c_str(), to);
}

int unknown_command(const std::string& word) {
  std::vector<std::string> names = {"help"};
  for (const auto& command : commands()) names.emplace_back(command.name);
  const auto meant = nearest(word, names);
  return report(Error{Code::invalid_argument, "unknown command '" + word + "'; nothing was done",
                      meant.empty() ? "sluice help" : "did you mean 'sluice " + meant + "'?", 0});
}

int run(const std::vector<std::string>& words) {
  if (words.empty()) {
    print_help(stderr);
    return exit_usage;
  }
  const auto& word = words.front();
  if (word == "--version" || word == "version") {
    fmt::print("sluice {}\n", SLUICE_VERSION);
    return exit_ok;
  }
  std::vector<std::string> arguments(words.begin() + 1, words.end());
  if (word == "help" || word == "--help" || word == "-h") {
    if (arguments.empty() || arguments.front() == "help") {
      print_help(stdout);
      return exit_ok;
    }
    arguments.emplace_back("--help");  // "help offsets lag" is "offsets lag --help"
    return run(arguments);
  }
  for (const auto& command : commands()) {
    if (command.name != word) continue;
    return command.run != nullptr ? command.run(arguments) : run_in_lake_module(word, arguments);
  }
  return unknown_command(word);
}

}  // namespace
}  // namespace sluice::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE,
              SIG_IGN);  // a closed pipe or connection is an error of that write, not the process's death
  try {
    const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    // Under the name of one of Kafka's tools (a link to the binary) it is that tool.
    const auto tool = argc > 0 ? sluice::cli::compat_tool(argv[0]) : std::string_view{};
    return tool.empty() ? sluice::cli::run(words) : sluice::cli::run_compat_tool(tool, words);
  } catch (const std::exception& error) {
    // Only what no layer turned into a Result gets here: memory that the system does not give.
    return sluice::cli::report(
        sluice::Error{sluice::Code::limit_exceeded, std::string("sluice stopped: ") + error.what(), "", 0});
  }
}
