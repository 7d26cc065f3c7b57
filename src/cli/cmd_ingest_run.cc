// sluice ingest run.
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/cmd_ingest.h"
#include "cli/command.h"
#include "cli/output.h"
#include "env/env.h"
#include "env/posix.h"
#include "ingest/run.h"
#include "positions/file_store.h"
#include "table/local_store.h"

namespace sluice::cli {
namespace {

constexpr int exit_terminated = 143;

std::atomic<bool> stop_requested{false};
std::atomic<int> stop_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void request_stop(int signal) {
  stop_signal.store(signal);
  stop_requested.store(true);
}

/// The first signal ends the run in order; a second one of its kind ends it at once, which costs no record.
void on_signal(int signal) {
  request_stop(signal);
  std::signal(signal, SIG_DFL);
}

std::string to_json(const table::CommitObject& object) {
  nlohmann::ordered_json json;
  json["event"] = "commit";
  json["topic"] = object.topic;
  json["partition"] = object.partition.value;
  json["begin"] = object.range.begin.value;
  json["end"] = object.range.end.value;
  json["rows"] = object.counts.rows;
  json["quarantined"] = object.counts.quarantined;
  json["gaps"] = object.counts.control + object.counts.aborted + object.counts.compacted;
  json["files"] = nlohmann::ordered_json::array();
  std::uint64_t bytes = 0;
  for (const table::CommitFile& file : object.files) {
    json["files"].push_back(file.name);
    bytes += file.bytes;
  }
  json["bytes"] = bytes;
  json["raw_hash"] = fmt::format("{:016x}", object.raw_hash);
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// Shows commits, notices and halts as they come, from any thread.
class Screen final : public ingest::Observer {
 public:
  explicit Screen(const IngestFlags& flags) : flags_(flags), line_(!flags.quiet && !flags.json) {}

  void on_commit(const table::CommitObject& object) override {
    const std::scoped_lock lock(mutex_);
    if (flags_.json && written_) written_ = write_stdout(to_json(object));
    if (!written_) request_stop(SIGPIPE);  // nobody reads any more
  }
  void on_notice(PartitionId partition, const std::string& text) override {
    if (flags_.quiet) return;
    const std::scoped_lock lock(mutex_);
    line_.clear();
    fmt::print(stderr, "{}-{}: {}\n", flags_.topic, partition.value, text);
  }
  void on_halt(PartitionId partition, const Error& error) override {
    const std::scoped_lock lock(mutex_);
    line_.clear();
    report(Error(error).in(fmt::format("partition {} halted", partition.value)));
  }

  void show(const std::vector<ingest::Progress>& all) {
    std::int64_t read = 0;
    std::int64_t committed = 0;
    std::int64_t end = 0;
    for (const ingest::Progress& one : all) {
      read += one.read.value;
      committed += one.committed.value;
      end += one.log_end.value;
    }
    const env::Instant now = env::posix_clock().now();
    const double seconds = std::chrono::duration<double>(now - before_at_).count();
    if (before_ >= 0 && seconds > 0) {
      const double rate = static_cast<double>(read - before_) / seconds;
      rate_ = rate_ < 0 ? rate : rate_ * 0.8 + rate * 0.2;
    }
    before_ = read;
    before_at_ = now;
    const std::scoped_lock lock(mutex_);
    line_.update(fmt::format("{} records/s  read {}  committed {}  lag {}",
                             with_commas(static_cast<std::int64_t>(std::max(rate_, 0.0))), with_commas(read),
                             with_commas(committed), with_commas(end - committed)));
  }
  bool is_drawn() const { return line_.enabled() && is_terminal(stderr); }
  void clear() {
    const std::scoped_lock lock(mutex_);
    line_.clear();
  }

 private:
  const IngestFlags& flags_;
  std::mutex mutex_;
  ProgressLine line_;
  Result<void> written_;
  std::int64_t before_ = -1;
  env::Instant before_at_;
  double rate_ = -1;
};

Result<ingest::Summary> ingest_topic(const IngestFlags& flags, Screen& screen) {
  const ingest::Options options = SLUICE_TRY(to_options(flags));
  const ingest::KafkaOptions kafka = SLUICE_TRY(to_kafka(flags, options.memory_bytes_max));
  const env::Env env = env::posix_env();
  table::LocalStore store(*env.fs, *env.random, env::join(flags.lake, flags.topic));
  positions::FileStore positions(*env.fs, store.path("_sluice/positions"));
  const ingest::MakeSource make_source = [&env, &kafka] { return ingest::open_kafka_source(env, kafka); };
  const ingest::Job job =
      SLUICE_TRY(ingest::prepare(env, store, &positions, &screen, make_source, options, stop_requested));
  SLUICE_TRY(table::probe(store, to_string(env.random->next_uuid())));
  std::function<void(const std::vector<ingest::Progress>&)> tick;
  if (screen.is_drawn()) tick = [&screen](const std::vector<ingest::Progress>& all) { screen.show(all); };
  return ingest::run(job, stop_requested, tick);
}

void print_summary(const IngestFlags& flags, const ingest::Summary& summary) {
  if (!flags.json) {
    fmt::print("rows {} quarantined {} gaps {} lost {} commits {} bytes {}\n", summary.rows,
               summary.quarantined, summary.explained_gaps, summary.lost, summary.commits, summary.bytes);
    return;
  }
  const nlohmann::ordered_json json = {{"event", "end"},
                                       {"topic", flags.topic},
                                       {"rows", summary.rows},
                                       {"quarantined", summary.quarantined},
                                       {"gaps", summary.explained_gaps},
                                       {"lost", summary.lost},
                                       {"commits", summary.commits},
                                       {"bytes", summary.bytes},
                                       {"races_lost", summary.races_lost},
                                       {"recovered", summary.recovered},
                                       {"halted", summary.halted.size()}};
  fmt::print("{}\n", json.dump());
}

}  // namespace

int ingest_run(CLI::App&, IngestFlags& flags) {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  Screen screen(flags);
  const auto summary = ingest_topic(flags, screen);
  screen.clear();
  if (summary) print_summary(flags, *summary);
  std::fflush(stdout);
  const int signal = stop_signal.load();
  if (signal != 0) {
    // An error that came while it stopped is told, but the signal is what ended the run.
    if (!summary && summary.error().code != Code::interrupted) report(summary.error());
    return signal == SIGTERM ? exit_terminated : exit_interrupted;
  }
  // An empty topic whose end is reached is no failure.
  if (!summary && summary.error().code == Code::not_found && flags.until == "end" &&
      summary.error().message.find("no records yet") != std::string::npos) {
    report(summary.error());
    print_summary(flags, {});
    return exit_ok;
  }
  if (!summary) return report(summary.error());
  return summary->halted.empty() ? exit_ok : exit_failed;
}

}  // namespace sluice::cli
