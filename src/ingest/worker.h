// The worker: owns some partitions of a topic, from the fetch to the published file. One thread; a process
// runs several of them (run.h), and any number of processes may work on one table (X11).
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "env/env.h"
#include "ingest/options.h"
#include "ingest/source.h"
#include "lake/partitioning.h"
#include "lake/schema.h"
#include "positions/store.h"
#include "table/commit_object.h"
#include "table/descriptor.h"
#include "table/publish.h"
#include "table/store.h"

namespace sluice::ingest {

/// What a worker tells while it works. Called from the workers' threads, several at once.
class Observer {
 public:
  virtual ~Observer() = default;
  /// A range of ours is committed and published.
  virtual void on_commit(const table::CommitObject& object) { static_cast<void>(object); }
  /// Something that needs no decision but should be seen: recovery, a lost race, a position that was not
  /// stored.
  virtual void on_notice(PartitionId partition, const std::string& text) {
    static_cast<void>(partition);
    static_cast<void>(text);
  }
  /// A partition has stopped for good; the others go on.
  virtual void on_halt(PartitionId partition, const Error& error) {
    static_cast<void>(partition);
    static_cast<void>(error);
  }
};

/// How far a partition has come, for people.
struct Progress {
  PartitionId partition;
  Offset log_start;
  Offset committed;
  Offset read;
  Offset log_end;
};

/// A table that is bound and whose schema is fixed; shared by all workers of a process, which it outlives.
struct Job {
  env::Env env;
  table::Store* store = nullptr;
  positions::Store* positions = nullptr;  ///< may be nullptr
  Observer* observer = nullptr;
  MakeSource make_source;
  Options options;
  TopicInfo topic;
  table::Descriptor descriptor;
  std::int32_t schema_version = 1;
  std::shared_ptr<const lake::Schema> schema;
  lake::Partitioning partitioning;
};

struct Summary {
  std::int64_t commits = 0;
  std::int64_t rows = 0;
  std::int64_t quarantined = 0;
  std::int64_t explained_gaps = 0;  ///< offsets of markers, aborted and compacted records
  std::int64_t lost = 0;            ///< offsets of accepted gaps
  std::int64_t races_lost = 0;      ///< ranges that another worker committed first
  std::int64_t recovered = 0;       ///< files that recovery gave their names
  std::uint64_t bytes = 0;
  std::map<PartitionId, Error> halted;
  void add(const Summary& other);
};

class PartitionTask;

/// Works on partitions until their ends or until told to stop. One thread at a time.
class Worker {
 public:
  /// Takes partitions with number % workers == index, also ones that appear later.
  Worker(const Job& job, int index, int workers);
  ~Worker();

  /// Returns when everything is done (until_end), when every partition has halted, or soon after `stop`
  /// became true: then what is not committed leaves no trace. An error: of the whole worker (no source);
  /// halted partitions are in the summary.
  Result<Summary> run(const std::atomic<bool>& stop);

  /// From any thread.
  std::vector<Progress> progress() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::ingest
