#include "env/posix_poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/assert.h"

namespace sluice::env {
namespace {

constexpr Poller::Key wakeup_key = 0;  // generations begin at 1, so no slot has it

}  // namespace

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Without descriptors at start-up nothing can be served or reported.
  SLUICE_ASSERT(epoll_.is_open());
  SLUICE_ASSERT(wakeup_.is_open());
}

void Poller::add_wakeup() {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = wakeup_key}};
  SLUICE_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), &event) == 0);
}

void Poller::wake() {
  const int saved_errno = errno;  // a signal handler must leave it alone
  const std::uint64_t one = 1;
  // It can only fail where the counter is full, and then the loop wakes anyway.
  static_cast<void>(!::write(wakeup_.get(), &one, sizeof one));
  errno = saved_errno;
}

Result<Poller::Key> Poller::add(int fd, std::uint32_t events, Watched& watched) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_slots_.back();
  Slot& slot = slots_[index];
  const Key key = static_cast<Key>(slot.generation + 1) << 32 | index;
  if (events != 0) {
    epoll_event event{.events = events, .data = {.u64 = key}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      return std::unexpected(errno_error("cannot watch a socket", errno));
  }
  free_slots_.pop_back();
  slot = {&watched, fd, events, slot.generation + 1};
  return key;
}

bool Poller::has(Key key) const {
  const std::uint32_t index = index_of(key);
  return index < slots_.size() && slots_[index].generation == key >> 32 && slots_[index].watched != nullptr;
}

void Poller::change(Key key, std::uint32_t events) {
  SLUICE_ASSERT(has(key));
  Slot& slot = slots_[index_of(key)];
  if (slot.events == events) return;
  const int verb = slot.events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  epoll_event event{.events = events, .data = {.u64 = key}};
  SLUICE_ASSERT(::epoll_ctl(epoll_.get(), verb, slot.fd, &event) == 0);
  slot.events = events;
}

void Poller::remove(Key key) {
  SLUICE_ASSERT(has(key));
  change(key, 0);
  slots_[index_of(key)].watched = nullptr;
  free_slots_.push_back(index_of(key));
}

int Poller::wait(std::span<epoll_event> out, std::optional<Instant> deadline, Instant now) {
  const int timeout_ms = deadline ? poll_ms_until(*deadline, now) : -1;
  const int count = ::epoll_wait(epoll_.get(), out.data(), static_cast<int>(out.size()), timeout_ms);
  SLUICE_ASSERT(count >= 0 || errno == EINTR);
  return count < 0 ? 0 : count;
}

void Poller::dispatch(const epoll_event& event) {
  if (event.data.u64 == wakeup_key) {
    std::uint64_t count = 0;
    static_cast<void>(!::read(wakeup_.get(), &count, sizeof count));
    return;
  }
  if (has(event.data.u64)) slots_[index_of(event.data.u64)].watched->on_events(event.events);
}

}  // namespace sluice::env
