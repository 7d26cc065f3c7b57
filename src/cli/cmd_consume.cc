// sluice consume TOPIC: prints records. Assigns itself partitions, belongs to no group, commits nothing.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <map>

#include "cli/command.h"
#include "cli/flags.h"
#include "cli/output.h"
#include "cli/record_format.h"
#include "client/cluster.h"
#include "client/fetcher.h"
#include "env/posix.h"
#include "record/compression.h"
#include "record/records.h"

namespace sluice::cli {
namespace {

constexpr std::size_t output_bytes = std::size_t{64} << 10;
constexpr auto poll_wait = std::chrono::milliseconds(200);

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int) {
  stop_requested = 1;
}

struct Flags {
  std::string bootstrap_server = "localhost:9092";
  std::string topic;
  std::string offset = "start";
  std::string partitions;
  std::string format = "%v\\n";
  std::string timeout = "30s";
  std::int64_t records_max = 0;
  bool exit_eof = false;
  bool json = false;
  bool read_uncommitted = false;
};

/// Where to begin, as -o says it.
struct Start {
  enum class Kind : std::uint8_t { start, end, offset, last, time } kind = Kind::start;
  std::int64_t number = 0;  // the offset, the count of the last ones, or milliseconds since 1970
};

/// "2026-11-24", "2026-11-24T20:30", "2026-11-24T20:30:00", with or without a final Z: UTC, as milliseconds.
std::optional<std::int64_t> parse_iso_ms(std::string_view text) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  const std::array<std::size_t, 6> at = {0, 5, 8, 11, 14, 17};
  const std::array<std::size_t, 6> digits = {4, 2, 2, 2, 2, 2};
  std::array<int, 6> parts = {0, 0, 0, 0, 0, 0};
  constexpr std::string_view pattern = "0000-00-00T00:00:00";
  if (text.size() != 10 && text.size() != 16 && text.size() != 19) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (pattern[i] == '0' ? !is_digit : text[i] != pattern[i]) return std::nullopt;
  }
  for (std::size_t i = 0; i < parts.size() && at[i] < text.size(); ++i) {
    std::from_chars(text.data() + at[i], text.data() + at[i] + digits[i], parts[i]);
  }
  const std::chrono::year_month_day date{std::chrono::year{parts[0]},
                                         std::chrono::month{static_cast<unsigned>(parts[1])},
                                         std::chrono::day{static_cast<unsigned>(parts[2])}};
  if (!date.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 59) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]) * 1000;
}

Result<Start> parse_start(std::string_view text) {
  if (text == "start" || text == "beginning" || text == "earliest") return Start{};
  if (text == "end" || text == "latest") return Start{Start::Kind::end, 0};
  Start start;
  start.kind = text.starts_with('@')   ? Start::Kind::time
               : text.starts_with('-') ? Start::Kind::last
                                       : Start::Kind::offset;
  const auto number = text.substr(start.kind == Start::Kind::offset ? 0 : 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), start.number);
  if (error == std::errc{} && end == number.data() + number.size() && start.number >= 0) return start;
  if (start.kind == Start::Kind::time) {
    if (const auto ms = parse_iso_ms(number)) return Start{Start::Kind::time, *ms};
  }
  return fail(
      Code::invalid_argument, fmt::format("-o {} is no place to begin; nothing was read", text),
      "-o start, end, OFFSET, -N for the last N of each partition, @MILLISECONDS or @2026-11-24T20:30:00Z");
}

/// One run of the command.
class Consumer {
 public:
  Consumer(const Flags& flags, RecordFormat format) : flags_(flags), format_(std::move(format)) {}
  Result<void> run();

 private:
  Result<void> connect();
  Result<std::vector<PartitionId>> choose_partitions() const;
  Result<void> assign(client::Fetcher& fetcher);
  Result<Offset> place(PartitionId partition, OffsetRange range, const Start& start);
  Result<void> print(const client::FetchedPartition& fetched);
  Result<void> print_batch(const client::Piece& piece, PartitionId partition);
  Result<void> print_record(const record::BatchView& batch, const record::RecordView& record,
                            PartitionId partition);
  Result<void> flush();
  bool full() const { return flags_.records_max > 0 && printed_ >= flags_.records_max; }
  client::Isolation isolation() const {
    return flags_.read_uncommitted ? client::Isolation::read_uncommitted : client::Isolation::read_committed;
  }

  const Flags& flags_;
  const RecordFormat format_;
  std::unique_ptr<client::Cluster> cluster_;
  client::Topic topic_;
  std::map<PartitionId, Offset> ends_;  // of the partitions that are not read to their ends yet (--exit-eof)
  record::Decompressor decompressor_;
  std::vector<PrintedHeader> headers_;
  std::string out_;
  std::int64_t printed_ = 0;
};

Result<void> Consumer::connect() {
  client::ClusterOptions options;
  options.retry_timeout = SLUICE_TRY(parse_duration(flags_.timeout));
  const env::Env env{&env::posix_clock(), &env::posix_file_system(), &env::posix_net(), &env::posix_random()};
  cluster_ = SLUICE_TRY(client::Cluster::connect(env, flags_.bootstrap_server, options));
  topic_ = SLUICE_TRY(cluster_->topic(flags_.topic));
  return {};
}

Result<std::vector<PartitionId>> Consumer::choose_partitions() const {
  std::vector<PartitionId> out;
  if (flags_.partitions.empty()) {
    for (const auto& partition : topic_.partitions) out.push_back(partition.id);
    return out;
  }
  for (const auto number : SLUICE_TRY(parse_partitions(flags_.partitions))) {
    if (topic_.find(PartitionId{number}) == nullptr) {
      return fail(Code::not_found, fmt::format("topic '{}' has {} partitions and no {}; nothing was read",
                                               topic_.name, topic_.partitions.size(), number));
    }
    out.emplace_back(number);
  }
  return out;
}

/// Where to begin in one partition; out_of_range where that is not in the log, never a reset.
Result<Offset> Consumer::place(PartitionId partition, OffsetRange range, const Start& start) {
  switch (start.kind) {
    case Start::Kind::start:
      return range.begin;
    case Start::Kind::end:
      return range.end;
    case Start::Kind::last:
      return std::max(range.begin, range.end - std::min(start.number, range.count()));
    case Start::Kind::time: {
      const std::array asked = {partition};
      const auto found = SLUICE_TRY(
          cluster_->list_offsets(topic_.name, asked, client::OffsetSpec::at(start.number), isolation()));
      return found.front().offset.value < 0 ? range.end : found.front().offset;
    }
    case Start::Kind::offset:
      break;
  }
  const Offset wanted{start.number};
  if (wanted < range.begin) {
    return fail(
        Code::out_of_range,
        fmt::format(
            "{}[{}]: offset {} is gone, with it {} records up to the log start at {}; nothing was read",
            topic_.name, partition.value, wanted.value, range.begin - wanted, range.begin.value),
        fmt::format("-o start, or -o {}", range.begin.value));
  }
  if (wanted > range.end) {
    return fail(Code::out_of_range,
                fmt::format("{}[{}]: offset {} lies {} beyond the log end at {}; nothing was read",
                            topic_.name, partition.value, wanted.value, wanted - range.end, range.end.value),
                "-o end");
  }
  return wanted;
}

Result<void> Consumer::assign(client::Fetcher& fetcher) {
  const auto start = SLUICE_TRY(parse_start(flags_.offset));
  for (const auto partition : SLUICE_TRY(choose_partitions())) {
    const auto range = SLUICE_TRY(cluster_->offset_range(topic_.name, partition, isolation()));
    const auto begin = SLUICE_TRY(place(partition, range, start));
    fetcher.assign(partition, begin);
    if (begin < range.end) ends_[partition] = range.end;
  }
  return {};
}

Result<void> Consumer::flush() {
  SLUICE_TRY(write_stdout(out_));
  out_.clear();
  return {};
}

Result<void> Consumer::print_record(const record::BatchView& batch, const record::RecordView& record,
                                    PartitionId partition) {
  headers_.clear();
  SLUICE_TRY(record::for_each_header(record, [&](const record::HeaderView& header) {
    headers_.push_back({as_bytes(header.key), header.value});
  }));
  PrintedRecord printed;
  printed.topic = topic_.name;
  printed.partition = partition;
  printed.offset = batch.base_offset() + record.offset_delta;
  printed.timestamp_ms = batch.timestamp_ms(record.timestamp_delta);
  printed.leader_epoch = batch.leader_epoch();
  printed.producer_id = batch.producer_id();
  printed.producer_epoch = batch.producer_epoch();
  printed.key = record.key;
  printed.value = record.value;
  printed.headers = headers_;
  printed.number = ++printed_;
  if (flags_.json) {
    append_json(printed, out_);
  } else {
    format_.append(printed, out_);
  }
  return out_.size() >= output_bytes ? flush() : Result<void>{};
}

Result<void> Consumer::print_batch(const client::Piece& piece, PartitionId partition) {
  const auto& batch = *piece.batch;
  const auto records = SLUICE_TRY(decompressor_.records(batch));
  Result<void> result;
  SLUICE_TRY(record::for_each_record(records, batch.records_count(), [&](const record::RecordView& record) {
    if (!piece.range.contains(batch.base_offset() + record.offset_delta)) return true;
    result = print_record(batch, record, partition);
    return result.has_value() && !full();
  }));
  return result;
}

Result<void> Consumer::print(const client::FetchedPartition& fetched) {
  for (const auto& piece : fetched.pieces) {
    if (piece.kind != client::Piece::Kind::data || full()) continue;
    auto printed = print_batch(piece, fetched.partition);
    if (printed) continue;
    return std::unexpected(
        std::move(printed.error())
            .in(fmt::format("{}[{}] at {}", topic_.name, fetched.partition.value, piece.range.begin.value)));
  }
  if (fetched.error) return std::unexpected(*fetched.error);
  const auto end = ends_.find(fetched.partition);
  if (end != ends_.end() && fetched.end >= end->second) ends_.erase(end);
  return {};
}

Result<void> Consumer::run() {
  SLUICE_TRY(connect());
  client::FetcherOptions options;
  options.isolation = isolation();
  options.retry_timeout = cluster_->options().retry_timeout;
  client::Fetcher fetcher(*cluster_, topic_, options);
  SLUICE_TRY(assign(fetcher));
  while (!full() && !(flags_.exit_eof && ends_.empty())) {
    if (stop_requested != 0)
      return fail(Code::interrupted, fmt::format("stopped after {} records", printed_));
    const auto fetched = SLUICE_TRY(fetcher.poll(poll_wait));
    for (const auto& partition : fetched.partitions) {
      auto printed = print(partition);
      if (!printed) {
        SLUICE_TRY(flush());
        return printed;
      }
    }
    SLUICE_TRY(flush());
  }
  return {};
}

void declare(CLI::App& app, Flags& flags) {
  app.add_option("TOPIC", flags.topic, "The topic to read")->required();
  app.add_option("-o,--offset", flags.offset,
                 "start, end, OFFSET, -N (the last N of each partition), or @TIME")
      ->type_name("WHERE")
      ->capture_default_str();
  app.add_option("-p,--partitions", flags.partitions, "Which partitions, such as 0,3-5; all by default")
      ->type_name("LIST");
  app.add_option("-n,--num", flags.records_max, "Stop after this many records")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_flag("-e,--exit-eof", flags.exit_eof, "Stop at the end that each log had at the start");
  app.add_option(
         "-f,--format", flags.format,
         "%t topic, %p partition, %o offset, %d timestamp, %k key, %v or %s value, %h headers, %i number; "
         "%T %K %V %S %H lengths; %k{hex}, %v{base64}; \\n \\t \\xHH")
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_flag("--json", flags.json, "One JSON object a line");
  app.add_flag("--read-uncommitted", flags.read_uncommitted, "Also records of aborted and open transactions");
  app.add_option("--timeout", flags.timeout, "How long a cluster that does not answer is asked again")
      ->type_name("DURATION")
      ->capture_default_str();
  add_bootstrap_flag(app, flags.bootstrap_server);
}

}  // namespace

int run_consume(const std::vector<std::string>& arguments) {
  Flags flags;
  CLI::App app("Print a topic's records. Belongs to no group and commits nothing.", "consume");
  declare(app, flags);
  if (const auto code = parse_flags(app, arguments)) return *code;
  auto format = RecordFormat::parse(flags.format);
  if (!format) return report(format.error());
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  const auto result = Consumer(flags, *std::move(format)).run();
  return result ? int{exit_ok} : report(result.error());
}

}  // namespace sluice::cli
