// Group commit: while one sync runs on another thread, the next appends gather.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "broker/notices.h"
#include "broker/partition.h"
#include "env/net.h"

namespace sluice::broker {

/// Makes dirty partitions durable, all of them in one round. Everything but the worker is on the loop's
/// thread.
class Syncer {
 public:
  Syncer(env::EventLoop& loop, Notices& notices);
  ~Syncer();
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  /// `partition` was appended to: it is part of the next round.
  void add(const PartitionPtr& partition);
  /// Waits for the round that runs and takes its result; begins no other. On the loop's thread, or after it.
  void stop();

 private:
  struct Item {
    PartitionPtr partition;
    log::SyncJob job;
    std::uint64_t bytes_covered = 0;
    log::SyncJob::Done done;
  };
  using Round = std::vector<Item>;

  void schedule();
  void begin_round();
  void end_round(Round& round);
  void work();

  env::EventLoop& loop_;
  Notices& notices_;
  std::set<PartitionPtr> dirty_;
  bool round_posted_ = false;       // begin_round is on its way
  bool busy_ = false;               // appends came while the last round ran: they do not wait for answers
  env::Instant round_began_{};      // the last one
  bool stopped_ = false;            // no round is begun any more
  std::shared_ptr<Round> running_;  // with the worker, or on its way back

  std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<Round> to_do_;  // guarded by mutex_
  bool stopping_ = false;         // guarded by mutex_
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::thread worker_;  // last: starts when all else is there
};

}  // namespace sluice::broker
