#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/assert.h"
#include "env/posix.h"
#include "env/posix_loop_sockets.h"
#include "env/posix_poller.h"
#include "env/posix_timers.h"

namespace sluice::env {
namespace {

constexpr int events_max = 256;  // a round; the rest waits for the next one

class PosixEventLoop final : public EventLoop {
 public:
  PosixEventLoop() { poller_.add_wakeup(); }

  Result<std::unique_ptr<Listener>> listen(const Address& address, Accept accept) override {
    return listen_on(poller_, timers_, address, std::move(accept));
  }
  void set_handler(Socket& socket, SocketHandler* handler) override {
    static_cast<LoopSocket&>(socket).set_handler(handler);
  }
  Timer after(Duration delay, std::function<void()> action) override {
    return timers_.add(posix_clock().now() + delay, std::move(action));
  }
  void cancel(Timer timer) override { timers_.cancel(timer); }

  void post(std::function<void()> action) override {
    bool was_empty = false;
    {
      const std::lock_guard held(posted_mutex_);
      was_empty = posted_.empty();
      posted_.push_back(std::move(action));
    }
    // Within a round of its own the loop looks before it waits.
    if (was_empty && running_on_.load(std::memory_order_relaxed) != std::this_thread::get_id())
      poller_.wake();
  }

  void run() override {
    running_on_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    while (!stopped_.load(std::memory_order_acquire)) round();
    running_on_.store({}, std::memory_order_relaxed);
    stopped_.store(false, std::memory_order_release);
    if (has_posted()) poller_.wake();  // for whoever runs it next
  }

  void stop() override {
    stopped_.store(true, std::memory_order_release);
    poller_.wake();
  }

  Instant now() override { return now_; }

 private:
  bool has_posted() {
    const std::lock_guard held(posted_mutex_);
    return !posted_.empty();
  }
  bool stopping() const { return stopped_.load(std::memory_order_acquire); }

  void round() {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): what the poller has filled is all that is read
    std::array<epoll_event, events_max> events;
    const Instant before = posix_clock().now();
    const int count = poller_.wait(events, has_posted() ? before : timers_.next(), before);
    now_ = posix_clock().now();
    for (int i = 0; i < count && !stopping(); ++i) poller_.dispatch(events[static_cast<std::size_t>(i)]);
    while (!stopping() && timers_.run_one(now_)) {
    }
    run_posted();
  }

  void run_posted() {
    {
      const std::lock_guard held(posted_mutex_);
      running_.swap(posted_);
    }
    std::size_t done = 0;
    while (done < running_.size() && !stopping()) std::exchange(running_[done++], nullptr)();
    if (done < running_.size()) {  // stopped in the middle: the rest runs first, should run() be called again
      const std::lock_guard held(posted_mutex_);
      posted_.insert(posted_.begin(),
                     std::make_move_iterator(running_.begin() + static_cast<std::ptrdiff_t>(done)),
                     std::make_move_iterator(running_.end()));
      poller_.wake();
    }
    running_.clear();
  }

  Poller poller_;
  Timers timers_;
  Instant now_ = posix_clock().now();
  std::atomic<bool> stopped_{false};
  std::atomic<std::thread::id> running_on_{};  // whose round it is
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;   // guarded by posted_mutex_
  std::vector<std::function<void()>> running_;  // the loop's thread only
};

}  // namespace

std::unique_ptr<EventLoop> make_posix_event_loop() {
  return std::make_unique<PosixEventLoop>();
}

}  // namespace sluice::env
