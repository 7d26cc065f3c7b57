#include "ingest/worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "ingest/partition_task.h"

namespace sluice::ingest {
namespace {

constexpr env::Duration poll_wait = std::chrono::milliseconds(100);
constexpr env::Duration retry_wait = std::chrono::milliseconds(200);
constexpr std::size_t writer_bytes_min = 8u << 20;

bool may_pass(const Error& error) {
  return error.code == Code::unreachable || error.code == Code::timed_out;
}

/// Fetched bytes and decompressed ones take their part (3/8); the open ranges share the rest.
lake::WriterOptions writer_options(const Options& options, std::int32_t partitions) {
  lake::WriterOptions writer;
  writer.codec = options.codec;
  const std::uint64_t share =
      options.memory_bytes_max / 8 * 5 / static_cast<std::uint64_t>(std::max(partitions, 1));
  writer.memory_bytes_max = std::max(static_cast<std::size_t>(share), writer_bytes_min);
  writer.row_group_bytes_max =
      std::min(writer.row_group_bytes_max, static_cast<std::int64_t>(writer.memory_bytes_max / 2));
  return writer;
}

}  // namespace

void Summary::add(const Summary& other) {
  commits += other.commits;
  rows += other.rows;
  quarantined += other.quarantined;
  explained_gaps += other.explained_gaps;
  lost += other.lost;
  races_lost += other.races_lost;
  recovered += other.recovered;
  bytes += other.bytes;
  halted.insert(other.halted.begin(), other.halted.end());
}

struct Worker::State {
  const Job& job;
  const int index;
  const int workers;
  std::unique_ptr<Source> source;
  std::map<PartitionId, std::unique_ptr<PartitionTask>> tasks;  // those that work
  std::set<PartitionId> ended;                                  // done or halted
  Summary summary;
  env::Instant refreshed;
  std::int32_t partitions = 0;

  mutable std::mutex mutex;  // guards what follows
  std::map<PartitionId, Progress> shown;

  const std::atomic<bool>* stop = nullptr;  // of run()

  State(const Job& j, int i, int n) : job(j), index(i), workers(n) {}

  void show(const Progress& progress) {
    const std::lock_guard lock(mutex);
    shown[progress.partition] = progress;
  }

  void end(PartitionId partition) {
    const auto task = tasks.find(partition);
    if (task != tasks.end()) {
      show(task->second->progress());
      summary.add(task->second->summary());
      tasks.erase(task);
    }
    ended.insert(partition);
  }

  void halt(PartitionId partition, const Error& error) {
    source->revoke(partition);
    if (job.observer != nullptr) job.observer->on_halt(partition, error);
    summary.halted.insert_or_assign(partition, error);
    end(partition);
  }

  /// Opens the partitions that are this worker's and not known yet.
  void open_partitions() {
    const lake::WriterOptions writer = writer_options(job.options, partitions);
    for (std::int32_t number = index; number < partitions; number += workers) {
      const PartitionId partition{number};
      if (tasks.contains(partition) || ended.contains(partition)) continue;
      auto task = std::make_unique<PartitionTask>(job, partition, *source, writer, *stop);
      const Result<void> opened = task->open();
      PartitionTask& added = *tasks.emplace(partition, std::move(task)).first->second;
      if (opened) {
        show(added.progress());
      } else {
        halt(partition, opened.error());
      }
    }
  }

  /// Looks for new partitions, and whether the topic still is the one (X12).
  Result<void> refresh(env::Instant now) {
    if (now - refreshed < job.options.refresh_interval) return {};
    refreshed = now;
    const TopicInfo topic = SLUICE_TRY(source->describe());
    if (topic.topic_id != job.topic.topic_id || topic.cluster_id != job.topic.cluster_id) {
      return base::fail(Code::conflict,
                        fmt::format("nothing more was ingested: topic {} now has id {} in cluster {}, the "
                                    "table belongs to id {} in cluster {}",
                                    topic.topic, to_string(topic.topic_id), topic.cluster_id,
                                    to_string(job.topic.topic_id), job.topic.cluster_id),
                        "the topic was deleted and made anew; give it another --lake directory");
    }
    partitions = std::max(partitions, topic.partitions);
    open_partitions();
    return {};
  }

  Result<void> round() {
    const auto polled = SLUICE_TRY(source->poll(poll_wait));
    std::map<PartitionId, Error> failed;
    for (const Polled& one : polled) {
      const auto task = tasks.find(one.partition);
      if (task == tasks.end()) continue;
      if (Result<void> fed = task->second->feed(one); !fed)
        failed.emplace(one.partition, std::move(fed.error()));
    }
    // From here on nothing of the poll is used: ticks may move the source.
    const env::Instant now = job.env.clock->now();
    std::vector<PartitionId> done;
    for (const auto& [partition, task] : tasks) {
      if (failed.contains(partition)) continue;
      if (Result<void> ticked = task->tick(now); !ticked)
        failed.emplace(partition, std::move(ticked.error()));
      if (task->done()) done.push_back(partition);
      show(task->progress());
    }
    for (const auto& [partition, error] : failed) halt(partition, error);
    for (const PartitionId partition : done) end(partition);
    return {};
  }

  Result<void> loop() {
    env::Instant last_good = job.env.clock->now();
    while (!stop->load(std::memory_order_relaxed) &&
           (!tasks.empty() || (!job.options.until_end && summary.halted.size() < ended.size()))) {
      Result<void> went = round();
      const env::Instant now = job.env.clock->now();
      if (went && !job.options.until_end) went = refresh(now);
      if (went) {
        last_good = now;
        continue;
      }
      if (!may_pass(went.error()) || now - last_good > job.options.unreachable_max) return went;
      job.env.clock->sleep_for(retry_wait);
    }
    return {};
  }
};

Worker::Worker(const Job& job, int index, int workers)
    : state_(std::make_unique<State>(job, index, workers)) {}
Worker::~Worker() = default;

Result<Summary> Worker::run(const std::atomic<bool>& stop) {
  State& s = *state_;
  s.stop = &stop;
  s.source = SLUICE_TRY(s.job.make_source());
  s.partitions = s.job.topic.partitions;
  s.refreshed = s.job.env.clock->now();
  s.open_partitions();
  const Result<void> looped = s.loop();
  while (!s.tasks.empty()) {
    const PartitionId partition = s.tasks.begin()->first;
    s.tasks.begin()->second->stop();
    if (!looped)
      s.halt(partition, looped.error());
    else
      s.end(partition);
  }
  return s.summary;
}

std::vector<Progress> Worker::progress() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Progress> all;
  for (const auto& [partition, progress] : state_->shown) all.push_back(progress);
  return all;
}

}  // namespace sluice::ingest
