// sluice compat TOOL ...: which drop-ins there are, and what they share. A link to sluice with a tool's name
// runs it too.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "cli/command.h"
#include "cli/compat.h"
#include "cli/flags.h"
#include "env/posix.h"

namespace sluice::cli {
namespace {

constexpr std::uint64_t properties_bytes_max = 1u << 20;
constexpr auto retry_timeout = std::chrono::seconds(30);

struct Tool {
  std::string_view name;
  std::string_view java_class;  ///< as kafka-run-class takes it, the last part
  Result<int> (*run)(const std::vector<std::string>& arguments);
};

constexpr auto tools = std::to_array<Tool>({
    {"kafka-get-offsets", "GetOffsetShell", run_kafka_get_offsets},
    {"kafka-consumer-groups", "ConsumerGroupCommand", run_kafka_consumer_groups},
    {"kafka-delete-records", "DeleteRecordsCommand", run_kafka_delete_records},
});
constexpr std::string_view run_class = "kafka-run-class";

const Tool* find_tool(std::string_view name) {
  const auto at = std::ranges::find_if(
      tools, [&](const Tool& tool) { return tool.name == name || tool.java_class == name; });
  return at == tools.end() ? nullptr : at;
}

Error unknown_tool(std::string_view name) {
  std::vector<std::string> names{std::string(run_class)};
  for (const auto& tool : tools) {
    names.emplace_back(tool.name);
    names.emplace_back(tool.java_class);
  }
  const auto meant = nearest(name, names);
  std::string all;
  for (const auto& one : names) all += (all.empty() ? "" : ", ") + one;
  return {Code::invalid_argument, fmt::format("there is no drop-in for '{}'; nothing was done", name),
          meant.empty() ? "one of " + all : "did you mean " + meant + "?", 0};
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

/// Refuses a client configuration that asks for security, which this client does not speak.
Result<void> check_config(const std::string& path) {
  const auto bytes = SLUICE_TRY(env::posix_file_system().read_file(path, properties_bytes_max));
  for (std::string_view rest = as_text(bytes); !rest.empty();) {
    const auto length = std::min(rest.find('\n'), rest.size());
    const auto line = trim(rest.substr(0, length));
    rest.remove_prefix(std::min(length + 1, rest.size()));
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    const auto separator = std::min(line.find_first_of("=:"), line.size());
    const auto key = trim(line.substr(0, separator));
    const auto value = trim(line.substr(std::min(separator + 1, line.size())));
    if (key == "security.protocol" && value != "PLAINTEXT") {
      return fail(Code::unsupported,
                  fmt::format("{}: security.protocol={} is not spoken here; nothing was done", path, value),
                  "a listener with PLAINTEXT");
    }
    if (key != "security.protocol") fmt::print(stderr, "note: {}: {} has no effect here\n", path, key);
  }
  return {};
}

}  // namespace

std::string_view compat_tool(std::string_view program) {
  if (const auto slash = program.rfind('/'); slash != std::string_view::npos)
    program.remove_prefix(slash + 1);
  if (program.ends_with(".sh")) program.remove_suffix(3);
  return program == run_class || find_tool(program) != nullptr ? program : std::string_view{};
}

int run_compat_tool(std::string_view name, const std::vector<std::string>& arguments) {
  if (name == run_class) {
    if (arguments.empty())
      return report({Code::invalid_argument, "which class? nothing was done",
                     "kafka-run-class kafka.tools.GetOffsetShell ...", 0});
    const std::string& java_class = arguments.front();
    const std::string last = java_class.substr(java_class.rfind('.') + 1);
    return run_compat_tool(last, {arguments.begin() + 1, arguments.end()});
  }
  const auto* const tool = find_tool(name);
  if (tool == nullptr) return report(unknown_tool(name));
  const auto code = tool->run(arguments);
  return code ? *code : report(code.error());
}

Result<std::unique_ptr<client::Cluster>> connect(const KafkaFlags& flags) {
  const auto servers =
      flags.has("bootstrap-server") ? flags.value("bootstrap-server") : flags.value("broker-list");
  if (!servers) {
    return fail(Code::invalid_argument, "Missing required argument \"[bootstrap-server]\"; nothing was done",
                "--bootstrap-server HOST:PORT");
  }
  if (const auto config = flags.value("command-config")) SLUICE_TRY(check_config(*config));
  client::ClusterOptions options;
  options.retry_timeout = retry_timeout;
  return client::Cluster::connect(env::posix_env(), *servers, options);
}

int run_compat(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  CLI::App app("Apache Kafka's own tools: the same flags and text, with honest exit codes.", "compat");
  app.add_option("TOOL", words,
                 "kafka-get-offsets, kafka-consumer-groups, kafka-delete-records or kafka-run-class, then "
                 "its own flags")
      ->required();
  app.prefix_command();
  if (!arguments.empty() && (arguments.front().empty() || arguments.front().front() != '-')) {
    const auto tool = compat_tool(arguments.front());
    if (tool.empty()) return report(unknown_tool(arguments.front()));
    return run_compat_tool(tool, {arguments.begin() + 1, arguments.end()});
  }
  if (const auto code = parse_flags(app, arguments)) return *code;
  return exit_usage;
}

}  // namespace sluice::cli
