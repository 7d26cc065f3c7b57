// epoll with entries that may go while their events are still in hand.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "env/clock.h"
#include "env/posix_internal.h"

namespace sluice::env {

/// What epoll reports to. Lives until it is removed.
class Watched {
 public:
  virtual ~Watched() = default;
  virtual void on_events(std::uint32_t events) = 0;
};

/// One thread, except wake().
class Poller {
 public:
  using Key = std::uint64_t;
  static constexpr Key no_key = 0;

  Poller();

  /// The eventfd behind wake(). Once, before the first wait().
  void add_wakeup();
  /// From any thread and from a signal handler: the current or next wait() returns.
  void wake();

  /// Begins to watch `fd` for `events` (EPOLLIN, EPOLLOUT; 0: for nothing, not even errors).
  Result<Key> add(int fd, std::uint32_t events, Watched& watched);
  /// Changes what is watched. With 0 events the descriptor leaves the epoll set, because epoll reports errors
  /// and hang-ups even to who asked for nothing, for ever.
  void change(Key key, std::uint32_t events);
  void remove(Key key);
  bool has(Key key) const;

  /// Waits for events until `deadline`; how many of `out` are filled.
  int wait(std::span<epoll_event> out, std::optional<Instant> deadline, Instant now);
  /// Calls the watched one of `event`, if it is still there.
  void dispatch(const epoll_event& event);

 private:
  struct Slot {
    Watched* watched = nullptr;
    int fd = -1;
    std::uint32_t events = 0;
    std::uint32_t generation = 0;  ///< tells the key of one occupant from the next one's
  };
  static std::uint32_t index_of(Key key) { return static_cast<std::uint32_t>(key); }

  Fd epoll_;
  Fd wakeup_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
};

}  // namespace sluice::env
