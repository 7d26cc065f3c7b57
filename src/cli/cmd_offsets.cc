// sluice offsets range|lag: where the log begins and ends, and how far a group or a table has come.
#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output.h"
#include "env/posix.h"
#include "offsets/standing.h"

namespace sluice::cli {
namespace {

using offsets::Standing;

struct Flags {
  std::string bootstrap_server = "localhost:9092";
  std::vector<std::string> topics;
  std::string group;
  std::string lake;
  std::string output = "table";
  std::string timeout = "10s";
  bool json = false;
};

void declare_common(CLI::App& app, Flags& flags) {
  app.add_option("-t,--topic", flags.topics, "The topic, as often as needed")
      ->type_name("TOPIC")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--output", flags.output,
                 "table, json, jsonl, csv, tsv, or kafka for topic:partition:offset")
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_flag("--json", flags.json, "The same as --output json");
  app.add_option("--timeout", flags.timeout, "How long a partition without a leader is asked again")
      ->type_name("DURATION")
      ->capture_default_str();
  add_bootstrap_flag(app, flags.bootstrap_server);
}

Result<std::unique_ptr<client::Cluster>> connect(const Flags& flags) {
  const auto timeout = SLUICE_TRY(parse_duration(flags.timeout));
  client::ClusterOptions options;
  options.retry_timeout = timeout;
  options.connection.connect_timeout = timeout;
  const env::Env env{&env::posix_clock(), &env::posix_file_system(), &env::posix_net(), &env::posix_random()};
  return client::Cluster::connect(env, flags.bootstrap_server, options);
}

/// The topics that were asked for; else those of the group, else all that are not internal.
Result<std::vector<std::string>> choose_topics(client::Cluster& cluster, const Flags& flags) {
  if (!flags.topics.empty()) return flags.topics;
  std::vector<std::string> out;
  if (!flags.group.empty()) {
    for (const auto& position : SLUICE_TRY(cluster.fetch_offsets(flags.group))) out.push_back(position.topic);
    if (out.empty()) {
      return fail(Code::not_found,
                  fmt::format("group '{}' has no positions at {}", flags.group, flags.bootstrap_server),
                  "name the topic: --topic TOPIC");
    }
  } else {
    for (const auto& topic : SLUICE_TRY(cluster.topics())) {
      if (!topic.is_internal) out.push_back(topic.name);
    }
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<std::vector<Standing>> collect(client::Cluster& cluster, const Flags& flags) {
  std::vector<Standing> out;
  for (const auto& topic : SLUICE_TRY(choose_topics(cluster, flags))) {
    auto standings = SLUICE_TRY(offsets::topic_ranges(cluster, topic));
    if (!flags.group.empty()) SLUICE_TRY(offsets::add_group(cluster, flags.group, standings));
    if (!flags.lake.empty()) SLUICE_TRY(offsets::add_table(cluster, env::join(flags.lake, topic), standings));
    std::ranges::move(standings, std::back_inserter(out));
  }
  return out;
}

Cell cell(const std::optional<Offset>& offset) {
  return offset ? Cell(offset->value) : Cell();
}
Cell cell(const std::optional<std::int64_t>& number) {
  return number ? Cell(*number) : Cell();
}

Table make_table(const std::vector<Standing>& standings, bool is_lag) {
  Table table;
  table.schema = is_lag ? "sluice.offsets.lag/1" : "sluice.offsets.range/1";
  table.columns =
      is_lag ? std::vector<std::string>{"topic", "partition", "log_start", "committed", "output",
                                        "read",  "log_end",   "lag",       "lost"}
             : std::vector<std::string>{"topic", "partition", "log_start", "log_end", "records", "leader"};
  const bool any_error = std::ranges::any_of(standings, [](const Standing& s) { return !s.error.empty(); });
  if (any_error) table.columns.emplace_back("error");
  for (const auto& s : standings) {
    auto& row = table.rows.emplace_back(
        std::vector<Cell>{s.topic, std::int64_t{s.partition.value}, cell(s.log_start)});
    if (is_lag) {
      for (auto&& c : {cell(s.committed), cell(s.output), cell(s.read), cell(s.log_end), cell(s.lag()),
                       cell(s.lost())}) {
        row.push_back(c);
      }
    } else {
      row.push_back(cell(s.log_end));
      row.push_back(s.log_start && s.log_end ? Cell(*s.log_end - *s.log_start) : Cell());
      row.push_back(s.leader.value < 0 ? Cell() : Cell(std::int64_t{s.leader.value}));
    }
    if (any_error) row.push_back(s.error.empty() ? Cell() : Cell(s.error));
    if (!s.error.empty())
      table.errors.push_back(fmt::format("{}[{}]: {}", s.topic, s.partition.value, s.error));
  }
  return table;
}

/// "topic:partition:offset", as Kafka's own tool prints it: the log's end, or the position.
std::string kafka_text(const std::vector<Standing>& standings, bool is_lag) {
  std::string out;
  for (const auto& s : standings) {
    const auto offset = is_lag ? s.committed : s.log_end;
    if (offset) out += fmt::format("{}:{}:{}\n", s.topic, s.partition.value, offset->value);
  }
  return out;
}

Result<int> show(const Flags& flags, bool is_lag) {
  const auto format = flags.json ? OutputFormat::json : SLUICE_TRY(parse_output_format(flags.output));
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto standings = SLUICE_TRY(collect(*cluster, flags));
  const auto table = make_table(standings, is_lag);
  auto text = format == OutputFormat::kafka ? Result<std::string>(kafka_text(standings, is_lag))
                                            : render(table, format);
  if (!text) return std::unexpected(std::move(text.error()));
  SLUICE_TRY(write_stdout(*text));
  if (table.errors.empty()) return exit_ok;
  for (const auto& error : table.errors) fmt::print(stderr, "{}\n", printable(error));
  return exit_failed;
}

}  // namespace

int run_offsets(const std::vector<std::string>& arguments) {
  Flags flags;
  CLI::App app("Log start, committed, output, read and log end of each partition, with lag and lost apart.",
               "offsets");
  app.require_subcommand(1);
  auto* const range = app.add_subcommand("range", "Where the log of each partition begins and ends");
  declare_common(*range, flags);
  auto* const lag =
      app.add_subcommand("lag", "How far a group or a table has come: lag can still be read, lost cannot");
  declare_common(*lag, flags);
  lag->add_option("-g,--group", flags.group, "The positions of this group")->type_name("GROUP");
  lag->add_option("-l,--lake", flags.lake, "The positions of the table DIR/TOPIC, from its commit log")
      ->type_name("DIR");
  if (const auto code = parse_flags(app, arguments)) return *code;
  const bool is_lag = lag->parsed();
  if (is_lag && flags.group.empty() == flags.lake.empty()) {
    return report(Error{Code::invalid_argument, "lag is that of one group or one table; nothing was asked",
                        "--group GROUP, or --lake DIR --topic TOPIC", 0});
  }
  if (!flags.lake.empty() && flags.topics.empty()) {
    return report(Error{Code::invalid_argument,
                        "--lake needs the topic whose table it holds; nothing was asked", "--topic TOPIC",
                        0});
  }
  const auto code = show(flags, is_lag);
  return code ? *code : report(code.error());
}

}  // namespace sluice::cli
