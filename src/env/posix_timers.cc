#include "env/posix_timers.h"

#include <algorithm>

namespace sluice::env {
namespace {

constexpr std::size_t cancelled_min = 64;  // fewer are not worth a sweep

}  // namespace

std::uint64_t Timers::add(Instant when, std::function<void()> action) {
  const std::uint64_t id = next_id_++;
  actions_.emplace(id, std::move(action));
  heap_.push_back({when, id});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
  return id;
}

void Timers::cancel(std::uint64_t id) {
  if (actions_.erase(id) == 0) return;
  // A long poll sets a timer and cancels it on each request; without a sweep the heap would hold them all
  // until their time.
  if (heap_.size() > 2 * actions_.size() + cancelled_min) {
    std::erase_if(heap_, [&](const Due& due) { return !actions_.contains(due.id); });
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>{});
  }
}

void Timers::drop_cancelled() {
  while (!heap_.empty() && !actions_.contains(heap_.front().id)) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
    heap_.pop_back();
  }
}

std::optional<Instant> Timers::next() {
  drop_cancelled();
  if (heap_.empty()) return std::nullopt;
  return heap_.front().when;
}

bool Timers::run_one(Instant now) {
  drop_cancelled();
  if (heap_.empty() || heap_.front().when > now) return false;
  auto due = actions_.extract(heap_.front().id);
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
  heap_.pop_back();
  due.mapped()();
  return true;
}

}  // namespace sluice::env
