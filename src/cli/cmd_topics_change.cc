// sluice topics create|delete|alter|trim|partitions add. What destroys is shown first and done with
// --execute.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "cli/cmd_topics.h"
#include "cli/command.h"
#include "client/group_batch.h"
#include "client/topic_batch.h"
#include "env/posix.h"
#include "offsets/lookup.h"
#include "offsets/position_text.h"
#include "offsets/when.h"

namespace sluice::cli {
namespace {

constexpr std::uint64_t offsets_file_bytes_max = 64u << 20;

Result<client::ConfigChanges> config_changes(const TopicFlags& flags) {
  client::ConfigChanges out;
  for (const auto& text : flags.set) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Code::invalid_argument, fmt::format("'{}' is no KEY=VALUE; nothing was done", text));
    out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& key : flags.unset) out[key] = std::nullopt;
  return out;
}

void say_nothing_done(const std::string& what) {
  fmt::print(stderr, "{}; nothing was changed\n  try  the same with --execute\n", what);
}

bool none(const std::vector<std::string>& errors) {
  return std::ranges::all_of(errors, &std::string::empty);
}

/// Which groups stand before the new log start of each partition, and by how many records at most.
std::map<client::TopicPartition, std::string> unread_by(client::Cluster& cluster,
                                                        const std::vector<client::TrimPoint>& points) {
  std::vector<std::string> groups;
  for (const auto& group : client::list_groups(cluster).groups) groups.push_back(group.group);
  std::map<client::TopicPartition, Offset> before;
  for (const auto& point : points) before[point.which] = point.before;
  std::map<client::TopicPartition, std::string> out;
  const auto positions = client::fetch_positions(cluster, groups);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!positions[i]) continue;
    for (const auto& one : positions[i]->offsets) {
      const auto at = before.find({one.topic, one.partition});
      if (at == before.end() || one.offset >= at->second) continue;
      auto& text = out[at->first];
      text += fmt::format("{}{}:{}", text.empty() ? "" : " ", groups[i], one.offset.value);
    }
  }
  return out;
}

/// One row of a trim: where the log starts now, and where it is to start.
struct Trim {
  client::TopicPartition which;
  std::optional<Offset> log_start;
  std::optional<Offset> log_end;
  std::optional<Offset> before;
  std::string error;
};

/// `before` as an offset, where it is one.
std::optional<Offset> as_offset(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return Offset{number};
}

Result<std::vector<Trim>> plan_trim(client::Cluster& cluster, const TopicFlags& flags) {
  offsets::Offsets points;
  auto choices = SLUICE_TRY(parse_topics(flags.topics));
  if (!flags.offset_json_file.empty()) {
    const auto bytes =
        SLUICE_TRY(env::posix_file_system().read_file(flags.offset_json_file, offsets_file_bytes_max));
    points = SLUICE_TRY(offsets::parse_positions(as_text(bytes)));
    for (const auto& [which, offset] : points) {
      choices.push_back(
          SLUICE_TRY(offsets::parse_topic_choice(fmt::format("{}:{}", which.topic, which.partition.value))));
    }
  }
  const auto fixed = as_offset(flags.before);
  std::map<client::TopicPartition, offsets::Lookup> found;
  if (points.empty() && !fixed) {
    const auto spec = SLUICE_TRY(offsets::parse_time(flags.before, env::posix_clock().wall_ms()));
    for (auto& row : SLUICE_TRY(offsets::look_up(cluster, choices, spec))) found[row.which] = row;
  }
  const auto topics = SLUICE_TRY(offsets::choose_topics(cluster, choices));
  auto rows = SLUICE_TRY(offsets::topic_ranges(cluster, topics, client::Isolation::read_uncommitted));
  offsets::keep_chosen(rows, choices);
  std::vector<Trim> out;
  for (const auto& row : rows) {
    auto& trim =
        out.emplace_back(Trim{{row.topic, row.partition}, row.log_start, row.log_end, fixed, row.error});
    if (const auto at = points.find(trim.which); at != points.end()) trim.before = at->second;
    // No record is that young: there is none to keep.
    if (const auto at = found.find(trim.which); at != found.end())
      trim.before = at->second.offset ? at->second.offset : row.log_end;
    if (!trim.error.empty()) continue;
    if (!trim.before || *trim.before > *trim.log_end) {
      trim.error = fmt::format("{} lies beyond the log end at {}; no record was deleted",
                               trim.before ? trim.before->value : -1, trim.log_end->value);
    }
  }
  return out;
}

Table trim_table(const std::vector<Trim>& trims, const std::map<client::TopicPartition, std::string>& unread,
                 const std::vector<std::optional<Offset>>& starts) {
  Table table;
  table.schema = "sluice.topics.trim/1";
  table.columns = {"topic",   "partition", "log_start", "before",
                   "log_end", "deletes",   "unread_by", "new_log_start"};
  std::vector<std::string> errors;
  for (std::size_t i = 0; i < trims.size(); ++i) {
    const auto& trim = trims[i];
    const auto at = unread.find(trim.which);
    const bool known = trim.before && trim.log_start;
    table.rows.push_back({trim.which.topic, cell(trim.which.partition), cell(trim.log_start),
                          cell(trim.before), cell(trim.log_end),
                          known ? Cell(std::max<std::int64_t>(*trim.before - *trim.log_start, 0)) : Cell(),
                          at == unread.end() ? Cell() : Cell(at->second), cell(starts[i])});
    errors.push_back(trim.error.empty() ? ""
                                        : fmt::format("{}[{}]: {}", trim.which.topic,
                                                      trim.which.partition.value, trim.error));
  }
  add_errors(table, errors);
  return table;
}

}  // namespace

void add_errors(Table& table, const std::vector<std::string>& errors) {
  if (none(errors)) return;
  table.columns.emplace_back("error");
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    table.rows[i].push_back(cell(errors[i]));
    if (!errors[i].empty()) table.errors.push_back(errors[i]);
  }
}

Result<int> run_topics_create(const TopicFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto changes = SLUICE_TRY(config_changes(flags));
  if (flags.replication_factor > 32767)
    return fail(Code::invalid_argument, "that is no number of replicas; nothing was created");
  const auto cluster = SLUICE_TRY(connect(flags));
  Table table;
  table.schema = "sluice.topics.create/1";
  table.columns = {"topic", "partitions", "id", "created"};
  std::vector<std::string> errors;
  for (const auto& name : flags.topics) {
    client::NewTopic topic{name, flags.partitions, static_cast<std::int16_t>(flags.replication_factor), {}};
    for (const auto& [key, value] : changes) topic.configs[key] = *value;
    Result<client::Topic> made =
        flags.dry_run ? Result<client::Topic>(client::Topic{}) : cluster->create_topic(topic);
    if (flags.dry_run) {
      if (const auto checked = client::validate_topic(*cluster, topic); !checked)
        made = std::unexpected(checked.error());
    }
    const bool is_there = !made && made.error().code == Code::already_exists;
    if (is_there && flags.if_not_exists) made = cluster->refresh_topic(name);
    const bool created = made && !flags.dry_run && !is_there;
    const bool shown = made && !made->partitions.empty();
    table.rows.push_back({name, shown ? Cell(static_cast<std::int64_t>(made->partitions.size())) : Cell(),
                          shown && !made->id.is_zero() ? Cell(to_string(made->id)) : Cell(), created});
    errors.push_back(made ? "" : made.error().message);
  }
  table.facts = {{"executed", !flags.dry_run}};
  add_errors(table, errors);
  return show_table(table, format);
}

Result<int> run_topics_delete(const TopicFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto topics = SLUICE_TRY(named_topics(*cluster, flags.topics));
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> sizes;  // partitions and records
  std::map<std::string, std::string> missing;
  for (const auto& row :
       SLUICE_TRY(offsets::topic_ranges(*cluster, topics, client::Isolation::read_uncommitted))) {
    auto& [partitions, records] = sizes[row.topic];
    if (row.partition.value < 0) missing[row.topic] = row.error;
    partitions += row.partition.value < 0 ? 0 : 1;
    records += row.log_start && row.log_end ? *row.log_end - *row.log_start : 0;
  }
  Table table;
  table.schema = "sluice.topics.delete/1";
  table.columns = {"topic", "partitions", "records", "deleted"};
  table.facts = {{"executed", flags.execute && missing.empty()}};
  std::vector<std::string> errors;
  for (const auto& topic : topics) {
    auto& error = errors.emplace_back(missing.contains(topic) ? missing[topic] : "");
    if (flags.execute && missing.empty()) {
      if (const auto done = cluster->delete_topic(topic); !done) error = done.error().message;
    }
    const bool known = !missing.contains(topic);
    table.rows.push_back({topic, known ? Cell(sizes[topic].first) : Cell(),
                          known ? Cell(sizes[topic].second) : Cell(),
                          flags.execute && missing.empty() && error.empty()});
  }
  add_errors(table, errors);
  const auto code = SLUICE_TRY(show_table(table, format));
  if (!missing.empty()) {
    fmt::print(stderr, "no topic was deleted: not every one is there\n");
  } else if (!flags.execute) {
    say_nothing_done(fmt::format("{} topics would be deleted with their records", topics.size()));
  }
  return code;
}

Result<int> run_topics_alter(const TopicFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto changes = SLUICE_TRY(config_changes(flags));
  if (changes.empty())
    return fail(Code::invalid_argument, "which settings? nothing was done", "--set KEY=VALUE or --unset KEY");
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto topics = SLUICE_TRY(named_topics(*cluster, flags.topics));
  std::vector<std::string> keys;
  for (const auto& [key, value] : changes) keys.push_back(key);
  const auto before = client::describe_configs(*cluster, topics, keys);
  auto done = client::alter_configs(*cluster, topics, changes, true);
  const bool good = std::ranges::all_of(done, [](const auto& one) { return one.has_value(); });
  if (good && flags.execute) done = client::alter_configs(*cluster, topics, changes, false);
  Table table;
  table.schema = "sluice.topics.alter/1";
  table.columns = {"topic", "name", "old", "new", "changed"};
  table.facts = {{"executed", good && flags.execute}};
  std::vector<std::string> errors;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    for (const auto& [key, value] : changes) {
      Cell old;
      if (before[i]) {
        const auto at = std::ranges::find(*before[i], key, &client::ConfigEntry::name);
        if (at != before[i]->end() && at->value) old = *at->value;
      }
      table.rows.push_back(
          {topics[i], key, old, value ? Cell(*value) : Cell(), good && flags.execute && done[i]});
      errors.push_back(done[i] ? "" : done[i].error().message);
    }
  }
  add_errors(table, errors);
  const auto code = SLUICE_TRY(show_table(table, format));
  if (good && !flags.execute)
    say_nothing_done(fmt::format("settings of {} topics would change", topics.size()));
  return code;
}

Result<int> run_topics_trim(const TopicFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  if (flags.before.empty() == flags.offset_json_file.empty() ||
      flags.topics.empty() == flags.offset_json_file.empty()) {
    return fail(Code::invalid_argument, "which records? nothing was done",
                "TOPIC --before OFFSET, or --offset-json-file FILE");
  }
  const auto cluster = SLUICE_TRY(connect(flags));
  auto trims = SLUICE_TRY(plan_trim(*cluster, flags));
  const bool good = std::ranges::all_of(trims, [](const auto& trim) { return trim.error.empty(); });
  std::vector<client::TrimPoint> points;
  for (const auto& trim : trims) {
    if (trim.before) points.push_back({trim.which, *trim.before});
  }
  const auto unread = unread_by(*cluster, points);
  std::vector<std::optional<Offset>> starts(trims.size());
  if (good && flags.execute) {
    std::set<std::string> names;
    for (const auto& trim : trims) names.insert(trim.which.topic);
    const std::vector<std::string> topics(names.begin(), names.end());
    auto known = SLUICE_TRY(cluster->describe_topics(topics));
    const auto done = client::delete_records(*cluster, known, points);
    for (std::size_t i = 0; i < trims.size(); ++i) {
      if (done[i]) {
        starts[i] = *done[i];
      } else {
        trims[i].error = done[i].error().message;
      }
    }
  }
  auto table = trim_table(trims, unread, starts);
  table.facts = {{"executed", good && flags.execute}};
  const auto code = SLUICE_TRY(show_table(table, format));
  if (!good) fmt::print(stderr, "no record was deleted: not every partition can be trimmed\n");
  if (good && !flags.execute)
    say_nothing_done(fmt::format("records of {} partitions would be deleted", trims.size()));
  return code;
}

Result<int> run_topics_partitions_add(const TopicFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto topics = SLUICE_TRY(named_topics(*cluster, flags.topics));
  const auto known = SLUICE_TRY(cluster->describe_topics(topics));
  std::vector<std::string> errors;
  for (const auto& topic : topics) {
    const auto checked = client::create_partitions(*cluster, topic, flags.total, true);
    errors.push_back(checked ? "" : checked.error().message);
  }
  const bool good = none(errors);
  Table table;
  table.schema = "sluice.topics.partitions.add/1";
  table.columns = {"topic", "old", "new", "changed"};
  table.facts = {{"executed", good && flags.execute}};
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (good && flags.execute) {
      const auto done = client::create_partitions(*cluster, topics[i], flags.total, false);
      if (!done) errors[i] = done.error().message;
    }
    const auto at = known.find(topics[i]);
    const bool there = at != known.end() && at->second.error_code == 0;
    table.rows.push_back({topics[i],
                          there ? Cell(static_cast<std::int64_t>(at->second.partitions.size())) : Cell(),
                          std::int64_t{flags.total}, good && flags.execute && errors[i].empty()});
  }
  add_errors(table, errors);
  const auto code = SLUICE_TRY(show_table(table, format));
  if (good && !flags.execute)
    say_nothing_done("partitions would be added for good, and keys go to other partitions from then on");
  return code;
}

}  // namespace sluice::cli
