#include "broker/background.h"

#include <utility>

namespace sluice::broker {

Background::Background(env::EventLoop& loop) : loop_(loop), worker_([this] { work(); }) {}

Background::~Background() {
  stop();
}

void Background::add(std::function<void()> work, std::function<void()> done) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    tasks_.push_back(std::make_shared<Task>(std::move(work), std::move(done)));
  }
  wake_.notify_all();
}

void Background::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    tasks_.clear();
  }
  wake_.notify_all();
  if (!worker_.joinable()) return;
  worker_.join();
  finish();  // its way through the loop is cut off
}

bool Background::sleep_for(env::Duration duration) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, duration, [this] { return stopping_; });
}

/// Calls what is done of all work that has ended.
void Background::finish() {
  std::deque<std::shared_ptr<Task>> ended;
  {
    const std::scoped_lock lock(mutex_);
    ended.swap(ended_);
  }
  for (const auto& task : ended) task->done();
}

void Background::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<Task> task = tasks_.front();
    tasks_.pop_front();
    lock.unlock();
    task->work();
    task->work = nullptr;  // what it holds goes on this thread
    lock.lock();
    ended_.push_back(task);
    loop_.post([this, weak = std::weak_ptr(alive_)] {
      if (!weak.expired()) finish();
    });
  }
}

}  // namespace sluice::broker
