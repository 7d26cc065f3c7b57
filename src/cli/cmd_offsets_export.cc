// sluice offsets export: positions as the texts that other programs start from.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/cmd_offsets.h"
#include "cli/command.h"
#include "env/posix.h"
#include "offsets/lookup.h"
#include "offsets/position_store.h"
#include "offsets/position_text.h"
#include "offsets/when.h"

namespace sluice::cli {
namespace {

using offsets::TopicChoice;

struct Exported {
  offsets::Offsets offsets;
  std::set<client::TopicPartition> partitions;  ///< every one of the topics; some may have no offset
  std::vector<std::string> errors;
};

bool is_chosen(const client::TopicPartition& which, const std::vector<TopicChoice>& choices) {
  return choices.empty() || std::ranges::any_of(choices, [&](const TopicChoice& choice) {
           return choice.topic.matches(which.topic) && choice.has(which.partition);
         });
}

Result<Exported> export_time(client::Cluster& cluster, const ExportFlags& flags,
                             const std::vector<TopicChoice>& choices) {
  const auto spec = SLUICE_TRY(offsets::parse_time(flags.time, env::posix_clock().wall_ms()));
  Exported out;
  for (const auto& row : SLUICE_TRY(offsets::look_up(cluster, choices, spec))) {
    out.partitions.insert(row.which);
    if (row.offset) out.offsets[row.which] = *row.offset;
    if (!row.error.empty())
      out.errors.push_back(fmt::format("{}[{}]: {}", row.which.topic, row.which.partition.value, row.error));
  }
  return out;
}

Result<Exported> export_store(client::Cluster& cluster, offsets::PositionStore& store,
                              const std::vector<TopicChoice>& choices) {
  Exported out;
  std::vector<std::string> topics;
  for (const auto& [which, position] : SLUICE_TRY(store.load())) {
    if (!is_chosen(which, choices)) continue;
    out.offsets[which] = position.offset;
    if (topics.empty() || topics.back() != which.topic) topics.push_back(which.topic);
  }
  if (out.offsets.empty())
    return fail(Code::not_found, fmt::format("{} has no such positions; nothing was printed", store.name()),
                "sluice offsets lag --all-groups");
  for (const auto& row : SLUICE_TRY(offsets::topic_ranges(cluster, topics))) {
    const client::TopicPartition which{row.topic, row.partition};
    if (is_chosen(which, choices)) out.partitions.insert(which);
    if (!row.error.empty()) {
      out.errors.push_back(fmt::format("{}[{}]: {}", row.topic, row.partition.value, row.error));
    } else if (const auto at = out.offsets.find(which);
               at != out.offsets.end() && (at->second < *row.log_start || at->second > *row.log_end)) {
      out.errors.push_back(
          fmt::format("{}[{}]: {} lies outside of the log [{},{}): whoever starts there fails", row.topic,
                      row.partition.value, at->second.value, row.log_start->value, row.log_end->value));
    }
  }
  return out;
}

Result<Exported> export_table(client::Cluster& cluster, const ExportFlags& flags,
                              const std::vector<TopicChoice>& choices) {
  Exported out;
  for (const auto& topic : SLUICE_TRY(offsets::choose_topics(cluster, choices))) {
    auto rows = SLUICE_TRY(offsets::topic_ranges(cluster, {topic}));
    SLUICE_TRY(offsets::add_table(cluster, env::join(flags.lake, topic), rows));
    for (const auto& row : rows) {
      const client::TopicPartition which{row.topic, row.partition};
      if (!is_chosen(which, choices)) continue;
      out.partitions.insert(which);
      if (row.next) out.offsets[which] = *row.next;
      if (!row.error.empty())
        out.errors.push_back(fmt::format("{}[{}]: {}", row.topic, row.partition.value, row.error));
    }
  }
  return out;
}

Result<Exported> collect(client::Cluster& cluster, const ExportFlags& flags) {
  const auto choices = SLUICE_TRY(parse_topics(flags.topics));
  const int sources = int{!flags.groups.empty()} + int{!flags.positions.empty()} + int{!flags.lake.empty()} +
                      int{!flags.time.empty()};
  if (sources != 1 || flags.groups.size() > 1) {
    return fail(
        Code::invalid_argument, "whose positions? nothing was printed",
        "one of --group GROUP, --positions FILE, --lake DIR --topic TOPIC, --time TIME --topic TOPIC");
  }
  if (!flags.time.empty()) return export_time(cluster, flags, choices);
  if (!flags.lake.empty()) return export_table(cluster, flags, choices);
  const auto store = flags.positions.empty() ? offsets::group_store(cluster, flags.groups.front())
                                             : offsets::file_store(cluster.env(), flags.positions);
  return export_store(cluster, *store, choices);
}

}  // namespace

void add_export_command(CLI::App& app, ExportFlags& flags) {
  flags.time.clear();
  auto& out =
      *app.add_subcommand("export", "Print positions for other programs: csv, json, kafka, spark, flink");
  add_repeated(out, "-g,--group", flags.groups, "The positions of this group", "GROUP");
  out.add_option("--positions", flags.positions, "The positions in this file")->type_name("FILE");
  out.add_option("-l,--lake", flags.lake, "Where the table DIR/TOPIC goes on")->type_name("DIR");
  out.add_option("--time", flags.time, "The offsets at a time, as offsets get takes it")->type_name("TIME");
  add_repeated(out, "-t,--topic", flags.topics, "Only this topic, pattern or partitions of one",
               "TOPIC[:PARTITIONS]");
  out.add_option("--format", flags.format, "csv, json, kafka, spark or flink")
      ->type_name("FORMAT")
      ->capture_default_str();
  out.add_option("--timeout", flags.timeout, "How long what may pass is asked again")
      ->type_name("DURATION")
      ->capture_default_str();
  add_bootstrap_flag(out, flags.bootstrap_server);
}

Result<int> run_offsets_export(const ExportFlags& flags) {
  const auto format = SLUICE_TRY(offsets::parse_position_format(flags.format));
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto found = SLUICE_TRY(collect(*cluster, flags));
  std::vector<client::TopicPartition> without;
  for (const auto& which : found.partitions) {
    if (which.partition.value >= 0 && !found.offsets.contains(which)) without.push_back(which);
  }
  const auto text = SLUICE_TRY(offsets::format_positions(found.offsets, format, without));
  SLUICE_TRY(write_stdout(text));
  for (const auto& which : without) {
    fmt::print(
        stderr, "note: {}[{}] has no position: {}\n", which.topic, which.partition.value,
        format == offsets::PositionFormat::spark ? "-2, the log start, stands for it" : "it is left out");
  }
  for (const auto& error : found.errors) fmt::print(stderr, "error: {}\n", printable(error));
  return found.errors.empty() ? exit_ok : exit_failed;
}

}  // namespace sluice::cli
