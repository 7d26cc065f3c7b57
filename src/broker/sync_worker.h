// One thread that blocks in the operating system so that the loop does not.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace sluice::broker {

class SyncWorker {
 public:
  SyncWorker();
  ~SyncWorker();
  SyncWorker(const SyncWorker&) = delete;
  SyncWorker& operator=(const SyncWorker&) = delete;

  /// Runs `task` on the worker's thread, after those before it.
  void run(std::function<void()> task);
  /// Waits until all that was handed over is done; then nothing runs here any more.
  void stop();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
  std::thread thread_;                       // last: starts when all else is there
};

}  // namespace sluice::broker
