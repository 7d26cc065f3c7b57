#include "audit/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "audit/range_check.h"
#include "audit/table_listing.h"
#include "table/names.h"

namespace sluice::audit {
namespace {

/// The table's row models, one for each schema version and partitioning that its commits use. One thread.
class Models {
 public:
  Models(env::FileSystem& files, const std::string& table) : files_(files), table_(table) {}

  /// nullptr where the table has no schema at all.
  Result<RowModel*> of(const table::CommitObject& commit) {
    const auto version = std::max(commit.schema_version, 1);
    auto& model = models_[{version, commit.partition_by}];
    if (model) return model.get();
    const auto path = env::join(table_, table::schema_name(version));
    if (!SLUICE_TRY(files_.exists(path))) return nullptr;
    const auto text = SLUICE_TRY(files_.read_file(path, table::schema_bytes_max));
    model = std::make_unique<RowModel>(SLUICE_TRY(parse_schema(as_text(text), commit.partition_by)));
    return model.get();
  }

 private:
  env::FileSystem& files_;
  const std::string& table_;
  std::map<std::pair<std::int32_t, std::vector<std::string>>, std::unique_ptr<RowModel>> models_;
};

class Audit {
 public:
  Audit(const Options& options, Topic& topic, env::FileSystem& files, const Progress& progress)
      : options_(options), topic_(topic), files_(files), progress_(progress) {}

  Result<Report> run();

 private:
  Result<void> check_identity(const TopicIdentity& identity);
  void prepare_partitions(const TopicIdentity& identity);
  void check_partitions();
  Result<void> check_partition(PartitionReport& report);
  Result<void> check_hole(PartitionReader& reader, OffsetRange hole, PartitionReport& report);
  void check_strays();
  void check_stray(const std::string& file);
  bool is_committed(PartitionId partition, Offset offset) const;
  PartitionReport* find(PartitionId partition);
  bool advance(std::int64_t records);

  const Options& options_;
  Topic& topic_;
  env::FileSystem& files_;
  const Progress& progress_;
  Listing listing_;
  Report report_;
  std::atomic<std::int64_t> records_ = 0;
  std::atomic<bool> stopped_ = false;
};

Result<void> Audit::check_identity(const TopicIdentity& identity) {
  const auto& table = listing_.descriptor;
  if (table.topic != options_.topic ||
      (table.cluster_id != identity.cluster_id && !identity.cluster_id.empty())) {
    return fail(
        Code::conflict,
        fmt::format(
            "nothing was audited: the table at {} belongs to topic {} of cluster {}, not to topic {} of {}",
            options_.table, table.topic, table.cluster_id, options_.topic, identity.cluster_id),
        "check --bootstrap-server, --topic and --lake");
  }
  if (!identity.topic_id.is_zero() && identity.topic_id != table.topic_id) {
    return fail(
        Code::conflict,
        fmt::format(
            "nothing was audited: the table at {} holds topic id {}, the cluster's topic {} has id {}: it "
            "was deleted and created again",
            options_.table, to_string(table.topic_id), options_.topic, to_string(identity.topic_id)));
  }
  return {};
}

void Audit::prepare_partitions(const TopicIdentity& identity) {
  std::set<PartitionId> all(identity.partitions.begin(), identity.partitions.end());
  for (const auto& [partition, chain] : listing_.chains) all.insert(partition);
  for (const auto partition : all) {
    auto& report = report_.partitions.emplace_back();
    report.partition = partition;
    if (!std::ranges::binary_search(identity.partitions, partition)) {
      report.findings.push_back(
          {false, fmt::format("the topic has no partition {} any more", partition.value)});
    }
  }
}

PartitionReport* Audit::find(PartitionId partition) {
  const auto found = std::ranges::find(report_.partitions, partition, &PartitionReport::partition);
  return found == report_.partitions.end() ? nullptr : &*found;
}

bool Audit::advance(std::int64_t records) {
  const auto total = records_.fetch_add(records) + records;
  if (progress_ && !progress_(total)) stopped_ = true;
  return !stopped_;
}

Result<void> Audit::check_hole(PartitionReader& reader, OffsetRange hole, PartitionReport& report) {
  const OffsetRange readable{std::max(hole.begin, report.topic.begin), std::min(hole.end, report.topic.end)};
  if (readable.empty()) {
    report.missing.add(hole);
    return {};
  }
  report.missing.add({hole.begin, readable.begin});
  SLUICE_TRY(reader.read(readable, [&](const TopicRecord& record) { report.missing.add(record.offset); }));
  report.missing.add({readable.end, hole.end});
  return {};
}

Result<void> Audit::check_partition(PartitionReport& report) {
  const auto reader = SLUICE_TRY(topic_.open(report.partition));
  report.topic = SLUICE_TRY(reader->bounds());
  const auto& chain = listing_.chains.at(report.partition);
  report.committed = chain.covered();
  report.commits = static_cast<std::int64_t>(chain.commits.size());
  report.findings.insert(report.findings.end(), chain.findings.begin(), chain.findings.end());
  if (report.committed.end > report.topic.end) {
    report.findings.push_back(
        {true, fmt::format("the topic ends at {}, the table at {}: the topic's log was cut",
                           report.topic.end.value, report.committed.end.value)});
  }
  Models models(files_, options_.table);
  for (const auto& commit : chain.commits) {
    RangeContext context{files_,
                         options_.table,
                         *reader,
                         report.topic,
                         SLUICE_TRY(models.of(commit)),
                         options_.window_offsets_max,
                         [&] { return advance(commit.range.count()); }};
    SLUICE_TRY(RangeCheck(context, commit, report).run());
  }
  for (const auto hole : chain.holes) SLUICE_TRY(check_hole(*reader, hole, report));
  return {};
}

void Audit::check_partitions() {
  for (const auto& report : report_.partitions)
    listing_.chains[report.partition];  // threads only look them up
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (auto i = next.fetch_add(1); i < report_.partitions.size(); i = next.fetch_add(1)) {
      auto& report = report_.partitions[i];
      const auto result = check_partition(report);
      if (!result) report.findings.push_back({false, "not decided: " + to_string(result.error())});
    }
  };
  const auto wanted =
      std::min(static_cast<std::size_t>(std::max(options_.threads_max, 1)), report_.partitions.size());
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
}

bool Audit::is_committed(PartitionId partition, Offset offset) const {
  const auto found = listing_.chains.find(partition);
  if (found == listing_.chains.end() || !found->second.covered().contains(offset)) return false;
  return std::ranges::none_of(found->second.holes, [&](OffsetRange hole) { return hole.contains(offset); });
}

void Audit::check_stray(const std::string& file) {
  std::int64_t uncommitted = 0;
  const auto rows = read_positions(files_, env::join(options_.table, file), [&](const FileRow& row) {
    auto* const report = find(row.partition);
    if (report != nullptr && is_committed(row.partition, row.offset)) {
      report->duplicate.add(row.offset);
    } else {
      ++uncommitted;
    }
  });
  if (!rows && rows.error().code == Code::not_found) return;  // it was there when the table was listed
  if (!rows && !file.ends_with(".parquet")) return;           // no rows for anybody, and no data file's name
  report_.findings.push_back(
      {true,
       rows ? fmt::format(
                  "no commit object names {}, which readers see: {} rows, of which {} are committed nowhere",
                  file, *rows, uncommitted)
            : fmt::format("no commit object names {}: {}", file, rows.error().message)});
}

/// Files that readers see and no commit object names.
void Audit::check_strays() {
  std::set<std::string> named;
  for (const auto& [partition, chain] : listing_.chains) {
    for (const auto& commit : chain.commits) {
      for (const auto& file : commit.files) named.insert(file.name);
    }
  }
  for (const auto& file : listing_.files) {
    if (!named.contains(file)) check_stray(file);
  }
}

Result<Report> Audit::run() {
  report_.topic = options_.topic;
  report_.table = options_.table;
  const auto identity = SLUICE_TRY(topic_.identity());
  listing_ = SLUICE_TRY(list_table(files_, options_.table));
  SLUICE_TRY(check_identity(identity));
  report_.cluster_id = listing_.descriptor.cluster_id;
  report_.topic_id = listing_.descriptor.topic_id;
  report_.findings = listing_.findings;
  prepare_partitions(identity);
  check_partitions();
  if (stopped_) return fail(Code::interrupted, "interrupted; the audit is not complete");
  check_strays();
  return std::move(report_);
}

}  // namespace

Result<Report> run(const Options& options, Topic& topic, env::FileSystem& files, const Progress& progress) {
  return Audit(options, topic, files, progress).run();
}

}  // namespace sluice::audit
