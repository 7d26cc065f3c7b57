#include "offsets/standing.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/offset_batch.h"
#include "table/commit_log.h"
#include "table/descriptor.h"
#include "table/local_store.h"

namespace sluice::offsets {
namespace {

using client::Isolation;
using client::OffsetSpec;

std::vector<PartitionId> partitions_of(const std::vector<Standing>& standings) {
  std::vector<PartitionId> out;
  for (const auto& standing : standings) {
    if (standing.partition.value >= 0) out.push_back(standing.partition);
  }
  return out;
}

/// A row for each partition of the topics; one with an error where a topic has none to speak of.
std::vector<Standing> rows_of(const std::vector<std::string>& topics, const client::TopicMap& known) {
  std::vector<Standing> out;
  for (const auto& name : topics) {
    if (const auto error = client::topic_error(known, name)) {
      auto& row = out.emplace_back();
      row.topic = name;
      row.error = error->message;
      continue;
    }
    for (const auto& partition : known.at(name).partitions) {
      auto& row = out.emplace_back();
      row.topic = name;
      row.partition = partition.id;
      row.leader = partition.leader;
    }
  }
  return out;
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

Result<std::vector<Standing>> topic_ranges(client::Cluster& cluster, const std::vector<std::string>& topics,
                                           Isolation isolation) {
  if (topics.empty()) return std::vector<Standing>{};
  auto known = SLUICE_TRY(cluster.describe_topics(topics));
  auto out = rows_of(topics, known);
  std::vector<client::TopicPartition> asked;
  for (const auto& row : out) {
    if (row.error.empty()) asked.push_back({row.topic, row.partition});
  }
  const auto ask = [&](OffsetSpec spec) {
    return client::list_offsets(cluster, known, asked, spec, isolation);
  };
  const auto begins = ask(OffsetSpec::earliest());
  const auto ends = ask(OffsetSpec::latest());
  for (std::size_t at = 0; auto& row : out) {
    if (!row.error.empty()) continue;
    if (begins[at] && ends[at]) {
      row.log_start = begins[at]->offset;
      row.log_end = ends[at]->offset;
    } else {
      row.error = (begins[at] ? ends[at] : begins[at]).error().message;
    }
    ++at;
  }
  return out;
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
    if (standing.partition.value < 0) continue;
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
