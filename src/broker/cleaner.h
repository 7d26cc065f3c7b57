// What goes by itself: old segments (retention), old records of a key (compaction), and their files.
//
// Decisions are made on the loop's thread, a few lines each; all work on the disk is one background thread's.
// Names and rules are Apache Kafka's (log.cleaner.*, log.retention.*): compaction takes the log with the
// largest dirty part first, one at a time.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "broker/background.h"
#include "broker/config.h"
#include "broker/notices.h"
#include "broker/syncer.h"
#include "broker/topics.h"
#include "env/env.h"
#include "log/data_dir.h"

namespace sluice::broker {

/// Loop thread only.
class Cleaner {
 public:
  /// All arguments are borrowed. errors  io_failed: cleaner-offset-checkpoint cannot be read
  static Result<std::unique_ptr<Cleaner>> open(const env::Env& env, env::EventLoop& loop,
                                               const std::string& data_dir, const ServerConfig& config,
                                               Notices& notices, Topics& topics, Syncer& syncer);
  ~Cleaner();

  /// From now on by itself: retention every log.retention.check.interval.ms, compaction as there is some.
  void start();
  /// Ends what runs, as soon as it can be ended; before logs are closed. Begins nothing any more.
  void stop();

  /// Deletes by age and size, now.
  void apply_retention();
  /// Moves the start of a log up, with the disk's work on the background thread; then `done`. The segments of
  /// `partition` must be synced below `start` (Syncer::when_synced).
  void advance(const PartitionPtr& partition, Offset start, std::function<void(const Result<void>&)> done);
  /// Begins the round of compaction that is most worth it. False where there is none, or one runs already.
  bool clean();
  /// Where the last round of a partition ended.
  std::optional<Offset> cleaned_to(const log::TopicPartition& id) const;

 private:
  struct Round;

  Cleaner(const env::Env& env, env::EventLoop& loop, std::string data_dir, const ServerConfig& config,
          Notices& notices, Topics& topics, Syncer& syncer);

  void tick();
  void save_uptime();
  void retain(const PartitionPtr& partition, const TopicSettings& settings);
  Result<void> finish_advance(const PartitionPtr& partition, const log::AdvanceJob& job,
                              const Result<void>& done);
  std::optional<Round> filthiest();
  log::CleanSettings clean_settings(const TopicSettings& settings);
  bool pace(std::uint64_t bytes);
  void run(const std::shared_ptr<Round>& round);
  void after(const std::shared_ptr<Round>& round);
  void finish(Round& round);
  void save_checkpoint();
  void take_doomed(log::PartitionLog& log, std::int64_t delay_ms);
  void remove_due();

  env::Env env_;
  env::EventLoop& loop_;
  std::string data_dir_;
  const ServerConfig& config_;
  Notices& notices_;
  Topics& topics_;
  Syncer& syncer_;
  log::OffsetCheckpoint cleaned_to_;
  std::set<std::weak_ptr<Partition>, std::owner_less<>> uncleanable_;  // until the next start
  bool busy_ = false;                                                  // a round is out
  bool stopped_ = false;
  env::Instant retention_due_{};
  env::Instant clean_due_{};
  std::deque<std::pair<env::Instant, std::string>> doomed_;  // files, and when they may go
  double bytes_per_second_;                                  // constant after construction
  double pace_debt_s_ = 0;                                   // background thread: what it has to wait for
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  Background background_;  // last: its work uses all else
};

}  // namespace sluice::broker
