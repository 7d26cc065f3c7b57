// What the subcommands of `sluice offsets` share: flags, the cluster, and how rows are shown.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/flags.h"
#include "cli/output.h"
#include "client/cluster.h"
#include "offsets/choice.h"
#include "offsets/plan.h"

namespace sluice::cli {

/// Where a tool finds the cluster, and how it shows what it found.
struct ToolFlags {
  std::string bootstrap_server = "localhost:9092";
  std::string output = "table";
  std::string timeout = "10s";
  bool json = false;
};
void add_tool_flags(CLI::App& app, ToolFlags& flags);

/// The cluster of the flags, through a client that gives up after --timeout.
Result<std::unique_ptr<client::Cluster>> connect(const ToolFlags& flags);
Result<OutputFormat> output_format(const ToolFlags& flags);

/// Prints the table, then on stderr what it says in `errors`. exit_ok, or exit_failed where there are errors.
Result<int> show_table(const Table& table, OutputFormat format);

/// A flag that may be given several times, each time with one value.
CLI::Option* add_repeated(CLI::App& app, const std::string& names, std::vector<std::string>& values,
                          const std::string& text, const std::string& type);

Result<std::vector<offsets::TopicChoice>> parse_topics(const std::vector<std::string>& texts);
Result<std::vector<offsets::NamePattern>> parse_patterns(const std::vector<std::string>& texts);

/// The groups that the texts name or match, ascending; every group of the cluster where `all`. Brokers that
/// cannot be asked for their groups are put into `errors`.
Result<std::vector<std::string>> choose_groups(client::Cluster& cluster,
                                               const std::vector<std::string>& texts, bool all,
                                               std::vector<std::string>& errors);

Cell cell(const std::optional<Offset>& offset);
Cell cell(const std::optional<std::int64_t>& number);
/// Nothing where the text is empty.
Cell cell(const std::string& text);
Cell cell(PartitionId partition);

/// A group of subcommands adds itself to `app`; run() afterwards does what was chosen.
struct LookFlags : ToolFlags {
  std::vector<std::string> topics;
  std::vector<std::string> topic_partitions;
  std::vector<std::string> groups;
  bool all_groups = false;
  std::string lake;
  std::string positions;
  std::string store;
  std::string time = "latest";
};
Result<int> run_offsets_get(const LookFlags& flags);
Result<int> run_offsets_range(const LookFlags& flags);
Result<int> run_offsets_lag(const LookFlags& flags);

/// What moves positions: reset, set, shift, import and undo.
struct MoveFlags : ToolFlags {
  std::string group;
  std::string positions;
  std::vector<std::string> topics;
  bool all_topics = false;
  bool to_earliest = false;
  bool to_latest = false;
  bool to_current = false;
  std::string to_offset;
  std::string to_datetime;
  std::string by_duration;
  std::string shift_by;
  std::string to_group;
  std::string from_file;
  std::vector<std::string> set;
  std::string file;  ///< of import and undo
  bool last = false;
  bool clamp = false;
  bool execute = false;
  std::string wait_empty = "0s";
  std::string if_plan;
  std::string undo_dir;
};
void add_move_commands(CLI::App& app, MoveFlags& flags);
/// Flags of everything that carries plans out: --execute, --wait-empty, --if-plan, --undo-dir.
void add_execution_flags(CLI::App& app, MoveFlags& flags);
/// Shows the plan; with --execute carries it out and shows what is stored then.
Result<int> carry_out(const env::Env& env, offsets::PositionStore& store, const offsets::Plan& plan,
                      const MoveFlags& flags);
/// What was chosen of the commands above; nothing where none was.
std::optional<Result<int>> run_move_commands(const CLI::App& app, const MoveFlags& flags);

/// Positions as text for other programs.
struct ExportFlags : LookFlags {
  std::string format = "csv";
};
void add_export_command(CLI::App& app, ExportFlags& flags);
Result<int> run_offsets_export(const ExportFlags& flags);

}  // namespace sluice::cli
