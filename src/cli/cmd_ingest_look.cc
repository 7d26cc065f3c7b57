// sluice ingest status and sluice ingest verify: looking at a table without changing it.
#include <fmt/format.h>

#include "cli/cmd_ingest.h"
#include "cli/command.h"
#include "cli/output.h"
#include "env/env.h"
#include "ingest/recovery.h"
#include "table/commit_log.h"
#include "table/descriptor.h"
#include "table/local_store.h"

namespace sluice::cli {
namespace {

std::string table_root(const IngestFlags& flags) {
  return env::join(flags.lake, flags.topic);
}

/// One row: log start, committed, log end, lag and lost of a partition.
void add_status(Table& rows, ingest::Source& source, table::Store& store, const table::Descriptor& descriptor,
                PartitionId partition) {
  std::vector<Cell> row(rows.columns.size());
  row[0] = static_cast<std::int64_t>(partition.value);
  const auto fail = [&](const Error& error) {
    rows.errors.push_back(fmt::format("partition {}: {}", partition.value, to_string(error)));
  };
  table::CommitLog log(store, {descriptor.topic_id, partition}, descriptor.cluster_id);
  const auto opened = log.open();
  if (!opened) fail(opened.error());
  const auto index = static_cast<std::size_t>(partition.value);
  const Offset start = index < descriptor.starts.size() ? descriptor.starts[index] : Offset{0};
  const Offset committed = log.started() ? log.end() : start;
  if (opened) row[2] = committed.value;
  const auto bounds = source.bounds(partition);
  if (!bounds) {
    fail(bounds.error());
  } else {
    row[1] = bounds->log_start.value;
    row[3] = bounds->stable_end.value;
    if (opened) {
      row[4] = std::max<std::int64_t>(bounds->stable_end - std::max(committed, bounds->log_start), 0);
      row[5] = std::max<std::int64_t>(bounds->log_start - committed, 0);
    }
  }
  rows.rows.push_back(std::move(row));
}

Result<Table> status_of(const IngestFlags& flags) {
  const env::Env env = env::posix_env();
  table::LocalStore store(*env.fs, *env.random, table_root(flags));
  const table::Descriptor descriptor = SLUICE_TRY(table::read_descriptor(store));
  const ingest::KafkaOptions kafka = SLUICE_TRY(to_kafka(flags, ingest::Options{}.memory_bytes_max));
  const auto source = SLUICE_TRY(ingest::open_kafka_source(env, kafka));
  const ingest::TopicInfo topic = SLUICE_TRY(source->describe());
  if (topic.topic_id != descriptor.topic_id) {
    return base::fail(
        Code::conflict,
        fmt::format("no status was shown: the table holds topic id {}, the cluster's topic {} has id {}",
                    to_string(descriptor.topic_id), topic.topic, to_string(topic.topic_id)));
  }
  Table rows{
      "sluice.ingest.status/1", {"partition", "log_start", "committed", "log_end", "lag", "lost"}, {}, {}};
  for (std::int32_t i = 0; i < topic.partitions; ++i)
    add_status(rows, *source, store, descriptor, PartitionId{i});
  return rows;
}

struct Verified {
  std::int64_t commits = 0;
  std::int64_t files = 0;
  std::int64_t rows = 0;
  std::vector<std::string> wrong;
};

Result<void> verify_partition(table::Store& store, const env::Env& env, const table::Descriptor& descriptor,
                              PartitionId partition, Verified& verified) {
  const auto chain = table::read_whole_chain(store, {descriptor.topic_id, partition}, descriptor.cluster_id);
  if (!chain) {
    verified.wrong.push_back(to_string(chain.error()));
    return {};
  }
  ingest::FillPlan plan;
  plan.store = &store;
  const ingest::MakeSource no_source;
  ingest::LakeContent content(env, plan, no_source, {});
  for (const table::CommitObject& object : *chain) {
    ++verified.commits;
    for (const table::CommitFile& file : object.files) {
      ++verified.files;
      if (SLUICE_TRY(content.holds(file.name, file))) {
        verified.rows += file.rows;
      } else {
        verified.wrong.push_back(
            fmt::format("{} does not hold the {} records of offsets [{},{}) that were committed", file.name,
                        file.rows, object.range.begin.value, object.range.end.value));
      }
    }
  }
  return {};
}

Result<Verified> verify_table(const IngestFlags& flags) {
  const env::Env env = env::posix_env();
  table::LocalStore store(*env.fs, *env.random, table_root(flags));
  const table::Descriptor descriptor = SLUICE_TRY(table::read_descriptor(store));
  Verified verified;
  for (const std::string& name :
       SLUICE_TRY(store.list(fmt::format("_sluice/commits/{}", to_string(descriptor.topic_id))))) {
    const bool is_number =
        !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == std::string::npos;
    if (!is_number) {
      verified.wrong.push_back(
          fmt::format("_sluice/commits has '{}', which is no partition", printable(name)));
      continue;
    }
    SLUICE_TRY(verify_partition(store, env, descriptor,
                                PartitionId{static_cast<std::int32_t>(std::stol(name))}, verified));
  }
  return verified;
}

}  // namespace

int ingest_status(CLI::App&, IngestFlags& flags) {
  const auto rows = status_of(flags);
  if (!rows) return report(rows.error());
  const auto text = render(*rows, flags.json ? OutputFormat::json : OutputFormat::table);
  if (!text) return report(text.error());
  if (const auto written = write_stdout(*text); !written) return report(written.error());
  if (!flags.json) {
    for (const std::string& error : rows->errors) fmt::print(stderr, "{}\n", error);
  }
  return rows->errors.empty() ? exit_ok : exit_failed;
}

int ingest_verify(CLI::App&, IngestFlags& flags) {
  const auto verified = verify_table(flags);
  if (!verified) return report(verified.error());
  std::string text;
  if (flags.json) {
    std::string wrong;
    for (const std::string& line : verified->wrong) wrong += (wrong.empty() ? "" : ",") + json_string(line);
    text = fmt::format(
        "{{\"schema\":\"sluice.ingest.verify/"
        "1\",\"commits\":{},\"files\":{},\"records\":{},\"wrong\":[{}]}}\n",
        verified->commits, verified->files, verified->rows, wrong);
  } else {
    for (const std::string& line : verified->wrong) text += line + "\n";
    text += fmt::format("commits {} files {} records {} wrong {}\n", verified->commits, verified->files,
                        verified->rows, verified->wrong.size());
  }
  if (const auto written = write_stdout(text); !written) return report(written.error());
  return verified->wrong.empty() ? exit_ok : exit_bad;
}

}  // namespace sluice::cli
