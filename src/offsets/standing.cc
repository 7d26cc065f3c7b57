#include "offsets/standing.h"

#include <fmt/format.h>

#include <algorithm>

#include "table/commit_log.h"
#include "table/descriptor.h"
#include "table/local_store.h"

namespace sluice::offsets {
namespace {

using client::Isolation;
using client::OffsetSpec;

std::vector<PartitionId> partitions_of(const std::vector<Standing>& standings) {
  std::vector<PartitionId> out;
  for (const auto& standing : standings) out.push_back(standing.partition);
  return out;
}

/// One partition's ends, or why not.
void ask_alone(client::Cluster& cluster, Standing& standing) {
  const auto range = cluster.offset_range(standing.topic, standing.partition, Isolation::read_committed);
  if (!range) {
    standing.error = range.error().message;
    return;
  }
  standing.log_start = range->begin;
  standing.log_end = range->end;
}

Result<void> ask_together(client::Cluster& cluster, const std::string& topic,
                          std::vector<Standing>& standings) {
  const auto partitions = partitions_of(standings);
  const auto begins =
      SLUICE_TRY(cluster.list_offsets(topic, partitions, OffsetSpec::earliest(), Isolation::read_committed));
  const auto ends =
      SLUICE_TRY(cluster.list_offsets(topic, partitions, OffsetSpec::latest(), Isolation::read_committed));
  for (std::size_t i = 0; i < standings.size(); ++i) {
    standings[i].log_start = begins[i].offset;
    standings[i].log_end = ends[i].offset;
  }
  return {};
}

}  // namespace

std::optional<std::int64_t> Standing::lag() const {
  if (!next || !log_start || !log_end) return std::nullopt;
  return std::max<std::int64_t>(*log_end - std::max(*next, *log_start), 0);
}

std::optional<std::int64_t> Standing::lost() const {
  if (!next || !log_start) return std::nullopt;
  return std::max<std::int64_t>(*log_start - *next, 0);
}

Result<std::vector<Standing>> topic_ranges(client::Cluster& cluster, const std::string& topic) {
  const auto found = SLUICE_TRY(cluster.refresh_topic(topic));
  std::vector<Standing> out;
  for (const auto& partition : found.partitions) {
    auto& standing = out.emplace_back();
    standing.topic = topic;
    standing.partition = partition.id;
    standing.leader = partition.leader;
  }
  const bool all_led = std::ranges::none_of(out, [](const Standing& s) { return s.leader.value < 0; });
  if (all_led && ask_together(cluster, topic, out)) return out;
  for (auto& standing : out) {
    if (standing.leader.value < 0) {
      standing.error = "no leader at the moment";
    } else {
      ask_alone(cluster, standing);
    }
  }
  return out;
}

Result<void> add_group(client::Cluster& cluster, const std::string& group, std::vector<Standing>& standings) {
  for (const auto& position : SLUICE_TRY(cluster.fetch_offsets(group))) {
    const auto found = std::ranges::find_if(standings, [&](const Standing& standing) {
      return standing.topic == position.topic && standing.partition == position.partition;
    });
    if (found == standings.end()) continue;
    found->committed = found->next = position.offset;
  }
  return {};
}

Result<TablePositions> table_positions(const env::Env& env, const std::string& directory,
                                       const std::vector<PartitionId>& partitions) {
  table::LocalStore store(*env.fs, *env.random, directory);
  const auto descriptor = SLUICE_TRY(table::read_descriptor(store));
  TablePositions out{descriptor.cluster_id, descriptor.topic, descriptor.topic_id, {}, descriptor.starts};
  for (const auto partition : partitions) {
    table::CommitLog log(store, {descriptor.topic_id, partition}, descriptor.cluster_id);
    SLUICE_TRY(log.open());
    if (log.started()) out.committed.emplace(partition, log.end());
  }
  return out;
}

Result<void> add_table(client::Cluster& cluster, const std::string& directory,
                       std::vector<Standing>& standings) {
  if (standings.empty()) return {};
  const auto& topic = standings.front().topic;
  const auto table = SLUICE_TRY(table_positions(cluster.env(), directory, partitions_of(standings)));
  const auto id = SLUICE_TRY(cluster.topic_id(topic));
  if (table.topic != topic || table.cluster_id != cluster.cluster_id() ||
      (!id.is_zero() && id != table.topic_id)) {
    return fail(
        Code::conflict,
        fmt::format(
            "the table at {} holds topic {} (id {}) of cluster {}, not topic {} (id {}) of cluster {}; "
            "their offsets were not compared",
            directory, table.topic, to_string(table.topic_id), table.cluster_id, topic, to_string(id),
            cluster.cluster_id()),
        "check --bootstrap-server, --topic and --lake");
  }
  for (auto& standing : standings) {
    const auto found = table.committed.find(standing.partition);
    const auto index = static_cast<std::size_t>(standing.partition.value);
    if (found != table.committed.end()) {
      standing.committed = standing.read = standing.next = found->second;
    } else {
      standing.next = index < table.starts.size() ? table.starts[index] : Offset{0};
    }
  }
  return {};
}

}  // namespace sluice::offsets
