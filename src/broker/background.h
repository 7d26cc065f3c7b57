// One thread for slow work that nobody waits for: compaction, and the removal of files.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "env/net.h"

namespace sluice::broker {

/// Everything but the work itself is on the loop's thread.
class Background {
 public:
  explicit Background(env::EventLoop& loop);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// Runs `work` on the thread, after what was added before it, then `done` on the loop's.
  void add(std::function<void()> work, std::function<void()> done);
  /// Waits for the work that runs and does its `done`; what has not begun is dropped. On the loop's thread,
  /// or after it.
  void stop();
  /// For work: waits, and returns false as soon as stop() was called.
  bool sleep_for(env::Duration duration);

 private:
  struct Task {
    std::function<void()> work;
    std::function<void()> done;
  };

  void work();
  void finish();

  env::EventLoop& loop_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Task>> tasks_;  // guarded by mutex_
  std::deque<std::shared_ptr<Task>> ended_;  // guarded by mutex_; their done is still to be called
  bool stopping_ = false;                    // guarded by mutex_
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
  std::thread worker_;  // last: starts when all else is there
};

}  // namespace sluice::broker
