// What the crash loops over ingest share: a topic, one life of a worker on the simulated disk, and the
// judges.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "audit/audit.h"
#include "audit/data_reader.h"
#include "ingest/memory_source.h"
#include "ingest/run.h"
#include "positions/file_store.h"
#include "sim/env.h"
#include "table/commit_log.h"
#include "table/local_store.h"

namespace sluice::crash {

using ingest::MemorySource;
using ingest::MemoryTopic;
using ingest::Piece;

constexpr PartitionId p0{0};
constexpr const char* root = "/lake/flights";

/// A topic with everything in it: data in two Hive directories, garbage, a marker, an aborted batch.
class Scene {
 public:
  Scene() {
    topic.batches_per_poll = 1;
    std::int64_t number = 0;
    const auto flights = [&](int count) {
      std::vector<std::string> values;
      for (int i = 0; i < count; ++i, ++number)
        values.push_back(
            fmt::format(R"({{"flight":{},"carrier":"{}"}})", number, number % 2 == 0 ? "UA" : "DL"));
      return values;
    };
    topic.produce(p0, flights(3), record::Codec::lz4);
    topic.produce(p0, flights(2));
    topic.produce(p0, {"not json"});
    topic.produce_aborted(p0, flights(2));
    topic.produce_marker(p0);
    topic.produce(p0, flights(4), record::Codec::zstd);
  }

  MemoryTopic topic;  ///< what a worker sees; its retention may be at its heels

  ingest::Options options() const {
    ingest::Options options;
    options.until_end = true;
    options.partition_by = {"carrier"};
    options.schema_text =
        R"({"format":"sluice.schema/1","fields":[{"name":"flight","type":"int64"},{"name":"carrier","type":"string"}]})";
    options.checkpoint_commits = 2;
    options.unreachable_max = std::chrono::milliseconds(1000);
    return options;
  }
};

/// One life of a worker process on `fs`: from its start to its end, whatever that is.
struct Outcome {
  bool ended = false;  // did all there was to do
  std::string why;     // else
  ingest::Summary summary;
};
/// `records_max`: of one range; no two lives should cut at the same places (X8).
inline Outcome live(Scene& scene, sim::FileSystem& fs, std::uint64_t seed, std::int64_t records_max,
                    bool accept_gap = false) {
  sim::Clock clock;
  sim::Random random(seed);
  const env::Env env = sim::make_env(clock, fs, random);
  table::LocalStore store(fs, random, root);
  positions::FileStore positions(fs, std::string(root) + "/_sluice/positions");
  const ingest::MakeSource make_source = [&]() -> Result<std::unique_ptr<ingest::Source>> {
    return std::make_unique<MemorySource>(scene.topic, clock);
  };
  const std::atomic<bool> stop{false};
  Outcome outcome;
  ingest::Options options = scene.options();
  options.roll_records = records_max;
  options.accept_gap = accept_gap;
  const auto job = ingest::prepare(env, store, &positions, nullptr, make_source, options, stop);
  if (!job) {
    outcome.why = job.error().message;
    return outcome;
  }
  const auto summary = ingest::Worker(*job, 0, 1).run(stop);
  if (!summary) {
    outcome.why = summary.error().message;
  } else if (!summary->halted.empty()) {
    outcome.why = summary->halted.begin()->second.message;
  } else {
    outcome.ended = true;
    outcome.summary = *summary;
  }
  return outcome;
}

/// Retention at the heels of the worker: the topic drops a record as soon as its commit is durable. From then
/// on the table alone has it.
inline void drop_committed(Scene& scene, sim::FileSystem& fs) {
  sim::Random random(1);
  table::LocalStore store(fs, random, root);
  const table::ChainId id{scene.topic.info.topic_id, p0};
  const auto chain = table::read_whole_chain(store, id, scene.topic.info.cluster_id);
  if (!chain) return;  // the process is dead
  for (const table::CommitObject& object : *chain) {
    const bool is_first = object.range.begin == chain->front().range.begin;
    if (!fs.is_durable(store.path(table::commit_name(id, object.range.begin, is_first)))) return;
    scene.topic.drop_before(p0, object.range.end);
  }
}

/// drop_committed, asked before each operation: looks only after the sync that can have made a commit
/// durable.
class Retention {
 public:
  Retention(Scene& scene, sim::FileSystem& fs) : scene_(scene), fs_(fs) {}
  void before(const sim::Operation& operation) {
    if (is_due_) drop_committed(scene_, fs_);
    is_due_ = operation.verb == sim::Verb::sync_dir && operation.path.find("/commits/") != std::string::npos;
  }

 private:
  Scene& scene_;
  sim::FileSystem& fs_;
  bool is_due_ = false;
};

/// Every path of a readers' file below `dir`.
inline void find_files(sim::FileSystem& fs, const std::string& dir, std::vector<std::string>& paths) {
  const auto entries = fs.list(dir);
  ASSERT_TRUE(entries.has_value());
  for (const env::DirEntry& entry : *entries) {
    if (entry.name.starts_with("_") || entry.name.starts_with(".")) continue;
    const std::string path = env::join(dir, entry.name);
    if (entry.is_dir) {
      find_files(fs, path, paths);
    } else {
      paths.push_back(path);
    }
  }
}

/// How often each offset is visible: as a row, or as a line of a committed quarantine file.
inline std::map<Offset, int> visible(Scene& scene, sim::FileSystem& fs) {
  std::map<Offset, int> seen;
  std::vector<std::string> paths;
  find_files(fs, root, paths);
  for (const std::string& path : paths) {
    const auto read = audit::read_positions(fs, path, [&](const audit::FileRow& row) { ++seen[row.offset]; });
    EXPECT_TRUE(read.has_value()) << path << ": " << (read ? "" : read.error().message);
  }
  sim::Random random(1);
  table::LocalStore store(fs, random, root);
  const auto chain =
      table::read_whole_chain(store, {scene.topic.info.topic_id, p0}, scene.topic.info.cluster_id);
  EXPECT_TRUE(chain.has_value()) << (chain ? "" : chain.error().message);
  if (!chain) return seen;
  for (const table::CommitObject& object : *chain) {
    for (const table::CommitFile& file : object.files) {
      if (file.kind != table::FileKind::quarantine) continue;
      const auto bytes = store.get(file.name, 1 << 20);
      EXPECT_TRUE(bytes.has_value() && *bytes) << file.name << " is missing";
      if (!bytes || !*bytes) continue;
      const std::string text(as_text(**bytes));
      for (std::size_t at = text.find("\"offset\":"); at != std::string::npos;
           at = text.find("\"offset\":", at + 1)) {
        ++seen[Offset{std::stoll(text.substr(at + 9))}];
      }
    }
  }
  return seen;
}

/// 0 missing, 0 duplicate; returns what is wrong.
inline std::string judge(sim::FileSystem& fs) {
  Scene whole;  // the topic as it was before it dropped anything
  const std::map<Offset, int> seen = visible(whole, fs);
  std::string wrong;
  for (const MemoryTopic::Stored& stored : whole.topic.logs[p0].batches) {
    const int wanted = stored.piece.kind == Piece::Kind::records ? 1 : 0;
    for (Offset offset = stored.piece.range.begin; offset < stored.piece.range.end; offset = offset + 1) {
      const auto found = seen.find(offset);
      const int times = found == seen.end() ? 0 : found->second;
      if (times != wanted) wrong += fmt::format(" offset {} is there {} times;", offset.value, times);
    }
  }
  return wrong;
}

/// The topic as audit reads it.
class AuditedTopic final : public audit::Topic {
 public:
  explicit AuditedTopic(MemoryTopic& topic) : topic_(topic) {}
  Result<audit::TopicIdentity> identity() override {
    return audit::TopicIdentity{topic_.info.cluster_id, topic_.info.topic_id, {p0}};
  }
  Result<std::unique_ptr<audit::PartitionReader>> open(PartitionId partition) override {
    return std::make_unique<Reader>(topic_.logs[partition]);
  }

 private:
  class Reader final : public audit::PartitionReader {
   public:
    explicit Reader(const MemoryTopic::Log& log) : log_(log) {}
    Result<OffsetRange> bounds() override { return OffsetRange{log_.start, log_.end()}; }
    Result<void> read(OffsetRange range, const Take& take) override {
      for (const MemoryTopic::Stored& stored : log_.batches) {
        if (stored.piece.kind != Piece::Kind::records) continue;
        const auto batch = SLUICE_TRY(record::BatchView::parse(stored.piece.batch));
        const BytesView bytes = SLUICE_TRY(decompressor_.records(batch));
        SLUICE_TRY(record::for_each_record(bytes, batch.records_count(), [&](const record::RecordView& view) {
          const Offset offset = batch.base_offset() + view.offset_delta;
          if (range.contains(offset))
            take({offset, batch.timestamp_ms(view.timestamp_delta), view.key, view.value, {}});
        }));
      }
      return {};
    }

   private:
    const MemoryTopic::Log& log_;
    record::Decompressor decompressor_;
  };

  MemoryTopic& topic_;
};

inline void expect_audit_is_content(sim::FileSystem& fs, const std::string& when) {
  Scene whole;
  AuditedTopic topic(whole.topic);
  const auto report =
      audit::run({whole.topic.info.topic, root, 1 << 20, 1}, topic, fs, [](std::int64_t) { return true; });
  ASSERT_TRUE(report.has_value()) << when << ": " << report.error().message;
  EXPECT_EQ(report->verdict(), audit::Verdict::verified) << when << "\n" << audit::to_text(*report);
  EXPECT_EQ(report->records(), 10) << when;
}

/// Lives again until the work is done, with nothing going wrong any more; what is there then survives the
/// power.
inline void finish(Scene& scene, sim::FileSystem& fs, std::uint64_t seed, const std::string& when,
                   bool keeps_names = true) {
  const Outcome outcome = live(scene, fs, seed + 1000, 3);
  ASSERT_TRUE(outcome.ended) << when << ": " << outcome.why;
  ASSERT_EQ(judge(fs), "") << when;
  if (!keeps_names) return;
  fs.restart(sim::Crash::all_lost);
  ASSERT_EQ(judge(fs), "") << when << ", and after a power cut at the end";
}

inline std::string happened(const sim::FileSystem& fs, std::string_view what, std::uint64_t at) {
  const auto trace = fs.trace();
  return fmt::format("{} at {}", what,
                     at < trace.size() ? sim::to_string(trace[at]) : fmt::format("operation {}", at));
}

}  // namespace sluice::crash
