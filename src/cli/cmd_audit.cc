// sluice audit run: the proof that a table equals its topic. Lives in the module with Arrow.
#include <fmt/format.h>

#include <csignal>
#include <mutex>
#include <thread>

#include "audit/audit.h"
#include "audit/rdkafka_topic.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output.h"
#include "env/posix.h"

namespace sluice::cli {
namespace {

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int) {
  stop_requested = 1;
}

struct Flags {
  ClusterFlags cluster;
  std::string topic;
  std::string lake;
  std::string report;
  std::string timeout = "30s";
  int threads = 0;
  bool json = false;
  bool quiet = false;
};

void declare(CLI::App& app, Flags& flags) {
  app.require_subcommand(1);
  auto* const run = app.add_subcommand("run", "Compare every record and every row, offset by offset");
  run->add_option("-t,--topic", flags.topic, "The topic")->required();
  run->add_option("-l,--lake", flags.lake, "The directory that holds the table DIR/TOPIC")
      ->type_name("DIR")
      ->required();
  run->add_option("--report", flags.report, "Also write the JSON report into this file")->type_name("FILE");
  run->add_option("--timeout", flags.timeout, "How long the cluster may leave a question unanswered")
      ->type_name("DURATION")
      ->capture_default_str();
  run->add_option("--threads", flags.threads, "Partitions looked at together; 0: one for each processor")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  run->add_flag("--json", flags.json, "Print the report as one JSON object");
  run->add_flag("-q,--quiet", flags.quiet, "No progress");
  add_cluster_flags(*run, flags.cluster);
}

Result<audit::Report> audit_table(const Flags& flags) {
  audit::RdKafkaOptions kafka;
  kafka.bootstrap_server = flags.cluster.bootstrap_server;
  kafka.topic = flags.topic;
  kafka.timeout = SLUICE_TRY(parse_duration(flags.timeout));
  for (const auto& text : flags.cluster.properties)
    kafka.properties.push_back(SLUICE_TRY(parse_property(text)));
  const auto topic = SLUICE_TRY(audit::make_rdkafka_topic(kafka));

  audit::Options options;
  options.topic = flags.topic;
  options.table = env::join(flags.lake, flags.topic);
  options.threads_max =
      flags.threads > 0 ? flags.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::mutex mutex;
  ProgressLine line(!flags.quiet && !flags.json);
  return audit::run(options, *topic, env::posix_file_system(), [&](std::int64_t records) {
    const std::scoped_lock lock(mutex);
    line.update(fmt::format("looked at {} records", with_commas(records)));
    return stop_requested == 0;
  });
}

int verdict_exit(audit::Verdict verdict) {
  switch (verdict) {
    case audit::Verdict::verified:
      return exit_ok;
    case audit::Verdict::wrong:
      return exit_bad;
    case audit::Verdict::undecided:
      return exit_undecided;
  }
  return exit_undecided;
}

int finish(const Flags& flags, const audit::Report& report) {
  const auto json = audit::to_json(report);
  if (!flags.report.empty()) {
    const auto written = env::posix_file_system().replace_file_durable(flags.report, as_bytes(json));
    if (!written) return cli::report(Error(written.error()).in("the report was not written"));
  }
  const auto printed = write_stdout(flags.json ? json : audit::to_text(report));
  if (!printed) return cli::report(printed.error());
  return verdict_exit(report.verdict());
}

}  // namespace

int run_audit(const std::vector<std::string>& arguments) {
  Flags flags;
  CLI::App app(
      "Prove that a table equals its topic: missing, duplicate and altered records, with their offsets.",
      "audit");
  declare(app, flags);
  if (const auto code = parse_flags(app, arguments)) return *code;
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  const auto result = audit_table(flags);
  if (result) return finish(flags, *result);
  const int code = report(result.error());
  return code == exit_failed ? exit_undecided : code;  // nothing was decided
}

}  // namespace sluice::cli
