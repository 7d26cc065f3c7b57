// The one function of sluice-lake.so, through which `sluice` reaches the commands that need Arrow (decision
// record 0002).
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

/// Runs `command` ("ingest", "audit") with the arguments after its name; returns its exit code.
extern "C" __attribute__((visibility("default"))) int sluice_lake_run(const char* command, int argc,
                                                                      const char* const* argv) {
  using namespace sluice;
  const std::vector<std::string> arguments(argv, argv + argc);
  const std::string_view name(command);
  if (name == "ingest") return cli::run_ingest(arguments);
  if (name == "audit") return cli::run_audit(arguments);
  return cli::report(Error{Code::unsupported,
                           fmt::format("'sluice {}' did not start: sluice-lake.so has no such command", name),
                           "install a sluice-lake.so of the same version as sluice", 0});
}
