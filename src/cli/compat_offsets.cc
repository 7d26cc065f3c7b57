// The drop-ins for kafka-get-offsets (GetOffsetShell) and kafka-delete-records.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/command.h"
#include "cli/compat.h"
#include "cli/output.h"
#include "client/topic_batch.h"
#include "env/posix.h"
#include "offsets/lookup.h"
#include "offsets/position_text.h"
#include "offsets/when.h"

namespace sluice::cli {
namespace {

constexpr std::uint64_t file_bytes_max = 64u << 20;

/// Kafka's lists of patterns: "a,b" is a or b; quotes around it are the shell's left-overs.
std::string list_as_pattern(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '"' || c == '\''; });
  std::ranges::replace(text, ',', '|');
  return text;
}

/// "0,3-5", "-5", "3-": as Kafka's --topic-partitions has it, a range ends before its second number.
bool takes_partition(std::string_view list, std::int32_t partition) {
  for (;;) {
    const auto comma = list.find(',');
    const auto item = std::string(list.substr(0, comma));
    const auto dash = item.find('-');
    const auto number = [](const std::string& text, std::int32_t missing) {
      return text.empty() ? missing : static_cast<std::int32_t>(std::strtol(text.c_str(), nullptr, 10));
    };
    if (dash == std::string::npos) {
      if (number(item, -1) == partition) return true;
    } else if (partition >= number(item.substr(0, dash), 0) &&
               partition < number(item.substr(dash + 1), INT32_MAX)) {
      return true;
    }
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

bool is_partition_list(std::string_view text) {
  return text.find_first_not_of("0123456789,-") == std::string_view::npos;
}

/// What --topic, --partitions and --topic-partitions let through.
struct Filter {
  offsets::NamePattern topic;
  std::string partitions;  ///< empty: all
};

Result<std::vector<Filter>> filters(const KafkaFlags& flags) {
  std::vector<Filter> out;
  const auto topic = flags.value("topic");
  if (const auto list = flags.value("topic-partitions")) {
    if (topic || flags.has("partitions")) {
      return fail(Code::invalid_argument,
                  "--topic-partitions cannot be used with --topic or --partitions; nothing was asked");
    }
    // Commas stand both between topics and between partitions: a word of digits goes on with the partitions.
    std::string rest = *list;
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t begin = 0; begin <= rest.size();) {
      const auto comma = std::min(rest.find(',', begin), rest.size());
      const auto item = rest.substr(begin, comma - begin);
      begin = comma + 1;
      const auto colon = item.rfind(':');
      if (colon == std::string::npos && is_partition_list(item) && !item.empty() && !pairs.empty() &&
          !pairs.back().second.empty()) {
        pairs.back().second += "," + item;
      } else if (colon == std::string::npos) {
        pairs.emplace_back(item, "");
      } else {
        pairs.emplace_back(item.substr(0, colon), item.substr(colon + 1));
      }
    }
    for (const auto& [name, partitions] : pairs) {
      if (!is_partition_list(partitions))
        return fail(Code::invalid_argument,
                    fmt::format("'{}' names no partitions; nothing was asked", partitions));
      out.push_back({SLUICE_TRY(offsets::NamePattern::parse(name.empty() ? ".*" : name)), partitions});
    }
    return out;
  }
  const auto partitions = flags.value("partitions").value_or("");
  if (!is_partition_list(partitions))
    return fail(Code::invalid_argument,
                fmt::format("'{}' names no partitions; nothing was asked", partitions));
  out.push_back(
      {SLUICE_TRY(offsets::NamePattern::parse(topic ? list_as_pattern(*topic) : ".*")), partitions});
  return out;
}

bool passes(const client::TopicPartition& which, const std::vector<Filter>& filters) {
  return std::ranges::any_of(filters, [&](const Filter& filter) {
    return filter.topic.matches(which.topic) &&
           (filter.partitions.empty() || takes_partition(filter.partitions, which.partition.value));
  });
}

}  // namespace

Result<int> run_kafka_get_offsets(const std::vector<std::string>& arguments) {
  const auto flags = SLUICE_TRY(KafkaFlags::parse("kafka-get-offsets", arguments,
                                                  {{"bootstrap-server", true},
                                                   {"broker-list", true},
                                                   {"command-config", true},
                                                   {"topic", true},
                                                   {"partitions", true},
                                                   {"topic-partitions", true},
                                                   {"time", true},
                                                   {"exclude-internal-topics", false}}));
  const auto wanted = SLUICE_TRY(filters(flags));
  const auto spec =
      SLUICE_TRY(offsets::parse_time(flags.value("time").value_or("latest"), env::posix_clock().wall_ms()));
  const auto cluster = SLUICE_TRY(connect(flags));
  client::TopicMap known;
  std::vector<client::TopicPartition> asked;
  for (const auto& topic : SLUICE_TRY(cluster->topics())) {
    if (topic.is_internal && flags.has("exclude-internal-topics")) continue;
    known.emplace(topic.name, topic);
    for (const auto& partition : topic.partitions) {
      const client::TopicPartition which{topic.name, partition.id};
      if (passes(which, wanted)) asked.push_back(which);
    }
  }
  if (asked.empty()) {
    fmt::print(stderr, "Error occurred: Could not match any topic-partitions with the specified filters\n");
    return exit_failed;
  }
  const auto found = client::list_offsets(*cluster, known, asked, spec, client::Isolation::read_uncommitted);
  std::string out;
  int code = exit_ok;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (!found[i]) {
      fmt::print(stderr, "Skip getting offsets for topic-partition {}-{} due to error: {}\n", asked[i].topic,
                 asked[i].partition.value, found[i].error().message);
      code = exit_failed;  // Kafka's tool says 0: its sum comes out too small and nobody hears of it
    } else if (found[i]->offset.value >= 0) {
      out += fmt::format("{}:{}:{}\n", asked[i].topic, asked[i].partition.value, found[i]->offset.value);
    }
  }
  SLUICE_TRY(write_stdout(out));
  return code;
}

Result<int> run_kafka_delete_records(const std::vector<std::string>& arguments) {
  const auto flags = SLUICE_TRY(
      KafkaFlags::parse("kafka-delete-records", arguments,
                        {{"bootstrap-server", true}, {"command-config", true}, {"offset-json-file", true}}));
  const auto path = flags.value("offset-json-file");
  if (!path)
    return fail(Code::invalid_argument,
                "Missing required argument \"[offset-json-file]\"; nothing was deleted");
  const auto bytes = SLUICE_TRY(env::posix_file_system().read_file(*path, file_bytes_max));
  const auto wanted = SLUICE_TRY(offsets::parse_positions(as_text(bytes)));
  const auto cluster = SLUICE_TRY(connect(flags));
  std::vector<client::TrimPoint> points;
  std::vector<std::string> topics;
  for (const auto& [which, offset] : wanted) {
    points.push_back({which, offset});
    if (topics.empty() || topics.back() != which.topic) topics.push_back(which.topic);
  }
  auto known = SLUICE_TRY(cluster->describe_topics(topics));
  const auto done = client::delete_records(*cluster, known, points);
  std::string out = "Executing records delete operation\nRecords delete operation completed:\n";
  int code = exit_ok;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& which = points[i].which;
    if (done[i]) {
      out += fmt::format("partition: {}-{}\tlow_watermark: {}\n", which.topic, which.partition.value,
                         done[i]->value);
    } else {
      out += fmt::format("partition: {}-{}\terror: {}\n", which.topic, which.partition.value,
                         done[i].error().message);
      code = exit_failed;
    }
  }
  SLUICE_TRY(write_stdout(out));
  return code;
}

}  // namespace sluice::cli
