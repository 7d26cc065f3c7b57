#include "cli/command_tree.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/flags.h"

namespace sluice::cli {
namespace {

using Json = nlohmann::json;

/// What `run` prints to stdout.
std::string capture_stdout(const std::function<void()>& run) {
  std::fflush(stdout);
  const int saved = ::dup(STDOUT_FILENO);
  const int captured = memfd_create("stdout", MFD_CLOEXEC);
  if (saved < 0 || captured < 0) return {};
  ::dup2(captured, STDOUT_FILENO);
  run();
  std::fflush(stdout);
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  std::string out(static_cast<std::size_t>(std::max<off_t>(::lseek(captured, 0, SEEK_END), 0)), '\0');
  const auto got = ::pread(captured, out.data(), out.size(), 0);
  ::close(captured);
  out.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return out;
}

CommandNode from_json(const Json& json) {
  CommandNode node{json["name"], json["text"], {}, {}, {}};
  for (const auto& flag : json["flags"])
    node.flags.push_back({flag["names"], flag["value"], flag["default"], flag["text"]});
  for (const auto& operand : json["operands"]) {
    node.operands.push_back({operand["name"], operand["text"], operand["required"], operand["many"]});
  }
  for (const auto& sub : json["subcommands"]) node.subcommands.push_back(from_json(sub));
  return node;
}

}  // namespace

Result<std::vector<CommandNode>> command_tree() {
  const std::vector<std::string> arguments = {std::string(describe_argument)};
  std::vector<CommandNode> out;
  for (const auto& command : commands()) {
    const auto text = capture_stdout([&] {
      if (command.run != nullptr) {
        command.run(arguments);
      } else {
        run_in_lake_module(command.name, arguments);
      }
    });
    const auto json = Json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.contains("subcommands")) {
      return fail(Code::corrupt,
                  fmt::format("command '{}' does not describe its flags; nothing was written", command.name));
    }
    out.push_back(from_json(json));
  }
  return out;
}

}  // namespace sluice::cli
