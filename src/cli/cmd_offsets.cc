// sluice offsets: the subcommands and their flags.
#include "cli/cmd_offsets.h"

#include "cli/command.h"

namespace sluice::cli {
namespace {

void add_topic_flag(CLI::App& app, std::vector<std::string>& topics, const std::string& text) {
  add_repeated(app, "-t,--topic", topics, text, "TOPIC[:PARTITIONS]");
}

void declare_get(CLI::App& app, LookFlags& flags) {
  add_topic_flag(app, flags.topics,
                 "The topic or a pattern, with :0,3-5 some of its partitions; as often as needed");
  add_repeated(app, "--topic-partitions", flags.topic_partitions, "The same as --topic",
               "TOPIC[:PARTITIONS]");
  app.add_option("--time", flags.time,
                 "-1 or latest, -2 or earliest, -3 or max-timestamp, a date, milliseconds since 1970, or -2h")
      ->type_name("TIME")
      ->capture_default_str();
  add_tool_flags(app, flags);
}

void declare_range(CLI::App& app, LookFlags& flags) {
  add_topic_flag(app, flags.topics,
                 "The topic or a pattern, with :0,3-5 some of its partitions; as often as needed");
  add_tool_flags(app, flags);
}

void declare_lag(CLI::App& app, LookFlags& flags) {
  add_topic_flag(app, flags.topics, "Only this topic, pattern or partitions of one; as often as needed");
  add_repeated(app, "-g,--group", flags.groups,
               "The positions of this group or of those that a pattern matches", "GROUP");
  app.add_flag("--all-groups", flags.all_groups, "The positions of every group");
  app.add_option("-l,--lake", flags.lake, "The positions of the table DIR/TOPIC, from its commit log")
      ->type_name("DIR");
  app.add_option("--positions", flags.positions, "The positions in this file")->type_name("FILE");
  app.add_option("--store", flags.store, "kafka, table or file; follows from the flags above")
      ->type_name("STORE");
  add_tool_flags(app, flags);
}

}  // namespace

int run_offsets(const std::vector<std::string>& arguments) {
  LookFlags look;
  MoveFlags move;
  ExportFlags out;
  CLI::App app("Positions: see them, with lag and lost apart, and move them safely.", "offsets");
  app.require_subcommand(1);
  auto* const get = app.add_subcommand("get", "The offsets of partitions at a time");
  declare_get(*get, look);
  auto* const range = app.add_subcommand("range", "Where the log of each partition begins and ends");
  declare_range(*range, look);
  auto* const lag =
      app.add_subcommand("lag", "How far groups or a table have come: lag can still be read, lost cannot");
  declare_lag(*lag, look);
  add_move_commands(app, move);
  add_export_command(app, out);
  if (const auto code = parse_flags(app, arguments)) return *code;
  const auto moved = run_move_commands(app, move);
  const auto code = moved                          ? *moved
                    : app.got_subcommand("export") ? run_offsets_export(out)
                    : get->parsed()                ? run_offsets_get(look)
                    : range->parsed()              ? run_offsets_range(look)
                                                   : run_offsets_lag(look);
  return code ? *code : report(code.error());
}

}  // namespace sluice::cli
