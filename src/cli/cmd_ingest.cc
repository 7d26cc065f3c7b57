// sluice ingest: Kafka records into a table, exactly once. Lives in the module with Arrow.
#include "cli/cmd_ingest.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "cli/command.h"
#include "cli/ingest_config.h"
#include "env/posix.h"

namespace sluice::cli {
namespace {

constexpr std::uint64_t memory_bytes_min = 64u << 20;
constexpr std::uint64_t fetch_bytes_max = 16u << 20;
constexpr std::uint64_t fetch_bytes_min = 1u << 20;
constexpr std::uint64_t schema_file_bytes_max = 1u << 20;
constexpr std::int64_t roll_records_default = 4'000'000;

/// Gives `option` the file's texts as if they had been typed.
Result<void> take(CLI::App& app, const std::string& flag, const std::vector<std::string>& texts,
                  std::string_view file) {
  CLI::Option* const option = app.get_option_no_throw("--" + flag);
  if (option == nullptr || option->count() > 0) return {};
  try {
    for (const std::string& text : texts) option->add_result(text);
    option->run_callback();
  } catch (const CLI::ParseError& error) {
    return base::fail(Code::invalid_argument,
                      fmt::format("{} was not accepted: {}; nothing was done", file, error.what()));
  }
  return {};
}

}  // namespace

void declare_ingest(CLI::App& app, IngestFlags& flags, bool brief) {
  app.add_option("-t,--topic", flags.topic, "The topic")->type_name("TOPIC");
  app.add_option("-l,--lake", flags.lake, "The directory that holds the table, DIR/TOPIC")->type_name("DIR");
  app.add_option("--config", flags.config, "A TOML file with any of these flags; flags win over it")
      ->type_name("FILE");
  app.add_flag("--json", flags.json, brief ? "Print one JSON object" : "Print one JSON line for each commit");
  add_cluster_flags(app, flags.cluster);
  if (brief) return;
  app.add_option("--partition-by", flags.partition_by,
                 "Hive directories: a column, day(FIELD) or hour(FIELD); may be given again")
      ->type_name("TERM")
      ->expected(1)
      ->take_all();
  app.add_option("--roll-records", flags.roll_records, "Records of one commit at most")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->default_val(roll_records_default);
  app.add_option("--roll-bytes", flags.roll_bytes, "About how large the files of one commit may grow")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--roll-interval", flags.roll_interval, "How long a commit may wait for more records")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--codec", flags.codec, "zstd:N, gzip:N, snappy, lz4 or none")
      ->type_name("CODEC")
      ->capture_default_str();
  app.add_option("--schema", flags.schema, "The columns; else inferred from the first records")
      ->type_name("FILE");
  app.add_option("--until", flags.until, "end: stop where the topic ends now")
      ->type_name("end")
      ->check(CLI::IsMember({"end"}));
  app.add_option("--memory-max", flags.memory_max, "Memory for batches and open ranges, at least 64MiB")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--threads", flags.threads,
                 "Workers; 0: one for each processor, at most one for each partition")
      ->type_name("N")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  app.add_flag("--accept-gap", flags.accept_gap,
               "Record as lost what the topic dropped unread, and go on after it");
  app.add_flag("-q,--quiet", flags.quiet, "No progress and no notices");
}

Result<void> apply_config(CLI::App& app, IngestFlags& flags) {
  if (!flags.config.empty()) {
    const auto bytes = env::posix_file_system().read_file(flags.config, ingest_config_bytes_max);
    if (!bytes) return std::unexpected(Error(bytes.error()).in("nothing was done: --config was not read"));
    const IngestConfig config = SLUICE_TRY(parse_ingest_config(as_text(*bytes), flags.config));
    for (const auto& [flag, texts] : config.flags) SLUICE_TRY(take(app, flag, texts, flags.config));
    std::vector<std::string> properties;
    for (const auto& [key, value] : config.client) properties.push_back(key + "=" + value);
    // Those of the command line come later and so win.
    flags.cluster.properties.insert(flags.cluster.properties.begin(), properties.begin(), properties.end());
  }
  for (const auto& [value, flag] : {std::pair(&flags.topic, "--topic"), std::pair(&flags.lake, "--lake")}) {
    if (value->empty())
      return base::fail(Code::invalid_argument, fmt::format("{} is required; nothing was done", flag),
                        "sluice ingest run --help");
  }
  if (flags.topic.find('/') != std::string::npos || flags.topic == "." || flags.topic == "..") {
    return base::fail(Code::invalid_argument,
                      fmt::format("'{}' is no name of a topic; nothing was done", flags.topic));
  }
  return {};
}

Result<ingest::Options> to_options(const IngestFlags& flags) {
  ingest::Options options;
  options.partition_by = flags.partition_by;
  options.codec = SLUICE_TRY(lake::parse_codec(flags.codec));
  options.roll_records = flags.roll_records;
  options.roll_bytes = SLUICE_TRY(parse_bytes(flags.roll_bytes));
  options.roll_interval = SLUICE_TRY(parse_duration(flags.roll_interval));
  options.until_end = flags.until == "end";
  options.accept_gap = flags.accept_gap;
  options.memory_bytes_max = SLUICE_TRY(parse_bytes(flags.memory_max));
  options.threads_max = flags.threads;
  if (options.memory_bytes_max < memory_bytes_min) {
    return base::fail(Code::invalid_argument,
                      fmt::format("--memory-max {} is too little; nothing was done", flags.memory_max),
                      "give at least 64MiB");
  }
  if (!flags.schema.empty()) {
    const auto text = env::posix_file_system().read_file(flags.schema, schema_file_bytes_max);
    if (!text) return std::unexpected(Error(text.error()).in("nothing was done: --schema was not read"));
    options.schema_text = std::string(as_text(*text));
  }
  return options;
}

Result<ingest::KafkaOptions> to_kafka(const IngestFlags& flags, std::uint64_t memory_bytes_max) {
  ingest::KafkaOptions kafka;
  kafka.bootstrap = flags.cluster.bootstrap_server;
  kafka.topic = flags.topic;
  const std::uint64_t threads = flags.threads > 0 ? static_cast<std::uint64_t>(flags.threads)
                                                  : std::max(1u, std::thread::hardware_concurrency());
  // Two answers of each thread are held at once: the one in work and the one on its way.
  const std::uint64_t bytes = std::clamp(memory_bytes_max / 16 / threads, fetch_bytes_min, fetch_bytes_max);
  kafka.fetcher.bytes_max = static_cast<std::int32_t>(bytes);
  kafka.fetcher.partition_bytes_max = std::min(kafka.fetcher.partition_bytes_max, kafka.fetcher.bytes_max);
  for (const std::string& text : flags.cluster.properties) {
    const auto [key, value] = SLUICE_TRY(parse_property(text));
    SLUICE_TRY(ingest::apply_property(kafka, key, value));
  }
  return kafka;
}

int run_ingest(const std::vector<std::string>& arguments) {
  CLI::App app("Move the records of a topic into a Parquet table, each exactly once.", "ingest");
  app.require_subcommand(1);
  IngestFlags flags;
  struct Sub {
    CLI::App* app;
    int (*run)(CLI::App&, IngestFlags&);
  };
  const std::vector<Sub> subs = {
      {app.add_subcommand("run", "Ingest until stopped, or until the end of the topic"), ingest_run},
      {app.add_subcommand("status", "Show log start, committed, log end, lag and lost of each partition"),
       ingest_status},
      {app.add_subcommand("verify", "Read every file of the table and compare it with its commit object"),
       ingest_verify},
  };
  for (const Sub& sub : subs) declare_ingest(*sub.app, flags, sub.run != ingest_run);
  if (const auto code = parse_flags(app, arguments)) return *code;
  for (const Sub& sub : subs) {
    if (!sub.app->parsed()) continue;
    if (const auto applied = apply_config(*sub.app, flags); !applied) return report(applied.error());
    return sub.run(*sub.app, flags);
  }
  return exit_usage;
}

}  // namespace sluice::cli
