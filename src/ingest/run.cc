#include "ingest/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "record/compression.h"
#include "record/records.h"

namespace sluice::ingest {
namespace {

constexpr env::Duration poll_wait = std::chrono::milliseconds(100);
constexpr env::Duration sample_time_max = std::chrono::seconds(2);
constexpr std::chrono::milliseconds tick_interval{200};
constexpr std::int32_t first_schema = 1;

/// Where the chains of a table that is made now begin: at the topic's log starts.
Result<std::vector<Offset>> log_starts(Source& source, std::int32_t partitions) {
  std::vector<Offset> starts;
  for (std::int32_t i = 0; i < partitions; ++i)
    starts.push_back(SLUICE_TRY(source.bounds(PartitionId{i})).log_start);
  return starts;
}

/// Looks at the first records of a topic until there are enough, all are seen, or those that came have taken
/// their time.
class Sampler {
 public:
  Sampler(Source& source, const env::Env& env, const Options& options)
      : source_(source), env_(env), options_(options) {}

  Result<lake::Schema> infer(const TopicInfo& topic, const std::atomic<bool>& stop) {
    for (std::int32_t i = 0; i < topic.partitions; ++i) {
      const Bounds bounds = SLUICE_TRY(source_.bounds(PartitionId{i}));
      left_[PartitionId{i}] = bounds.stable_end;
      SLUICE_TRY(source_.assign(PartitionId{i}, bounds.log_start, LeaderEpoch{-1}));
      if (bounds.log_start >= bounds.stable_end) left_.erase(PartitionId{i});
    }
    while (!enough()) {
      if (stop.load())
        return base::fail(Code::interrupted,
                          fmt::format("topic {} was not ingested: stopped while it was empty", topic.topic));
      if (left_.empty() && seen_ > 0) break;
      if (left_.empty() && options_.until_end) {
        return base::fail(
            Code::not_found,
            fmt::format(
                "nothing was ingested: topic {} has no records yet, so that there is no schema to infer",
                topic.topic),
            "produce first, or name the columns with --schema FILE");
      }
      for (const Polled& polled : SLUICE_TRY(source_.poll(poll_wait))) SLUICE_TRY(look_at(polled));
    }
    for (std::int32_t i = 0; i < topic.partitions; ++i) source_.revoke(PartitionId{i});
    Result<lake::Schema> schema = inference_.finish();
    if (schema) return schema;
    return std::unexpected(
        std::move(schema.error())
            .in(fmt::format("nothing was ingested: topic {} gave no schema in its first {} records",
                            topic.topic, seen_))
            .hinting("name the columns with --schema FILE"));
  }

 private:
  bool enough() const {
    return seen_ >= options_.inference_records_max ||
           (seen_ > 0 && env_.clock->now() - first_seen_ > sample_time_max);
  }

  Result<void> look_at(const Polled& polled) {
    for (const Piece& piece : polled.pieces) {
      const auto left = left_.find(polled.partition);
      if (left != left_.end() && piece.range.end >= left->second) left_.erase(left);
      if (piece.kind == Piece::Kind::records && seen_ < options_.inference_records_max)
        SLUICE_TRY(look_at(piece));
    }
    return polled.result;
  }

  Result<void> look_at(const Piece& piece) {
    const auto batch = SLUICE_TRY(record::BatchView::parse(piece.batch));
    const BytesView bytes = SLUICE_TRY(decompressor_.records(batch));
    return record::for_each_record(bytes, batch.records_count(),
                                   [&](const record::RecordView& record) -> bool {
                                     if (seen_ == 0) first_seen_ = env_.clock->now();
                                     inference_.add(record.value);
                                     return ++seen_ < options_.inference_records_max;
                                   });
  }

  Source& source_;
  const env::Env env_;
  const Options& options_;
  lake::Inference inference_;
  record::Decompressor decompressor_;
  std::map<PartitionId, Offset> left_;  // partitions not yet seen to this end
  std::size_t seen_ = 0;
  env::Instant first_seen_;
};

/// The schema that is stored, given, or inferred; not yet offered.
Result<lake::Schema> find_schema(Job& job, Source& source, const std::atomic<bool>& stop) {
  const auto stored = SLUICE_TRY(table::read_schema(*job.store, first_schema));
  std::optional<lake::Schema> given;
  if (job.options.schema_text) given = SLUICE_TRY(lake::Schema::parse(*job.options.schema_text));
  if (!stored)
    return given ? Result<lake::Schema>(*std::move(given))
                 : Sampler(source, job.env, job.options).infer(job.topic, stop);
  lake::Schema schema = SLUICE_TRY(lake::Schema::parse(*stored));
  if (given && *given != schema) {
    return base::fail(
        Code::conflict, "nothing was written: the table has another schema than the one given",
        fmt::format("leave --schema away, compare it with {}, or choose another --lake directory",
                    job.store->path("_sluice/schema/1.json")));
  }
  return schema;
}

Result<void> bind(Job& job, Source& source, const std::atomic<bool>& stop) {
  table::Descriptor wanted;
  wanted.table_id = job.env.random->next_uuid();
  wanted.cluster_id = job.topic.cluster_id;
  wanted.topic = job.topic.topic;
  wanted.topic_id = job.topic.topic_id;
  wanted.partition_by = job.options.partition_by;
  wanted.starts = SLUICE_TRY(log_starts(source, job.topic.partitions));
  const auto there = table::read_descriptor(*job.store);
  if (there)
    SLUICE_TRY(table::bind_table(*job.store, wanted));  // another's table is refused before anything else
  if (!there && there.error().code != Code::not_found) return std::unexpected(there.error());
  // Terms that the schema does not have are refused before a table is made that nobody could fill.
  const lake::Schema offered = SLUICE_TRY(find_schema(job, source, stop));
  static_cast<void>(SLUICE_TRY(lake::Partitioning::parse(job.options.partition_by, offered)));
  job.descriptor = SLUICE_TRY(table::bind_table(*job.store, wanted));
  const std::string bound = SLUICE_TRY(table::bind_schema(*job.store, first_schema, offered.to_json()));
  job.schema_version = first_schema;
  job.schema = std::make_shared<const lake::Schema>(SLUICE_TRY(lake::Schema::parse(bound)));
  job.partitioning = SLUICE_TRY(lake::Partitioning::parse(job.options.partition_by, *job.schema));
  return {};
}

}  // namespace

Result<Job> prepare(const env::Env& env, table::Store& store, positions::Store* positions, Observer* observer,
                    MakeSource make_source, const Options& options, const std::atomic<bool>& stop) {
  Job job;
  job.env = env;
  job.store = &store;
  job.positions = positions;
  job.observer = observer;
  job.make_source = std::move(make_source);
  job.options = options;
  const auto source = SLUICE_TRY(job.make_source());
  job.topic = SLUICE_TRY(source->describe());
  if (job.topic.partitions <= 0) {
    return base::fail(Code::not_found,
                      fmt::format("topic {} was not ingested: it has no partitions", job.topic.topic));
  }
  SLUICE_TRY(bind(job, *source, stop));
  return job;
}

Result<Summary> run(const Job& job, const std::atomic<bool>& stop,
                    const std::function<void(const std::vector<Progress>&)>& tick) {
  const int processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int wanted = job.options.threads_max > 0 ? job.options.threads_max : processors;
  const int count = std::clamp(wanted, 1, static_cast<int>(job.topic.partitions));
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<Result<Summary>> results(static_cast<std::size_t>(count), Summary{});
  std::vector<std::thread> threads;
  std::atomic<int> running{count};
  for (int i = 0; i < count; ++i) workers.push_back(std::make_unique<Worker>(job, i, count));
  for (std::size_t i = 0; i < workers.size(); ++i) {
    threads.emplace_back([&, i] {
      results[i] = workers[i]->run(stop);
      running.fetch_sub(1);
    });
  }
  const auto show = [&] {
    std::vector<Progress> all;
    for (const auto& worker : workers) {
      for (const Progress& progress : worker->progress()) all.push_back(progress);
    }
    std::ranges::sort(all, {}, &Progress::partition);
    tick(all);
  };
  while (running.load() > 0) {
    std::this_thread::sleep_for(tick_interval);
    if (tick) show();
  }
  for (std::thread& thread : threads) thread.join();
  if (tick) show();
  Summary sum;
  for (const Result<Summary>& result : results) sum.add(SLUICE_TRY(Result<Summary>(result)));
  return sum;
}

}  // namespace sluice::ingest
