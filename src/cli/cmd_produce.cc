// sluice produce TOPIC [FILE...]: lines or NDJSON into a topic; every record acknowledged, or said to have
// failed.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output.h"
#include "produce/key_field.h"
#include "produce/line_reader.h"
#include "produce/producer.h"

namespace sluice::cli {
namespace {

using produce::KeyField;
using produce::Line;
using produce::LineReader;
using produce::Producer;

constexpr std::size_t line_bytes_max = std::size_t{64} << 20;
constexpr int complaints_max = 10;
constexpr std::int64_t poll_interval_records = 1000;

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int signal) {
  if (stop_requested != 0) std::_Exit(128 + signal);  // asked twice
  stop_requested = signal;
}

struct Flags {
  ClusterFlags cluster;
  std::string topic;
  std::vector<std::string> files;
  std::string key_field;
  std::string codec;
  std::string timeout = "0";
  std::vector<std::string> allow_data_loss;
  bool ndjson = false;
  bool json = false;
  bool quiet = false;
};

/// One run: counts, and the objects that it moves records between.
class Run {
 public:
  Run(const Flags& flags, Producer& producer)
      : flags_(flags), producer_(producer), progress_(!flags.quiet && !flags.json) {}

  Result<void> use_key_field() {
    if (!flags_.key_field.empty()) key_field_.emplace(SLUICE_TRY(KeyField::parse(flags_.key_field)));
    return {};
  }
  Result<void> read_file(const std::string& path);
  Result<void> flush();
  int finish(const Result<void>& result);

 private:
  Result<void> send_line(const LineReader& reader, const Line& line);
  Result<void> read_lines(LineReader& reader);
  void complain(const LineReader& reader, const Line& line, const Error& error);
  bool on_wait();
  void show_progress();
  bool ndjson() const { return flags_.ndjson || key_field_.has_value(); }

  const Flags& flags_;
  Producer& producer_;
  ProgressLine progress_;
  std::optional<KeyField> key_field_;
  std::int64_t read_ = 0;
  std::int64_t refused_ = 0;  // failed before they were handed to the producer
  int complaints_ = 0;
  std::int64_t acked_at_trouble_ = -1;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

void Run::show_progress() {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started_;
  const auto rate =
      static_cast<std::int64_t>(static_cast<double>(producer_.acked()) / std::max(elapsed.count(), 0.001));
  progress_.update(fmt::format("read {}  acked {}  {} records/s{}", with_commas(read_),
                               with_commas(producer_.acked()), with_commas(rate),
                               producer_.trouble().empty() ? "" : "  waiting: " + producer_.trouble()));
}

bool Run::on_wait() {
  producer_.poll();
  // Said once, and again only after something has been acknowledged in between.
  if (!progress_.enabled() && !producer_.trouble().empty() && producer_.acked() != acked_at_trouble_) {
    acked_at_trouble_ = producer_.acked();
    fmt::print(stderr, "waiting: {}; {} records not acknowledged yet\n", printable(producer_.trouble()),
               producer_.in_flight());
  }
  show_progress();
  return stop_requested == 0;
}

void Run::complain(const LineReader& reader, const Line& line, const Error& error) {
  ++refused_;
  if (++complaints_ > complaints_max) return;
  progress_.clear();
  fmt::print(stderr, "{}:{}: not produced: {}\n", reader.name(), line.number, printable(to_string(error)));
  if (complaints_ == complaints_max) fmt::print(stderr, "more of these are counted, not shown\n");
}

Result<void> Run::send_line(const LineReader& reader, const Line& line) {
  auto value = line.bytes;
  if (ndjson()) {
    while (!value.empty() && (value.back() == std::byte{'\r'} || value.back() == std::byte{' '})) {
      value = value.first(value.size() - 1);
    }
    if (value.empty() && !line.too_long) return {};  // a blank line is no record
  }
  ++read_;
  if (line.too_long) {
    complain(reader, line,
             Error{Code::limit_exceeded, fmt::format("longer than {} bytes", line_bytes_max), "", 0});
    return {};
  }
  std::optional<BytesView> key;
  if (key_field_) {
    const auto found = key_field_->find(value);
    if (!found) {
      complain(reader, line, found.error());
      return {};
    }
    key = as_bytes(*found);
  }
  auto sent = producer_.send(key, value, [this] { return on_wait(); });
  if (sent) return {};
  if (producer_.fatal() || sent.error().code == Code::interrupted) {
    ++refused_;
    return sent;
  }
  complain(reader, line, sent.error());
  return {};
}

Result<void> Run::read_lines(LineReader& reader) {
  while (const auto line = SLUICE_TRY(reader.next([this] { return on_wait(); }))) {
    SLUICE_TRY(send_line(reader, *line));
    if (read_ % poll_interval_records == 0 && !on_wait()) {
      return fail(Code::interrupted,
                  fmt::format("reading {} was interrupted after line {}", reader.name(), line->number));
    }
  }
  return {};
}

Result<void> Run::read_file(const std::string& path) {
  if (path == "-") {
    LineReader reader(STDIN_FILENO, "stdin", line_bytes_max);
    return read_lines(reader);
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(Code::not_found, fmt::format("{} was not read: {}", path, std::strerror(errno)));
  LineReader reader(fd, path, line_bytes_max);
  auto result = read_lines(reader);
  ::close(fd);
  return result;
}

/// Also after an interrupt: what was handed over is worth a wait, and a second signal ends it.
Result<void> Run::flush() {
  return producer_.flush([this] {
    on_wait();
    return true;
  });
}

int Run::finish(const Result<void>& result) {
  progress_.clear();
  const auto acked = producer_.acked();
  const auto failed = read_ - acked;
  if (!producer_.first_failure().empty()) {
    fmt::print(stderr, "not acknowledged: {} records; the first: {}\n", producer_.failed(),
               printable(producer_.first_failure()));
  }
  if (flags_.json) {
    fmt::print("{{\"schema\":\"sluice.produce/1\",\"topic\":{},\"read\":{},\"acked\":{},\"failed\":{}{}}}\n",
               json_string(flags_.topic), read_, acked, failed,
               result ? "" : ",\"error\":" + json_string(result.error().message));
  } else {
    fmt::print("read {} acked {} failed {}\n", read_, acked, failed);
  }
  if (!result) return report(result.error());
  return failed == 0 ? exit_ok : exit_failed;
}

void declare(CLI::App& app, Flags& flags) {
  app.add_option("TOPIC", flags.topic, "The topic to write")->required();
  app.add_option("FILE", flags.files, "Files to read; '-' or none is stdin");
  app.add_option("-k,--key-field", flags.key_field,
                 "Take each record's key from this JSON field; implies --ndjson")
      ->type_name("A.B");
  app.add_flag("--ndjson", flags.ndjson, "One JSON document a line: blank lines are no records");
  app.add_option("-z,--codec", flags.codec, "none, gzip, snappy, lz4 or zstd")->type_name("CODEC");
  app.add_option("--timeout", flags.timeout,
                 "Give a record up when it waits this long for its acknowledgement; 0 never")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--allow-data-loss", flags.allow_data_loss,
                 "Properties that -X may set so that records can be lost")
      ->type_name("NAME[,...]")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--json", flags.json, "End with one JSON object");
  app.add_flag("-q,--quiet", flags.quiet, "No progress");
  add_cluster_flags(app, flags.cluster);
}

Result<produce::ProducerOptions> to_options(const Flags& flags) {
  produce::ProducerOptions options;
  options.bootstrap_server = flags.cluster.bootstrap_server;
  options.topic = flags.topic;
  options.allow_data_loss = flags.allow_data_loss;
  options.timeout = SLUICE_TRY(parse_duration(flags.timeout));
  if (!flags.codec.empty()) options.properties.emplace_back("compression.type", flags.codec);
  for (const auto& text : flags.cluster.properties)
    options.properties.push_back(SLUICE_TRY(parse_property(text)));
  return options;
}

/// Says no before anything is sent, where a file cannot be read.
Result<void> check_files(const std::vector<std::string>& files) {
  for (const auto& file : files) {
    if (file == "-" || ::access(file.c_str(), R_OK) == 0) continue;
    return fail(Code::not_found,
                fmt::format("{} cannot be read, nothing was produced: {}", file, std::strerror(errno)));
  }
  return {};
}

Result<int> produce_all(const Flags& flags) {
  SLUICE_TRY(check_files(flags.files));
  const auto options = SLUICE_TRY(to_options(flags));
  const auto producer = SLUICE_TRY(Producer::open(options, [] { return stop_requested == 0; }));
  Run run(flags, *producer);
  SLUICE_TRY(run.use_key_field());
  Result<void> result;
  for (const auto& file : flags.files.empty() ? std::vector<std::string>{"-"} : flags.files) {
    result = run.read_file(file);
    if (!result) break;
  }
  auto flushed = run.flush();
  return run.finish(result ? flushed : result);
}

}  // namespace

int run_produce(const std::vector<std::string>& arguments) {
  Flags flags;
  CLI::App app(
      "Send lines or NDJSON to a topic and wait until every record is durable (acks=all, idempotent).",
      "produce");
  declare(app, flags);
  if (const auto code = parse_flags(app, arguments)) return *code;
  struct sigaction action{};
  action.sa_handler = request_stop;  // without SA_RESTART, so that a read ends
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  const auto code = produce_all(flags);
  return code ? *code : report(code.error());
}

}  // namespace sluice::cli
