// sluice offsets reset|set|shift|import|undo: a plan first; with --execute carried out, and undone by a file.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>

#include "cli/cmd_offsets.h"
#include "cli/command.h"
#include "env/posix.h"
#include "offsets/execute.h"
#include "offsets/plan.h"
#include "offsets/position_text.h"
#include "offsets/undo.h"
#include "offsets/when.h"

namespace sluice::cli {
namespace {

using offsets::Plan;
using offsets::PositionStore;
using offsets::Target;
using Kind = offsets::Target::Kind;

constexpr std::uint64_t position_file_bytes_max = 64u << 20;

Result<std::int64_t> parse_number(const std::string& text, std::string_view flag) {
  std::int64_t out = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), out);
  if (!text.empty() && error == std::errc{} && end == text.data() + text.size()) return out;
  return fail(Code::invalid_argument,
              fmt::format("{} takes a number, not '{}'; nothing was done", flag, text));
}

Result<std::string> read_text(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  const auto bytes = SLUICE_TRY(env::posix_file_system().read_file(path, position_file_bytes_max));
  return std::string(as_text(bytes));
}

/// The one store that the flags name.
Result<std::unique_ptr<PositionStore>> chosen_store(client::Cluster& cluster, const std::string& group,
                                                    const std::string& positions) {
  if (group.empty() == positions.empty()) {
    return fail(Code::invalid_argument, "whose positions? nothing was done",
                "--group GROUP, or --positions FILE");
  }
  return positions.empty() ? offsets::group_store(cluster, group)
                           : offsets::file_store(cluster.env(), positions);
}

std::string undo_directory(const MoveFlags& flags) {
  return flags.undo_dir.empty() ? offsets::undo_directory() : flags.undo_dir;
}

Table plan_table(const Plan& plan, const offsets::Executed* done) {
  Table table;
  table.schema = "sluice.offsets.plan/1";
  table.columns = {"topic", "partition", "log_start", "old", "new", "log_end", "reread", "skipped"};
  const auto any = [&](auto member) {
    return std::ranges::any_of(plan.moves, [&](const auto& move) { return !(move.*member).empty(); });
  };
  const bool notes = any(&offsets::Move::note);
  const bool errors = any(&offsets::Move::error) || (done != nullptr && !done->all_well());
  if (done != nullptr) table.columns.emplace_back("stored");
  if (notes) table.columns.emplace_back("note");
  if (errors) table.columns.emplace_back("error");
  const auto offset = [](const std::optional<offsets::StoredPosition>& position) {
    return position ? Cell(position->offset.value) : Cell();
  };
  for (std::size_t i = 0; i < plan.moves.size(); ++i) {
    const auto& move = plan.moves[i];
    auto& row = table.rows.emplace_back(std::vector<Cell>{
        move.which.topic, cell(move.which.partition), cell(move.log_start), offset(move.from),
        offset(move.to), cell(move.log_end), cell(move.reread()), cell(move.skipped())});
    if (done != nullptr) row.push_back(offset(done->stored[i]));
    if (notes) row.push_back(cell(move.note));
    const auto& error = done != nullptr && !done->errors[i].empty() ? done->errors[i] : move.error;
    if (errors) row.push_back(cell(error));
    if (error.empty()) continue;
    const auto partition =
        move.which.partition.value < 0 ? std::string() : fmt::format("[{}]", move.which.partition.value);
    table.errors.push_back(fmt::format("{}{}: {}", move.which.topic, partition, error));
  }
  return table;
}

std::ptrdiff_t changes(const Plan& plan) {
  return std::ranges::count_if(plan.moves, &offsets::Move::changes);
}

Result<int> show_plan(const Plan& plan, const PositionStore& store, OutputFormat format) {
  auto table = plan_table(plan, nullptr);
  table.facts = {{"plan", plan.id()}, {"executed", false}};
  const auto code = SLUICE_TRY(show_table(table, format));
  if (!plan.possible()) {
    fmt::print(stderr, "no position of {} was changed: not every partition can be moved\n", store.name());
  } else {
    fmt::print(stderr,
               "plan {}: {} of {} positions of {} would change; nothing was changed\n"
               "  try  the same with --execute (and --if-plan {}: only if it is still this plan)\n",
               plan.id(), changes(plan), plan.moves.size(), store.name(), plan.id());
  }
  return code;
}

/// The only target that the flags of `reset` name.
Result<Target> reset_target(client::Cluster& cluster, const MoveFlags& flags) {
  const auto now = env::posix_clock().wall_ms();
  if (flags.to_earliest) return Target{Kind::earliest, 0, {}};
  if (flags.to_latest) return Target{Kind::latest, 0, {}};
  if (flags.to_current) return Target{Kind::current, 0, {}};
  if (!flags.to_offset.empty())
    return Target{Kind::offset, SLUICE_TRY(parse_number(flags.to_offset, "--to-offset")), {}};
  if (!flags.shift_by.empty())
    return Target{Kind::shift, SLUICE_TRY(parse_number(flags.shift_by, "--shift-by")), {}};
  if (!flags.to_datetime.empty())
    return Target{Kind::time, SLUICE_TRY(offsets::parse_datetime(flags.to_datetime)), {}};
  if (!flags.by_duration.empty()) {
    const auto ago = SLUICE_TRY(offsets::parse_period(flags.by_duration));
    return Target{Kind::time, std::max<std::int64_t>(now - ago, 0), {}};
  }
  Target out{Kind::positions, 0, {}};
  if (!flags.from_file.empty()) {
    const auto text = SLUICE_TRY(read_text(flags.from_file));
    out.positions = SLUICE_TRY(offsets::parse_positions(text));
    return out;
  }
  const auto other = offsets::group_store(cluster, flags.to_group);
  for (const auto& [which, position] : SLUICE_TRY(other->load())) out.positions[which] = position.offset;
  if (out.positions.empty())
    return fail(Code::not_found, fmt::format("{} has no positions; nothing was changed", other->name()),
                "check --to-group");
  return out;
}

Result<int> move_to(client::Cluster& cluster, const MoveFlags& flags, const Target& target) {
  const auto choices = SLUICE_TRY(parse_topics(flags.topics));
  const auto store = SLUICE_TRY(chosen_store(cluster, flags.group, flags.positions));
  // A group that is being left commits as it goes: the plan is made after that.
  const auto wait = SLUICE_TRY(parse_duration(flags.wait_empty));
  if (flags.execute) SLUICE_TRY(store->require_idle(wait));
  const auto plan = SLUICE_TRY(offsets::make_plan(cluster, *store, {choices, target, flags.clamp}));
  return carry_out(cluster.env(), *store, plan, flags);
}

Result<int> run_reset(const MoveFlags& flags) {
  const int targets = int{flags.to_earliest} + int{flags.to_latest} + int{flags.to_current} +
                      int{!flags.to_offset.empty()} + int{!flags.to_datetime.empty()} +
                      int{!flags.by_duration.empty()} + int{!flags.shift_by.empty()} +
                      int{!flags.to_group.empty()} + int{!flags.from_file.empty()};
  if (targets != 1) {
    return fail(
        Code::invalid_argument, "where to? exactly one target is needed; nothing was done",
        "--to-earliest, --to-latest, --to-current, --to-offset, --to-datetime, --by-duration, --shift-by, "
        "--to-group or --from-file");
  }
  const bool positions = !flags.to_group.empty() || !flags.from_file.empty();
  if (flags.topics.empty() == !flags.all_topics && !positions) {
    return fail(Code::invalid_argument, "which topics? nothing was done", "--topic TOPIC, or --all-topics");
  }
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto target = SLUICE_TRY(reset_target(*cluster, flags));
  return move_to(*cluster, flags, target);
}

/// "orders:3=1200".
Result<int> run_set(const MoveFlags& flags) {
  std::string lines;
  for (const auto& text : flags.set) {
    const auto equals = text.rfind('=');
    const auto colon = text.rfind(':', equals);
    if (equals == std::string::npos || colon == std::string::npos) {
      return fail(Code::invalid_argument, fmt::format("'{}' is no position; nothing was done", text),
                  "write it as TOPIC:PARTITION=OFFSET");
    }
    lines += fmt::format("{}:{}:{}\n", text.substr(0, colon), text.substr(colon + 1, equals - colon - 1),
                         text.substr(equals + 1));
  }
  const Target target{Kind::positions, 0, SLUICE_TRY(offsets::parse_positions(lines))};
  const auto cluster = SLUICE_TRY(connect(flags));
  return move_to(*cluster, flags, target);
}

Result<int> run_shift(const MoveFlags& flags) {
  if (flags.topics.empty() == !flags.all_topics)
    return fail(Code::invalid_argument, "which topics? nothing was done", "--topic TOPIC, or --all-topics");
  const Target target{Kind::shift, SLUICE_TRY(parse_number(flags.shift_by, "--by")), {}};
  const auto cluster = SLUICE_TRY(connect(flags));
  return move_to(*cluster, flags, target);
}

Result<int> run_import(const MoveFlags& flags) {
  const auto text = SLUICE_TRY(read_text(flags.file));
  const auto topic = flags.topics.size() == 1 ? flags.topics.front() : std::string();
  const Target target{Kind::positions, 0, SLUICE_TRY(offsets::parse_positions(text, topic))};
  const auto cluster = SLUICE_TRY(connect(flags));
  return move_to(*cluster, flags, target);
}

Result<int> run_undo(const MoveFlags& flags) {
  if (flags.file.empty() == !flags.last) {
    return fail(Code::invalid_argument, "which undo file? nothing was done", "name one, or --last");
  }
  const auto env = env::posix_env();
  const auto path = flags.last ? SLUICE_TRY(offsets::last_undo(env, undo_directory(flags))) : flags.file;
  const auto undo = SLUICE_TRY(offsets::read_undo(env, path));
  const auto cluster = SLUICE_TRY(connect(flags));
  const bool kafka = undo.store == "kafka";
  const auto store = SLUICE_TRY(chosen_store(*cluster, kafka ? undo.owner : "", kafka ? "" : undo.owner));
  const auto wait = SLUICE_TRY(parse_duration(flags.wait_empty));
  if (flags.execute) SLUICE_TRY(store->require_idle(wait));
  const auto plan = SLUICE_TRY(offsets::make_undo_plan(*cluster, *store, undo));
  return carry_out(cluster->env(), *store, plan, flags);
}

void add_store_flags(CLI::App& app, MoveFlags& flags) {
  app.add_option("-g,--group", flags.group, "The group whose positions are moved")->type_name("GROUP");
  app.add_option("--positions", flags.positions, "The file whose positions are moved")->type_name("FILE");
  app.add_flag("--clamp", flags.clamp, "Take the nearer end of the log for offsets outside of it");
}

void add_topic_flags(CLI::App& app, MoveFlags& flags) {
  add_repeated(app, "-t,--topic", flags.topics,
               "The topic or a pattern, with :0,3-5 some of its partitions; as often as needed",
               "TOPIC[:PARTITIONS]");
  app.add_flag("--all-topics", flags.all_topics, "Every topic that has positions");
}

void add_reset(CLI::App& app, MoveFlags& flags) {
  auto& reset =
      *app.add_subcommand("reset", "Move positions: to an end, an offset, a time, or another group's");
  add_store_flags(reset, flags);
  add_topic_flags(reset, flags);
  reset.add_flag("--to-earliest", flags.to_earliest, "To the log start");
  reset.add_flag("--to-latest", flags.to_latest, "To the log end");
  reset.add_flag("--to-current", flags.to_current, "To where it is; where there is none to the log end");
  reset.add_option("--to-offset", flags.to_offset, "To this offset")->type_name("OFFSET");
  reset.add_option("--to-datetime", flags.to_datetime, "To the first record of this time or later")
      ->type_name("TIME");
  reset
      .add_option("--by-duration", flags.by_duration, "To the first record after so long ago: PT1H, 90m, 2d")
      ->type_name("PERIOD");
  reset.add_option("--shift-by", flags.shift_by, "So many records forward, or back where negative")
      ->type_name("NUMBER");
  reset.add_option("--to-group", flags.to_group, "To the positions of another group")->type_name("GROUP");
  reset
      .add_option("--from-file", flags.from_file, "To the positions in this file: csv, json, kafka or spark")
      ->type_name("FILE");
  add_execution_flags(reset, flags);
}

}  // namespace

Result<int> carry_out(const env::Env& env, PositionStore& store, const Plan& plan, const MoveFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  if (!flags.execute || !plan.possible()) return show_plan(plan, store, format);
  if (!flags.if_plan.empty() && flags.if_plan != plan.id()) {
    return fail(Code::conflict,
                fmt::format("the plan is now {}, not {}; no position of {} was changed", plan.id(),
                            flags.if_plan, store.name()),
                "positions or the log have changed: look at the plan again, without --execute");
  }
  const auto done = SLUICE_TRY(offsets::execute(env, store, plan, {undo_directory(flags)}));
  auto table = plan_table(plan, &done);
  table.facts = {{"plan", plan.id()}, {"executed", true}, {"undo", cell(done.undo_path)}};
  const auto code = SLUICE_TRY(show_table(table, format));
  if (done.undo_path.empty()) {
    fmt::print(stderr, "all positions of {} were there already; nothing was changed\n", store.name());
  } else {
    fmt::print(stderr, "{} positions of {} changed; to take it back: sluice offsets undo {} --execute\n",
               changes(plan), store.name(), done.undo_path);
  }
  return code;
}

void add_execution_flags(CLI::App& app, MoveFlags& flags) {
  app.add_flag("--execute", flags.execute, "Do it; without it the plan is shown and nothing is changed");
  app.add_option("--wait-empty", flags.wait_empty,
                 "With --execute, how long to wait for the group's members to leave")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--if-plan", flags.if_plan, "With --execute, only if the plan is still this one")
      ->type_name("ID");
  app.add_option("--undo-dir", flags.undo_dir,
                 "Where undo files are; preset: $XDG_STATE_HOME/sluice/undo, or ~/.local/state/sluice/undo")
      ->type_name("DIR");
  add_tool_flags(app, flags);
}

void add_move_commands(CLI::App& app, MoveFlags& flags) {
  add_reset(app, flags);

  auto& set = *app.add_subcommand("set", "Set positions one by one");
  add_store_flags(set, flags);
  set.add_option("TOPIC:PARTITION=OFFSET", flags.set, "Where to go on, as often as needed")->required();
  add_execution_flags(set, flags);

  auto& shift = *app.add_subcommand("shift", "Move positions by a number of records");
  add_store_flags(shift, flags);
  add_topic_flags(shift, flags);
  shift.add_option("--by", flags.shift_by, "So many records forward, or back where negative")
      ->type_name("NUMBER")
      ->required();
  add_execution_flags(shift, flags);

  auto& import = *app.add_subcommand("import", "Set positions from a file: csv, json, kafka, spark or flink");
  add_store_flags(import, flags);
  import.add_option("FILE", flags.file, "The file, or - for stdin")->required();
  add_repeated(import, "-t,--topic", flags.topics, "The topic that Flink's form is of", "TOPIC");
  add_execution_flags(import, flags);

  auto& undo = *app.add_subcommand("undo", "Take back what a command did, by the file that it wrote");
  undo.add_option("FILE", flags.file, "The undo file");
  undo.add_flag("--last", flags.last, "The newest undo file");
  add_execution_flags(undo, flags);
}

std::optional<Result<int>> run_move_commands(const CLI::App& app, const MoveFlags& flags) {
  if (app.got_subcommand("reset")) return run_reset(flags);
  if (app.got_subcommand("set")) return run_set(flags);
  if (app.got_subcommand("shift")) return run_shift(flags);
  if (app.got_subcommand("import")) return run_import(flags);
  if (app.got_subcommand("undo")) return run_undo(flags);
  return std::nullopt;
}

}  // namespace sluice::cli
