// sluice groups list|describe|members|state|delete|delete-offsets: groups, however many, in a few requests.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/cmd_topics.h"
#include "cli/command.h"
#include "client/group_batch.h"
#include "env/posix.h"
#include "offsets/group_standing.h"

namespace sluice::cli {
namespace {

using client::GroupDescription;

struct GroupFlags : MoveFlags {
  std::vector<std::string> groups;   ///< as operands
  std::vector<std::string> by_flag;  ///< by --group
  std::vector<std::string> states;
  bool all = false;
};

/// The groups that are meant; invalid_argument where none is named.
Result<std::vector<std::string>> named_groups(client::Cluster& cluster, const GroupFlags& flags,
                                              std::vector<std::string>& errors) {
  auto texts = flags.groups;
  texts.insert(texts.end(), flags.by_flag.begin(), flags.by_flag.end());
  if (texts.empty() == !flags.all)
    return fail(Code::invalid_argument, "which groups? nothing was done", "name them, or --all");
  return choose_groups(cluster, texts, flags.all, errors);
}

/// "orders:0,1 other:2".
std::string assigned_text(const std::vector<client::TopicPartition>& assigned) {
  std::string out;
  const std::string* topic = nullptr;
  for (const auto& which : assigned) {
    if (topic == nullptr || *topic != which.topic) {
      out += fmt::format("{}{}:{}", out.empty() ? "" : " ", which.topic, which.partition.value);
    } else {
      out += fmt::format(",{}", which.partition.value);
    }
    topic = &which.topic;
  }
  return out;
}

bool has_state(const std::vector<std::string>& wanted, const std::string& state) {
  const auto same = [&](const std::string& one) {
    return std::ranges::equal(
        one, state, [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
  };
  return wanted.empty() || std::ranges::any_of(wanted, same);
}

Result<int> run_list(const GroupFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto patterns = SLUICE_TRY(parse_patterns(flags.groups));
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto listed = client::list_groups(*cluster);
  Table table;
  table.schema = "sluice.groups.list/1";
  table.columns = {"group", "type", "state", "protocol_type", "coordinator"};
  for (const auto& group : listed.groups) {
    const bool wanted = patterns.empty() || std::ranges::any_of(patterns, [&](const auto& pattern) {
                          return pattern.matches(group.group);
                        });
    if (!wanted || !has_state(flags.states, group.state)) continue;
    table.rows.push_back({group.group, cell(group.type), cell(group.state), cell(group.protocol_type),
                          std::int64_t{group.coordinator.value}});
  }
  for (const auto& error : listed.errors) table.errors.push_back(error.message);
  return show_table(table, format);
}

/// What each partition's owner is, by group.
using Owners = std::map<std::pair<std::string, client::TopicPartition>, const client::GroupMember*>;

Owners owners_of(const std::vector<Result<GroupDescription>>& described) {
  Owners out;
  for (const auto& group : described) {
    if (!group) continue;
    for (const auto& member : group->members) {
      for (const auto& which : member.assigned) out[{group->group, which}] = &member;
    }
  }
  return out;
}

/// Rows for partitions that are read without a position, so that no owner is missing.
Result<void> add_assigned(client::Cluster& cluster, const Owners& owners,
                          std::vector<offsets::Standing>& rows) {
  std::set<std::pair<std::string, client::TopicPartition>> shown;
  for (const auto& row : rows) shown.insert({row.group, {row.topic, row.partition}});
  std::set<std::string> topics;
  for (const auto& [key, member] : owners) {
    if (!shown.contains(key)) topics.insert(key.second.topic);
  }
  if (topics.empty()) return {};
  const auto ranges = SLUICE_TRY(offsets::topic_ranges(cluster, {topics.begin(), topics.end()}));
  for (const auto& [key, member] : owners) {
    if (shown.contains(key)) continue;
    for (const auto& range : ranges) {
      if (range.topic != key.second.topic || range.partition != key.second.partition) continue;
      rows.push_back(range);
      rows.back().group = key.first;
    }
  }
  std::ranges::stable_sort(rows, [](const auto& a, const auto& b) {
    return std::tie(a.group, a.topic, a.partition) < std::tie(b.group, b.topic, b.partition);
  });
  return {};
}

Result<int> run_describe(const GroupFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto choices = SLUICE_TRY(parse_topics(flags.topics));
  const auto cluster = SLUICE_TRY(connect(flags));
  Table table;
  const auto groups = SLUICE_TRY(named_groups(*cluster, flags, table.errors));
  const auto described = client::describe_groups(*cluster, groups);
  const auto owners = owners_of(described);
  auto rows = SLUICE_TRY(offsets::group_standings(*cluster, groups, choices));
  if (choices.empty()) SLUICE_TRY(add_assigned(*cluster, owners, rows));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (described[i]) continue;
    std::erase_if(rows, [&](const auto& row) { return row.group == groups[i] && row.partition.value < 0; });
    auto& row = rows.emplace_back();
    row.group = groups[i];
    row.error = described[i].error().message;
  }
  table.schema = "sluice.groups.describe/1";
  table.columns = {"group", "topic", "partition", "committed", "log_end",
                   "lag",   "lost",  "member",    "host",      "client_id"};
  std::vector<std::string> errors;
  for (const auto& row : rows) {
    const auto owner = owners.find({row.group, {row.topic, row.partition}});
    const auto* const member = owner == owners.end() ? nullptr : owner->second;
    table.rows.push_back({row.group, cell(row.topic), cell(row.partition), cell(row.committed),
                          cell(row.log_end), cell(row.lag()), cell(row.lost()),
                          member != nullptr ? cell(member->member_id) : Cell(),
                          member != nullptr ? cell(member->host) : Cell(),
                          member != nullptr ? cell(member->client_id) : Cell()});
    errors.push_back(row.error);
  }
  add_errors(table, errors);
  return show_table(table, format);
}

Result<int> run_members(const GroupFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto cluster = SLUICE_TRY(connect(flags));
  Table table;
  const auto groups = SLUICE_TRY(named_groups(*cluster, flags, table.errors));
  table.schema = "sluice.groups.members/1";
  table.columns = {"group", "member", "instance", "host", "client_id", "partitions", "assigned"};
  std::vector<std::string> errors;
  const auto described = client::describe_groups(*cluster, groups);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!described[i]) {
      table.rows.push_back({groups[i], Cell(), Cell(), Cell(), Cell(), Cell(), Cell()});
      errors.push_back(described[i].error().message);
      continue;
    }
    for (const auto& member : described[i]->members) {
      table.rows.push_back({groups[i], member.member_id, cell(member.instance_id), member.host,
                            member.client_id, static_cast<std::int64_t>(member.assigned.size()),
                            cell(assigned_text(member.assigned))});
      errors.emplace_back();
    }
  }
  add_errors(table, errors);
  return show_table(table, format);
}

Result<int> run_state(const GroupFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto cluster = SLUICE_TRY(connect(flags));
  Table table;
  const auto groups = SLUICE_TRY(named_groups(*cluster, flags, table.errors));
  table.schema = "sluice.groups.state/1";
  table.columns = {"group", "type", "state", "members", "assignor", "coordinator"};
  std::vector<std::string> errors;
  const auto described = client::describe_groups(*cluster, groups);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (described[i]) {
      table.rows.push_back({groups[i], described[i]->type, described[i]->state,
                            static_cast<std::int64_t>(described[i]->members.size()),
                            cell(described[i]->assignor), std::int64_t{described[i]->coordinator.value}});
      errors.emplace_back();
    } else {
      table.rows.push_back({groups[i], Cell(), Cell(), Cell(), Cell(), Cell()});
      errors.push_back(described[i].error().message);
    }
  }
  add_errors(table, errors);
  return show_table(table, format);
}

Result<int> run_delete(const GroupFlags& flags) {
  const auto format = SLUICE_TRY(output_format(flags));
  const auto cluster = SLUICE_TRY(connect(flags));
  Table table;
  const auto groups = SLUICE_TRY(named_groups(*cluster, flags, table.errors));
  const auto described = client::describe_groups(*cluster, groups);
  const auto positions = client::fetch_positions(*cluster, groups);
  std::vector<std::string> errors(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!described[i]) {
      errors[i] = described[i].error().message;
    } else if (!described[i]->is_empty()) {
      errors[i] = fmt::format("group {} is {} ({} members); no group was deleted [NON_EMPTY_GROUP]",
                              groups[i], described[i]->state, described[i]->members.size());
    }
  }
  const bool possible = table.errors.empty() && std::ranges::all_of(errors, &std::string::empty);
  if (possible && flags.execute) {
    const auto done = client::delete_groups(*cluster, groups);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (!done[i]) errors[i] = done[i].error().message;
    }
  }
  table.schema = "sluice.groups.delete/1";
  table.columns = {"group", "state", "positions", "deleted"};
  table.facts = {{"executed", possible && flags.execute}};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    table.rows.push_back(
        {groups[i], described[i] ? cell(described[i]->state) : Cell(),
         positions[i] ? Cell(static_cast<std::int64_t>(positions[i]->offsets.size())) : Cell(),
         possible && flags.execute && errors[i].empty()});
  }
  add_errors(table, errors);
  const auto code = SLUICE_TRY(show_table(table, format));
  if (possible && !flags.execute)
    fmt::print(
        stderr,
        "{} groups would be deleted with their positions; nothing was done\n  try  the same with --execute\n",
        groups.size());
  return code;
}

Result<int> run_delete_offsets(const GroupFlags& flags) {
  if (flags.group.empty() || flags.topics.empty())
    return fail(Code::invalid_argument, "whose positions of which topics? nothing was done",
                "--group GROUP --topic TOPIC[:PARTITIONS]");
  const auto choices = SLUICE_TRY(parse_topics(flags.topics));
  const auto cluster = SLUICE_TRY(connect(flags));
  const auto store = offsets::group_store(*cluster, flags.group);
  const auto wait = SLUICE_TRY(parse_duration(flags.wait_empty));
  if (flags.execute) SLUICE_TRY(store->require_idle(wait));
  offsets::Plan plan{cluster->cluster_id(), {}};
  for (const auto& [which, position] : SLUICE_TRY(store->load())) {
    const bool chosen = std::ranges::any_of(choices, [&](const auto& choice) {
      return choice.topic.matches(which.topic) && choice.has(which.partition);
    });
    if (chosen) plan.moves.push_back({which, position, {}, {}, {}, {}, {}});
  }
  if (plan.moves.empty())
    return fail(Code::not_found, fmt::format("{} has no such positions; nothing was deleted", store->name()),
                "sluice offsets lag --group " + flags.group);
  return carry_out(cluster->env(), *store, plan, flags);
}

void add_group_operands(CLI::App& app, GroupFlags& flags) {
  app.add_option("GROUP", flags.groups, "Groups, or patterns");
  add_repeated(app, "-g,--group", flags.by_flag, "The same", "GROUP");
  app.add_flag("--all", flags.all, "Every group");
}

void declare(CLI::App& app, GroupFlags& flags) {
  auto& list = *app.add_subcommand("list", "The groups of the cluster");
  list.add_option("GROUP", flags.groups, "Only these: groups, or patterns");
  add_repeated(list, "--state", flags.states, "Only groups in this state: Stable, Empty, ...", "STATE");
  add_tool_flags(list, flags);

  auto& describe = *app.add_subcommand("describe", "Positions, lag and owner of each partition");
  add_group_operands(describe, flags);
  add_repeated(describe, "-t,--topic", flags.topics, "Only this topic, pattern or partitions of one",
               "TOPIC[:PARTITIONS]");
  add_tool_flags(describe, flags);

  auto& members = *app.add_subcommand("members", "Who is in the groups, with what");
  add_group_operands(members, flags);
  add_tool_flags(members, flags);

  auto& state = *app.add_subcommand("state", "State, assignor and coordinator");
  add_group_operands(state, flags);
  add_tool_flags(state, flags);

  auto& remove = *app.add_subcommand("delete", "Delete groups without members, with their positions");
  add_group_operands(remove, flags);
  remove.add_flag("--execute", flags.execute, "Do it; without it nothing is deleted");
  add_tool_flags(remove, flags);

  auto& offsets =
      *app.add_subcommand("delete-offsets", "Delete a group's positions of topics; can be undone");
  offsets.add_option("-g,--group", flags.group, "The group")->type_name("GROUP");
  add_repeated(offsets, "-t,--topic", flags.topics, "The topic, a pattern, or partitions of one",
               "TOPIC[:PARTITIONS]");
  add_execution_flags(offsets, flags);
}

}  // namespace

int run_groups(const std::vector<std::string>& arguments) {
  GroupFlags flags;
  CLI::App app("Groups: who is in them, where they stand, and removing them.", "groups");
  app.require_subcommand(1);
  declare(app, flags);
  if (const auto code = parse_flags(app, arguments)) return *code;
  const auto code = app.got_subcommand("list")       ? run_list(flags)
                    : app.got_subcommand("describe") ? run_describe(flags)
                    : app.got_subcommand("members")  ? run_members(flags)
                    : app.got_subcommand("state")    ? run_state(flags)
                    : app.got_subcommand("delete")   ? run_delete(flags)
                                                     : run_delete_offsets(flags);
  return code ? *code : report(code.error());
}

}  // namespace sluice::cli
