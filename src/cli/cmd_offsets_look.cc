// sluice offsets get|range|lag: what a log has, and how far groups, tables and position files have come.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/cmd_offsets.h"
#include "cli/command.h"
#include "client/offset_batch.h"
#include "env/posix.h"
#include "offsets/group_standing.h"
#include "offsets/lookup.h"
#include "offsets/loss.h"
#include "offsets/when.h"
#include "positions/file_store.h"

namespace sluice::cli {
namespace {

using offsets::Loss;
using offsets::Standing;

std::string place(const Standing& row) {
  std::string out = row.group.empty() ? "" : row.group + ": ";
  if (row.topic.empty()) return out.empty() ? out : out.substr(0, out.size() - 2);
  out += row.topic;
  if (row.partition.value >= 0) out += fmt::format("[{}]", row.partition.value);
  return out;
}

Cell loss_cell(const Standing& row) {
  if (!row.loss) return {};
  switch (*row.loss) {
    case Loss::none:
      return "none";
    case Loss::possible:
      return "possible";
    case Loss::certain:
      return "certain";
  }
  return {};
}

/// Adds the columns that are there only where some row has something to say, and the errors.
void add_remarks(Table& table, const std::vector<Standing>& rows) {
  const bool reasons = std::ranges::any_of(rows, [](const auto& row) { return !row.loss_reason.empty(); });
  const bool errors = std::ranges::any_of(rows, [](const auto& row) { return !row.error.empty(); });
  if (reasons) table.columns.emplace_back("reason");
  if (errors) table.columns.emplace_back("error");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (reasons) table.rows[i].push_back(cell(rows[i].loss_reason));
    if (errors) table.rows[i].push_back(cell(rows[i].error));
    if (!rows[i].error.empty()) table.errors.push_back(fmt::format("{}: {}", place(rows[i]), rows[i].error));
  }
}

Table range_table(const std::vector<Standing>& rows) {
  Table table;
  table.schema = "sluice.offsets.range/1";
  table.columns = {"topic", "partition", "log_start", "log_end", "records", "leader"};
  for (const auto& s : rows) {
    const bool known = s.log_start && s.log_end;
    table.rows.push_back({s.topic, cell(s.partition), cell(s.log_start), cell(s.log_end),
                          known ? Cell(*s.log_end - *s.log_start) : Cell(),
                          s.leader.value < 0 ? Cell() : Cell(std::int64_t{s.leader.value})});
  }
  add_remarks(table, rows);
  return table;
}

Table lag_table(const std::vector<Standing>& rows, bool with_groups) {
  Table table;
  table.schema = "sluice.offsets.lag/1";
  table.columns = {"topic", "partition", "log_start", "committed", "output",
                   "read",  "log_end",   "lag",       "lost",      "loss"};
  if (with_groups) table.columns.insert(table.columns.begin(), "group");
  for (const auto& s : rows) {
    auto& row = table.rows.emplace_back();
    if (with_groups) row.emplace_back(cell(s.group));
    for (auto&& c : {cell(s.topic), cell(s.partition), cell(s.log_start), cell(s.committed), cell(s.output),
                     cell(s.read), cell(s.log_end), cell(s.lag()), cell(s.lost()), loss_cell(s)}) {
      row.push_back(c);
    }
  }
  add_remarks(table, rows);
  return table;
}

/// "topic:partition:offset" of the rows that have one, as Kafka's own tool prints them; errors go to stderr.
template <class Rows, class Pick>
Result<int> show_kafka(const Rows& rows, const Table& table, Pick pick) {
  std::string out;
  for (const auto& row : rows) out += pick(row);
  SLUICE_TRY(write_stdout(out));
  for (const auto& error : table.errors) fmt::print(stderr, "error: {}\n", printable(error));
  return table.errors.empty() ? exit_ok : exit_failed;
}

std::string kafka_line(const Standing& row, const std::optional<Offset>& offset) {
  if (!offset) return {};
  return fmt::format("{}:{}:{}\n", row.topic, row.partition.value, offset->value);
}

Table get_table(const std::vector<offsets::Lookup>& rows) {
  Table table;
  table.schema = "sluice.offsets.get/1";
  table.columns = {"topic", "partition", "offset", "timestamp", "leader_epoch"};
  const bool errors = std::ranges::any_of(rows, [](const auto& row) { return !row.error.empty(); });
  if (errors) table.columns.emplace_back("error");
  for (const auto& r : rows) {
    auto& row = table.rows.emplace_back(
        std::vector<Cell>{r.which.topic, cell(r.which.partition), cell(r.offset), cell(r.timestamp_ms),
                          r.leader_epoch ? Cell(std::int64_t{r.leader_epoch->value}) : Cell()});
    if (errors) row.push_back(cell(r.error));
    if (r.error.empty()) continue;
    const auto partition =
        r.which.partition.value < 0 ? std::string() : fmt::format("[{}]", r.which.partition.value);
    table.errors.push_back(fmt::format("{}{}: {}", r.which.topic, partition, r.error));
  }
  return table;
}

Result<std::vector<Standing>> lag_of_groups(client::Cluster& cluster, const LookFlags& flags,
                                            std::vector<std::string>& errors) {
  const auto choices = SLUICE_TRY(parse_topics(flags.topics));
  const auto groups = SLUICE_TRY(choose_groups(cluster, flags.groups, flags.all_groups, errors));
  auto rows = SLUICE_TRY(offsets::group_standings(cluster, groups, choices));
  // A group that was named and has nothing to show is told, not left out.
  if (flags.all_groups) return rows;
  for (const auto& group : groups) {
    if (std::ranges::find(rows, group, &Standing::group) != rows.end()) continue;
    auto& row = rows.emplace_back();
    row.group = group;
    row.error = fmt::format("no positions at {}; name the topic to see its range: --topic TOPIC",
                            flags.bootstrap_server);
  }
  return rows;
}

Result<std::vector<Standing>> lag_of_tables(client::Cluster& cluster, const LookFlags& flags) {
  const auto choices = SLUICE_TRY(parse_topics(flags.topics));
  std::vector<Standing> out;
  for (const auto& topic : SLUICE_TRY(offsets::choose_topics(cluster, choices))) {
    auto rows = SLUICE_TRY(offsets::topic_ranges(cluster, {topic}));
    SLUICE_TRY(offsets::add_table(cluster, env::join(flags.lake, topic), rows));
    std::ranges::move(rows, std::back_inserter(out));
  }
  offsets::keep_chosen(out, choices);
  return out;
}

Result<std::vector<Standing>> lag_of_file(client::Cluster& cluster, const LookFlags& flags) {
  const auto choices = SLUICE_TRY(parse_topics(flags.topics));
  positions::FileStore store(*cluster.env().fs, flags.positions);
  auto stored = SLUICE_TRY(store.load());
  if (stored.empty()) {
    return fail(Code::not_found, fmt::format("no positions are stored in {}", flags.positions),
                "check --positions");
  }
  std::set<std::string> topics;
  for (const auto& [which, offset] : stored) topics.insert(which.topic);
  auto rows = SLUICE_TRY(offsets::topic_ranges(cluster, {topics.begin(), topics.end()}));
  for (auto& row : rows) {
    if (const auto at = stored.extract({row.topic, row.partition})) row.committed = row.next = at.mapped();
  }
  for (const auto& [which, offset] : stored) {
    auto& row = rows.emplace_back();
    row.topic = which.topic;
    row.partition = which.partition;
    row.committed = row.next = offset;
    row.error = fmt::format("topic {} has no partition {} any more", which.topic, which.partition.value);
  }
  std::erase_if(rows, [&](const Standing& row) {
    return !choices.empty() && std::ranges::none_of(choices, [&](const offsets::TopicChoice& choice) {
      return choice.topic.matches(row.topic);
    });
  });
  offsets::keep_chosen(rows, choices);
  return rows;
}

/// Which store's positions are meant; the flags must agree on one.
Result<std::string> chosen_store(const LookFlags& flags) {
  const bool group = !flags.groups.empty() || flags.all_groups;
  const int given = int{group} + int{!flags.lake.empty()} + int{!flags.positions.empty()};
  if (given != 1) {
    return fail(Code::invalid_argument,
                "lag is that of groups, of a table or of a positions file; nothing was asked",
                "one of --group GROUP, --all-groups, --lake DIR --topic TOPIC, --positions FILE");
  }
  const std::string store = group ? "kafka" : !flags.lake.empty() ? "table" : "file";
  if (!flags.store.empty() && flags.store != store) {
    return fail(Code::invalid_argument,
                fmt::format("--store {} does not go with flags of the store '{}'; nothing was asked",
                            flags.store, store),
                "kafka: --group; table: --lake; file: --positions");
  }
  if (store == "table" && flags.topics.empty()) {
    return fail(Code::invalid_argument, "--lake needs the topic whose table it holds; nothing was asked",
                "--topic TOPIC");
  }
  return store;
}

}  // namespace

Result<int> run_offsets_get(const LookFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  auto texts = flags.topics;
  for (const auto& text : flags.topic_partitions) texts.push_back(text);
  const auto choices = SLUICE_TRY(parse_topics(texts));
  const auto spec = SLUICE_TRY(offsets::parse_time(flags.time, env::posix_clock().wall_ms()));
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto rows = SLUICE_TRY(offsets::look_up(*cluster, choices, spec));
  const auto table = get_table(rows);
  if (format != OutputFormat::kafka) return show_table(table, format);
  return show_kafka(rows, table, [](const offsets::Lookup& row) {
    if (!row.offset) return std::string();
    return fmt::format("{}:{}:{}\n", row.which.topic, row.which.partition.value, row.offset->value);
  });
}

Result<int> run_offsets_range(const LookFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto choices = SLUICE_TRY(parse_topics(flags.topics));
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto topics = SLUICE_TRY(offsets::choose_topics(*cluster, choices));
  auto rows = SLUICE_TRY(offsets::topic_ranges(*cluster, topics));
  offsets::keep_chosen(rows, choices);
  const auto table = range_table(rows);
  if (format != OutputFormat::kafka) return show_table(table, format);
  return show_kafka(rows, table, [](const Standing& row) { return kafka_line(row, row.log_end); });
}

Result<int> run_offsets_lag(const LookFlags& flags) {
  const auto store = SLUICE_TRY(chosen_store(flags));
  const auto format = SLUICE_TRY(output_format(flags));
  const auto cluster = SLUICE_TRY(connect(flags));
  std::vector<std::string> errors;
  auto rows = SLUICE_TRY(store == "kafka"   ? lag_of_groups(*cluster, flags, errors)
                         : store == "table" ? lag_of_tables(*cluster, flags)
                                            : lag_of_file(*cluster, flags));
  offsets::judge_losses(*cluster, rows);
  auto table = lag_table(rows, store == "kafka");
  table.errors.insert(table.errors.begin(), errors.begin(), errors.end());
  if (format != OutputFormat::kafka) return show_table(table, format);
  return show_kafka(rows, table, [](const Standing& row) { return kafka_line(row, row.committed); });
}

}  // namespace sluice::cli
