// The drop-in for kafka-consumer-groups: --list, --describe, --reset-offsets, --delete.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "cli/command.h"
#include "cli/compat.h"
#include "cli/output.h"
#include "client/group_batch.h"
#include "env/posix.h"
#include "offsets/execute.h"
#include "offsets/plan.h"
#include "offsets/position_text.h"
#include "offsets/undo.h"
#include "offsets/when.h"

namespace sluice::cli {
namespace {

using offsets::Target;
using Kind = offsets::Target::Kind;

constexpr std::uint64_t file_bytes_max = 64u << 20;
constexpr std::size_t width_min = 15;

std::string number(const std::optional<std::int64_t>& value) {
  return value ? std::to_string(*value) : "-";
}

/// The groups that consume, or those that --group names.
Result<std::vector<std::string>> groups_of(client::Cluster& cluster, const KafkaFlags& flags) {
  auto out = flags.values("group");
  if (out.empty() == !flags.has("all-groups")) {
    return fail(Code::invalid_argument, "which groups? nothing was done", "--group GROUP, or --all-groups");
  }
  if (flags.has("all-groups")) {
    const auto listed = client::list_groups(cluster);
    if (!listed.errors.empty()) return std::unexpected(listed.errors.front());
    for (const auto& group : listed.groups) {
      if (group.protocol_type.empty() || group.protocol_type == "consumer") out.push_back(group.group);
    }
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<int> run_list(client::Cluster& cluster) {
  const auto listed = client::list_groups(cluster);
  std::string out;
  for (const auto& group : listed.groups) {
    if (group.protocol_type.empty() || group.protocol_type == "consumer") out += group.group + "\n";
  }
  SLUICE_TRY(write_stdout(out));
  for (const auto& error : listed.errors) fmt::print(stderr, "Error: {}\n", error.message);
  return listed.errors.empty() ? exit_ok : exit_failed;
}

/// One line of --describe.
struct Line {
  client::TopicPartition which;
  std::optional<std::int64_t> committed;
  std::optional<std::int64_t> log_end;
  const client::GroupMember* owner = nullptr;
};

std::string describe_text(const std::string& group, const std::vector<Line>& lines) {
  std::size_t group_width = std::max(width_min, group.size());
  std::size_t topic_width = width_min;
  std::size_t member_width = width_min;
  std::size_t host_width = width_min;
  for (const auto& line : lines) {
    topic_width = std::max(topic_width, line.which.topic.size());
    if (line.owner == nullptr) continue;
    member_width = std::max(member_width, line.owner->member_id.size());
    host_width = std::max(host_width, line.owner->host.size());
  }
  const auto row = [&](const std::string& name, const std::string& topic, const std::string& partition,
                       const std::string& committed, const std::string& end, const std::string& lag,
                       const std::string& member, const std::string& host, const std::string& client) {
    return fmt::format("{:<{}} {:<{}} {:<10} {:<15} {:<15} {:<15} {:<{}} {:<{}} {}\n", name, group_width,
                       topic, topic_width, partition, committed, end, lag, member, member_width, host,
                       host_width, client);
  };
  std::string out = "\n" + row("GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG",
                               "CONSUMER-ID", "HOST", "CLIENT-ID");
  for (const auto& line : lines) {
    std::optional<std::int64_t> lag;
    if (line.committed && line.log_end) lag = *line.log_end - *line.committed;
    out += row(group, line.which.topic, std::to_string(line.which.partition.value), number(line.committed),
               number(line.log_end), number(lag), line.owner != nullptr ? line.owner->member_id : "-",
               line.owner != nullptr ? line.owner->host : "-",
               line.owner != nullptr ? line.owner->client_id : "-");
  }
  return out;
}

/// The lines of one group, and the log ends of its partitions; whether all of them are known.
Result<bool> describe_group(client::Cluster& cluster, client::TopicMap& topics,
                            const client::GroupDescription& group, const client::GroupPositions& positions) {
  std::map<client::TopicPartition, Line> lines;
  for (const auto& one : positions.offsets) {
    const client::TopicPartition which{one.topic, one.partition};
    lines[which] = {which, one.offset.value, std::nullopt, nullptr};
  }
  for (const auto& member : group.members) {
    for (const auto& which : member.assigned) {
      lines[which].which = which;
      lines[which].owner = &member;
    }
  }
  std::vector<client::TopicPartition> asked;
  for (const auto& [which, line] : lines) asked.push_back(which);
  const auto ends = client::list_offsets(cluster, topics, asked, client::OffsetSpec::latest(),
                                         client::Isolation::read_uncommitted);
  bool good = positions.errors.empty();
  for (const auto& [which, error] : positions.errors) fmt::print(stderr, "Error: {}\n", error.message);
  std::vector<Line> out;
  for (std::size_t i = 0; auto& [which, line] : lines) {
    if (ends[i]) {
      line.log_end = ends[i]->offset.value;
    } else {
      fmt::print(stderr, "Error: {}\n", ends[i].error().message);
      good = false;
    }
    out.push_back(line);
    ++i;
  }
  if (group.members.empty())
    fmt::print(stderr, "\nConsumer group '{}' has no active members.\n", group.group);
  SLUICE_TRY(write_stdout(describe_text(group.group, out)));
  return good;
}

Result<int> run_describe(client::Cluster& cluster, const KafkaFlags& flags) {
  for (const auto* other : {"members", "state"}) {
    if (flags.has(other))
      return fail(Code::unsupported, fmt::format("--describe --{} has no drop-in; nothing was asked", other),
                  fmt::format("sluice groups {}", other));
  }
  const auto groups = SLUICE_TRY(groups_of(cluster, flags));
  const auto described = client::describe_groups(cluster, groups);
  const auto positions = client::fetch_positions(cluster, groups);
  client::TopicMap topics;
  int code = exit_ok;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!described[i] || !positions[i]) {
      const auto& error = described[i] ? positions[i].error() : described[i].error();
      fmt::print(stderr, "\nError: {}\n", error.message);
      code = exit_failed;
    } else if (!SLUICE_TRY(describe_group(cluster, topics, *described[i], *positions[i]))) {
      code = exit_failed;
    }
  }
  return code;
}

Result<Target> target_of(const KafkaFlags& flags) {
  const auto as_number = [](const std::string& text) -> Result<std::int64_t> {
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error == std::errc{} && end == text.data() + text.size()) return out;
    return fail(Code::invalid_argument, fmt::format("'{}' is no number; nothing was done", text));
  };
  std::vector<Target> out;
  if (flags.has("to-earliest")) out.push_back({Kind::earliest, 0, {}});
  if (flags.has("to-latest")) out.push_back({Kind::latest, 0, {}});
  if (flags.has("to-current")) out.push_back({Kind::current, 0, {}});
  if (const auto text = flags.value("to-offset"))
    out.push_back({Kind::offset, SLUICE_TRY(as_number(*text)), {}});
  if (const auto text = flags.value("shift-by"))
    out.push_back({Kind::shift, SLUICE_TRY(as_number(*text)), {}});
  if (const auto text = flags.value("to-datetime"))
    out.push_back({Kind::time, SLUICE_TRY(offsets::parse_datetime(*text)), {}});
  if (const auto text = flags.value("by-duration")) {
    const auto ago = SLUICE_TRY(offsets::parse_period(*text));
    out.push_back({Kind::time, std::max<std::int64_t>(env::posix_clock().wall_ms() - ago, 0), {}});
  }
  if (const auto path = flags.value("from-file")) {
    const auto bytes = SLUICE_TRY(env::posix_file_system().read_file(*path, file_bytes_max));
    out.push_back({Kind::positions, 0, SLUICE_TRY(offsets::parse_positions(as_text(bytes)))});
  }
  if (out.size() == 1) return out.front();
  return fail(
      Code::invalid_argument, "where to? exactly one target is needed; nothing was done",
      "--to-earliest, --to-latest, --to-current, --to-offset, --shift-by, --to-datetime, --by-duration or "
      "--from-file");
}

/// The partitions that --topic names, or with --all-topics those that have a position.
Result<std::vector<offsets::TopicChoice>> choices_of(const KafkaFlags& flags, offsets::PositionStore& store) {
  std::vector<offsets::TopicChoice> out;
  const bool all = flags.has("all-topics");
  const bool from_file = flags.has("from-file");
  if (flags.values("topic").empty() == !all && !from_file)
    return fail(Code::invalid_argument, "which topics? nothing was done", "--topic TOPIC, or --all-topics");
  for (const auto& text : flags.values("topic")) out.push_back(SLUICE_TRY(offsets::parse_topic_choice(text)));
  if (!all || from_file) return out;
  for (const auto& [which, position] : SLUICE_TRY(store.load())) {
    out.push_back(
        SLUICE_TRY(offsets::parse_topic_choice(fmt::format("{}:{}", which.topic, which.partition.value))));
  }
  return out;
}

std::string reset_text(const std::vector<std::pair<std::string, offsets::Move>>& moves) {
  std::size_t group_width = width_min;
  std::size_t topic_width = width_min;
  for (const auto& [group, move] : moves) {
    group_width = std::max(group_width, group.size());
    topic_width = std::max(topic_width, move.which.topic.size());
  }
  const auto row = [&](const std::string& group, const std::string& topic, const std::string& partition,
                       const std::string& offset) {
    return fmt::format("{:<{}} {:<{}} {:<10} {}\n", group, group_width, topic, topic_width, partition,
                       offset);
  };
  std::string out = "\n" + row("GROUP", "TOPIC", "PARTITION", "NEW-OFFSET");
  for (const auto& [group, move] : moves) {
    out += row(group, move.which.topic, std::to_string(move.which.partition.value),
               std::to_string(move.to->offset.value));
  }
  return out;
}

std::string csv_text(const std::vector<std::pair<std::string, offsets::Move>>& moves, bool with_group) {
  std::string out;
  for (const auto& [group, move] : moves) {
    out += fmt::format("{}{},{},{}\n", with_group ? group + "," : "", move.which.topic,
                       move.which.partition.value, move.to->offset.value);
  }
  return out + "\n";  // Kafka's tool ends its CSV with an empty line
}

/// Plans one group's reset, and carries it out with --execute. What is done goes into `moves`; whether all
/// was.
Result<bool> reset_group(client::Cluster& cluster, const KafkaFlags& flags, const std::string& group,
                         const Target& target, std::vector<std::pair<std::string, offsets::Move>>& moves) {
  const auto store = offsets::group_store(cluster, group);
  if (const auto idle = store->require_idle(env::Duration{}); !idle) {
    if (idle.error().code != Code::conflict) return std::unexpected(idle.error());
    const std::vector<std::string> groups{group};
    const auto told = client::describe_groups(cluster, groups).front();
    SLUICE_TRY(
        write_stdout(fmt::format("\nError: Assignments can only be reset if the group '{}' is inactive, "
                                 "but the current state is {}.\n",
                                 group, told ? told->state : "unknown")));
    return false;
  }
  const auto choices = SLUICE_TRY(choices_of(flags, *store));
  const auto plan = SLUICE_TRY(
      offsets::make_plan(cluster, *store, {choices, target, true, client::Isolation::read_uncommitted}));
  for (const auto& move : plan.moves) {
    if (!move.error.empty()) {
      fmt::print(stderr, "Error: {}-{}: {}\n", move.which.topic, move.which.partition.value, move.error);
    } else if (!move.note.empty()) {
      fmt::print(stderr, "note: {}-{}: {}\n", move.which.topic, move.which.partition.value, move.note);
    }
  }
  if (!plan.possible()) {
    fmt::print(stderr, "Error: no position of {} was changed\n", store->name());
    return false;
  }
  bool good = true;
  if (flags.has("execute")) {
    const auto done = SLUICE_TRY(offsets::execute(cluster.env(), *store, plan, {offsets::undo_directory()}));
    for (const auto& error : done.errors) {
      if (!error.empty()) fmt::print(stderr, "Error: {}\n", error);
    }
    good = done.all_well();
    if (!done.undo_path.empty())
      fmt::print(stderr, "note: to take it back: sluice offsets undo {} --execute\n", done.undo_path);
  }
  for (const auto& move : plan.moves) moves.emplace_back(group, move);
  return good;
}

Result<int> run_reset(client::Cluster& cluster, const KafkaFlags& flags) {
  const auto target = SLUICE_TRY(target_of(flags));
  if (flags.has("execute") && flags.has("dry-run"))
    return fail(Code::invalid_argument, "--execute or --dry-run? nothing was done");
  std::vector<std::pair<std::string, offsets::Move>> moves;
  const auto groups = SLUICE_TRY(groups_of(cluster, flags));
  bool good = true;
  for (const auto& group : groups)
    good = SLUICE_TRY(reset_group(cluster, flags, group, target, moves)) && good;
  SLUICE_TRY(write_stdout(flags.has("export") ? csv_text(moves, groups.size() > 1) : reset_text(moves)));
  if (!flags.has("execute") && !flags.has("dry-run") && !flags.has("export"))
    fmt::print(stderr, "note: nothing was changed: --execute changes\n");
  return good ? exit_ok : exit_failed;
}

Result<int> run_delete(client::Cluster& cluster, const KafkaFlags& flags) {
  const auto groups = SLUICE_TRY(groups_of(cluster, flags));
  const auto done = client::delete_groups(cluster, groups);
  std::string deleted;
  int code = exit_ok;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (done[i]) {
      deleted += fmt::format("{}'{}'", deleted.empty() ? "" : ", ", groups[i]);
      continue;
    }
    fmt::print(
        stderr,
        "\nError: Deletion of some consumer groups failed:\n* Group '{}' could not be deleted due to: {}\n",
        groups[i], done[i].error().message);
    code = exit_failed;
  }
  if (code == exit_ok)
    SLUICE_TRY(
        write_stdout(fmt::format("Deletion of requested consumer groups ({}) was successful.\n", deleted)));
  else if (!deleted.empty())
    SLUICE_TRY(write_stdout(fmt::format("\nThese consumer groups were deleted successfully: {}\n", deleted)));
  return code;
}

}  // namespace

Result<int> run_kafka_consumer_groups(const std::vector<std::string>& arguments) {
  const auto flags = SLUICE_TRY(KafkaFlags::parse("kafka-consumer-groups", arguments,
                                                  {{"bootstrap-server", true},
                                                   {"command-config", true},
                                                   {"list", false},
                                                   {"describe", false},
                                                   {"reset-offsets", false},
                                                   {"delete", false},
                                                   {"group", true},
                                                   {"all-groups", false},
                                                   {"topic", true},
                                                   {"all-topics", false},
                                                   {"offsets", false},
                                                   {"members", false},
                                                   {"state", false},
                                                   {"execute", false},
                                                   {"dry-run", false},
                                                   {"export", false},
                                                   {"to-earliest", false},
                                                   {"to-latest", false},
                                                   {"to-current", false},
                                                   {"to-offset", true},
                                                   {"to-datetime", true},
                                                   {"by-duration", true},
                                                   {"shift-by", true},
                                                   {"from-file", true}}));
  const int actions = int{flags.has("list")} + int{flags.has("describe")} + int{flags.has("reset-offsets")} +
                      int{flags.has("delete")};
  if (actions != 1)
    return fail(Code::invalid_argument, "what is to be done? nothing was done",
                "one of --list, --describe, --reset-offsets, --delete");
  const auto cluster = SLUICE_TRY(connect(flags));
  if (flags.has("list")) return run_list(*cluster);
  if (flags.has("describe")) return run_describe(*cluster, flags);
  if (flags.has("delete")) return run_delete(*cluster, flags);
  return run_reset(*cluster, flags);
}

}  // namespace sluice::cli
