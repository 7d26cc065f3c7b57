// Group commit: while one round of syncing runs on another thread, the next appends gather.
//
// Small appends of many partitions go into the journal: one write and one sync a round (log/journal.h). Large
// ones, and those that begin a segment, sync their own segment. Behind the rounds a second thread syncs the
// segments that a full journal file still needs, so that it can be written again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "broker/notices.h"
#include "broker/partition.h"
#include "broker/sync_worker.h"
#include "env/net.h"
#include "log/journal.h"

namespace sluice::broker {

/// Makes dirty partitions durable, all of them in one round. Everything but the workers is on the loop's
/// thread.
class Syncer {
 public:
  /// `journal`: nullptr where every partition shall sync its own segments.
  Syncer(env::EventLoop& loop, Notices& notices, std::unique_ptr<log::Journal> journal = nullptr);
  ~Syncer();
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  /// `partition` was appended to: it is part of the next round.
  void add(const PartitionPtr& partition);
  /// Calls `done` once the segments of `partition` are durable below `end` without the journal, or cannot be
  /// made so (its log says why).
  void when_synced(const PartitionPtr& partition, Offset end, std::function<void()> done);
  /// Waits for the work that runs and takes its results; begins no other. On the loop's thread, or after it.
  void stop();
  bool has_journal() const { return journal_ != nullptr; }

 private:
  struct Item {
    PartitionPtr partition;
    std::uint64_t bytes_covered = 0;
    log::SyncJob job;  // of its own segments
    log::SyncJob::Done done;
  };
  struct Journaled {
    PartitionPtr partition;
    std::uint64_t bytes_covered = 0;
    Offset end;
  };
  struct Round {
    std::vector<Item> items;
    std::vector<Journaled> journaled;
    std::optional<log::JournalWrite> write;
    log::JournalWrite::Done written;
  };
  struct Waiter {
    PartitionPtr partition;
    Offset end;
    std::function<void()> done;
  };

  void schedule();
  void begin_round();
  void gather(Round& round);
  void take_to_segments(Round& round, const PartitionPtr& partition);
  void end_round(Round& round);
  void end_journaled(Round& round);
  void end_item(Item& item);
  void begin_flush();
  void drop_deleted();
  static bool is_over(const Waiter& waiter);
  void end_flush(std::vector<Item>& items);
  void tell_waiters();

  env::EventLoop& loop_;
  Notices& notices_;
  std::unique_ptr<log::Journal> journal_;
  std::map<log::JournalKey, PartitionPtr> journaled_;  // whose entries may pin a file
  std::set<PartitionPtr> dirty_;
  std::vector<Waiter> waiters_;
  bool journal_failure_told_ = false;
  bool round_posted_ = false;       // begin_round is on its way
  bool busy_ = false;               // appends came while the last round ran: they do not wait for answers
  env::Instant round_began_{};      // the last one
  bool stopped_ = false;            // no round is begun any more
  std::shared_ptr<Round> running_;  // with the worker, or on its way back
  std::shared_ptr<std::vector<Item>> flushing_;  // with the other one
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  SyncWorker rounds_;  // last: they stop first
  SyncWorker flushes_;
};

}  // namespace sluice::broker
