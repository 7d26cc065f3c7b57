// sluice topics: its subcommands, and those that only look: list and describe.
#include "cli/cmd_topics.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "client/topic_batch.h"
#include "offsets/lookup.h"

namespace sluice::cli {
namespace {

std::string ids_text(const std::vector<BrokerId>& ids) {
  std::string out;
  for (const auto id : ids) out += fmt::format("{}{}", out.empty() ? "" : ",", id.value);
  return out;
}

Result<int> run_list(const TopicFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto patterns = SLUICE_TRY(parse_patterns(flags.topics));
  const auto cluster = SLUICE_TRY(connect(flags));
  Table table;
  table.schema = "sluice.topics.list/1";
  table.columns = {"topic", "partitions", "replication", "internal", "id"};
  for (const auto& topic : SLUICE_TRY(cluster->topics())) {
    const bool wanted =
        patterns.empty()
            ? flags.internal || !topic.is_internal
            : std::ranges::any_of(patterns, [&](const auto& pattern) { return pattern.matches(topic.name); });
    if (!wanted) continue;
    const auto replicas = topic.partitions.empty() ? 0 : topic.partitions.front().replicas.size();
    table.rows.push_back({topic.name, static_cast<std::int64_t>(topic.partitions.size()),
                          static_cast<std::int64_t>(replicas), topic.is_internal,
                          topic.id.is_zero() ? Cell() : Cell(to_string(topic.id))});
  }
  return show_table(table, format);
}

Result<int> describe_settings(client::Cluster& cluster, const std::vector<std::string>& topics,
                              OutputFormat format) {
  Table table;
  table.schema = "sluice.topics.configs/1";
  table.columns = {"topic", "name", "value", "is_default", "is_read_only"};
  std::vector<std::string> errors;
  const auto told = client::describe_configs(cluster, topics);
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (!told[i]) {
      table.rows.push_back({topics[i], Cell(), Cell(), Cell(), Cell()});
      errors.push_back(told[i].error().message);
      continue;
    }
    for (const auto& entry : *told[i]) {
      table.rows.push_back({topics[i], entry.name, entry.value ? Cell(*entry.value) : Cell(),
                            entry.is_default, entry.is_read_only});
      errors.emplace_back();
    }
  }
  add_errors(table, errors);
  return show_table(table, format);
}

Result<int> run_describe(const TopicFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto choices = SLUICE_TRY(parse_topics(flags.topics));
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto topics = SLUICE_TRY(offsets::choose_topics(*cluster, choices));
  if (flags.configs) return describe_settings(*cluster, topics, format);
  const auto known = SLUICE_TRY(cluster->describe_topics(topics));
  auto rows = SLUICE_TRY(offsets::topic_ranges(*cluster, topics));
  offsets::keep_chosen(rows, choices);
  Table table;
  table.schema = "sluice.topics.describe/1";
  table.columns = {"topic",    "partition", "leader",    "leader_epoch",
                   "replicas", "in_sync",   "log_start", "log_end"};
  std::vector<std::string> errors;
  for (const auto& row : rows) {
    const auto topic = known.find(row.topic);
    const auto* const partition = topic == known.end() ? nullptr : topic->second.find(row.partition);
    table.rows.push_back({row.topic, cell(row.partition),
                          row.leader.value < 0 ? Cell() : Cell(std::int64_t{row.leader.value}),
                          partition == nullptr || partition->leader_epoch.value < 0
                              ? Cell()
                              : Cell(std::int64_t{partition->leader_epoch.value}),
                          partition == nullptr ? Cell() : Cell(ids_text(partition->replicas)),
                          partition == nullptr ? Cell() : Cell(ids_text(partition->in_sync_replicas)),
                          cell(row.log_start), cell(row.log_end)});
    errors.push_back(row.error);
  }
  add_errors(table, errors);
  return show_table(table, format);
}

void add_topic_operands(CLI::App& app, TopicFlags& flags, const std::string& text, bool required) {
  app.add_option("TOPIC", flags.topics, text)->required(required);
}

void add_execute(CLI::App& app, TopicFlags& flags) {
  app.add_flag("--execute", flags.execute, "Do it; without it nothing is changed");
  add_tool_flags(app, flags);
}

void declare_looks(CLI::App& app, TopicFlags& flags) {
  auto& list = *app.add_subcommand("list", "The topics of the cluster");
  add_topic_operands(list, flags, "Only these: topics, or patterns", false);
  list.add_flag("--internal", flags.internal, "Internal topics too");
  add_tool_flags(list, flags);

  auto& describe = *app.add_subcommand("describe", "Leader, replicas and log of each partition, or settings");
  add_topic_operands(describe, flags, "Only these: topics, patterns, or TOPIC:PARTITIONS", false);
  describe.add_flag("--configs", flags.configs, "The settings instead of the partitions");
  add_tool_flags(describe, flags);
}

void declare_changes(CLI::App& app, TopicFlags& flags) {
  auto& create = *app.add_subcommand("create", "Create topics");
  add_topic_operands(create, flags, "The new topics", true);
  create.add_option("-p,--partitions", flags.partitions, "How many; preset: the broker's")->type_name("N");
  create
      .add_option("--replication-factor", flags.replication_factor, "How many replicas; preset: the broker's")
      ->type_name("N");
  add_repeated(create, "-c,--config", flags.set, "A setting, as often as needed", "KEY=VALUE");
  create.add_flag("--if-not-exists", flags.if_not_exists, "A topic that is there already is no error");
  create.add_flag("--dry-run", flags.dry_run, "Only let the broker check it");
  add_tool_flags(create, flags);

  auto& remove = *app.add_subcommand("delete", "Delete topics with all of their records");
  add_topic_operands(remove, flags, "Topics, or patterns", true);
  add_execute(remove, flags);

  auto& alter = *app.add_subcommand("alter", "Change settings of topics");
  add_topic_operands(alter, flags, "Topics, or patterns", true);
  add_repeated(alter, "-s,--set", flags.set, "A setting, as often as needed", "KEY=VALUE");
  add_repeated(alter, "--unset", flags.unset, "Back to the broker's setting", "KEY");
  add_execute(alter, flags);

  auto& trim = *app.add_subcommand("trim", "Delete the records before an offset or a time");
  add_topic_operands(trim, flags, "Topics, patterns, or TOPIC:PARTITIONS", false);
  trim.add_option("--before", flags.before, "OFFSET, a time, -2h, or latest for all records")
      ->type_name("WHERE");
  trim.add_option("--offset-json-file", flags.offset_json_file,
                  "Where for each partition, as kafka-delete-records takes it")
      ->type_name("FILE");
  add_execute(trim, flags);

  auto& partitions = *app.add_subcommand("partitions", "Partitions of topics");
  partitions.require_subcommand(1);
  auto& add = *partitions.add_subcommand("add", "Raise the number of partitions");
  add_topic_operands(add, flags, "Topics, or patterns", true);
  add.add_option("--total", flags.total, "How many there are to be")->type_name("N")->required();
  add_execute(add, flags);
}

}  // namespace

Result<std::vector<std::string>> named_topics(client::Cluster& cluster,
                                              const std::vector<std::string>& texts) {
  const auto choices = SLUICE_TRY(parse_topics(texts));
  return offsets::choose_topics(cluster, choices);
}

int run_topics(const std::vector<std::string>& arguments) {
  TopicFlags flags;
  CLI::App app("Topics: see, create, change, trim and delete them.", "topics");
  app.require_subcommand(1);
  declare_looks(app, flags);
  declare_changes(app, flags);
  if (const auto code = parse_flags(app, arguments)) return *code;
  const auto code = app.got_subcommand("list")       ? run_list(flags)
                    : app.got_subcommand("describe") ? run_describe(flags)
                    : app.got_subcommand("create")   ? run_topics_create(flags)
                    : app.got_subcommand("delete")   ? run_topics_delete(flags)
                    : app.got_subcommand("alter")    ? run_topics_alter(flags)
                    : app.got_subcommand("trim")     ? run_topics_trim(flags)
                                                     : run_topics_partitions_add(flags);
  return code ? *code : report(code.error());
}

}  // namespace sluice::cli
