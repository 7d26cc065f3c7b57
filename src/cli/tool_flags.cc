// Flags, connections and tables that `offsets`, `groups` and `topics` share.
#include <fmt/format.h>

#include <algorithm>

#include "cli/cmd_offsets.h"
#include "cli/command.h"
#include "client/group_batch.h"
#include "env/posix.h"

namespace sluice::cli {

void add_tool_flags(CLI::App& app, ToolFlags& flags) {
  app.add_option("--output", flags.output,
                 "table, json, jsonl, csv, tsv, or where offsets are shown kafka for topic:partition:offset")
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_flag("--json", flags.json, "The same as --output json");
  app.add_option("--timeout", flags.timeout, "How long what may pass is asked again")
      ->type_name("DURATION")
      ->capture_default_str();
  add_bootstrap_flag(app, flags.bootstrap_server);
}

Result<std::unique_ptr<client::Cluster>> connect(const ToolFlags& flags) {
  const auto timeout = SLUICE_TRY(parse_duration(flags.timeout));
  client::ClusterOptions options;
  options.retry_timeout = timeout;
  options.connection.connect_timeout = timeout;
  return client::Cluster::connect(env::posix_env(), flags.bootstrap_server, options);
}

Result<OutputFormat> output_format(const ToolFlags& flags) {
  return flags.json ? OutputFormat::json : parse_output_format(flags.output);
}

Result<int> show_table(const Table& table, OutputFormat format) {
  const auto text = SLUICE_TRY(render(table, format));
  SLUICE_TRY(write_stdout(text));
  for (const auto& error : table.errors) fmt::print(stderr, "error: {}\n", printable(error));
  return table.errors.empty() ? exit_ok : exit_failed;
}

CLI::Option* add_repeated(CLI::App& app, const std::string& names, std::vector<std::string>& values,
                          const std::string& text, const std::string& type) {
  return app.add_option(names, values, text)
      ->type_name(type)
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
}

Result<std::vector<offsets::TopicChoice>> parse_topics(const std::vector<std::string>& texts) {
  std::vector<offsets::TopicChoice> out;
  for (const auto& text : texts) out.push_back(SLUICE_TRY(offsets::parse_topic_choice(text)));
  return out;
}

Result<std::vector<offsets::NamePattern>> parse_patterns(const std::vector<std::string>& texts) {
  std::vector<offsets::NamePattern> out;
  for (const auto& text : texts) out.push_back(SLUICE_TRY(offsets::NamePattern::parse(text)));
  return out;
}

Result<std::vector<std::string>> choose_groups(client::Cluster& cluster,
                                               const std::vector<std::string>& texts, bool all,
                                               std::vector<std::string>& errors) {
  const auto patterns = SLUICE_TRY(parse_patterns(texts));
  std::vector<std::string> have;
  if (all || !std::ranges::all_of(patterns, &offsets::NamePattern::is_name)) {
    const auto listed = client::list_groups(cluster);
    for (const auto& error : listed.errors) errors.push_back(error.message);
    for (const auto& group : listed.groups) {
      // Connect's workers and such have no positions; a group of positions alone has no protocol type.
      if (group.protocol_type.empty() || group.protocol_type == "consumer") have.push_back(group.group);
    }
  }
  return all ? have : offsets::choose_names(have, patterns, "group");
}

Cell cell(const std::optional<Offset>& offset) {
  return offset ? Cell(offset->value) : Cell();
}
Cell cell(const std::optional<std::int64_t>& number) {
  return number ? Cell(*number) : Cell();
}
Cell cell(const std::string& text) {
  return text.empty() ? Cell() : Cell(text);
}
Cell cell(PartitionId partition) {
  return partition.value < 0 ? Cell() : Cell(std::int64_t{partition.value});
}

}  // namespace sluice::cli
