// For tests of consumer groups: a host with time that passes when a test says so, topics, and a log that
// remembers every record.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/consumer_group.h"
#include "broker/consumer_group_records.h"

namespace sluice::broker {

class FakeConsumerHost final : public ConsumerGroupHost {
 public:
  env::Instant now() override { return now_; }
  std::int64_t wall_ms() override { return now_.time_since_epoch() / std::chrono::milliseconds(1); }
  env::EventLoop::Timer after(env::Duration delay, std::function<void()> action) override {
    timers_.emplace(now_ + delay, std::pair{++last_timer_, std::move(action)});
    return last_timer_;
  }
  void cancel(env::EventLoop::Timer timer) override {
    std::erase_if(timers_, [&](const auto& entry) { return entry.second.first == timer; });
  }
  std::string new_member_id() override { return "made-" + std::to_string(++names_); }
  ConsumerGroupSettings settings(const std::string&) override { return limits; }

  std::optional<TopicFacts> topic(std::string_view name) override {
    const auto at = topics_.find(std::string(name));
    return at == topics_.end() ? std::nullopt : std::optional(at->second);
  }
  std::optional<TopicFacts> topic(Uuid id) override {
    for (const auto& [name, facts] : topics_)
      if (facts.id == id) return facts;
    return std::nullopt;
  }
  std::vector<std::string> topic_names() override {
    std::vector<std::string> names;
    for (const auto& [name, facts] : topics_) names.push_back(name);
    return names;
  }
  std::int64_t topics_version() override { return version_; }
  std::int64_t topic_made_version() override { return made_version_; }

  void write(const std::string& group_id, std::vector<ConsumerGroupRecord> records,
             std::function<void(wire::ErrorCode)> done) override {
    for (const ConsumerGroupRecord& record : records) {
      GroupRecord encoded = encode(group_id, record);
      if (encoded.value) {
        log[encoded.key] = *encoded.value;
      } else {
        log.erase(encoded.key);
      }
      written.push_back(record);
    }
    if (hold) {
      held.push_back(std::move(done));
    } else {
      done(wire::ErrorCode::none);
    }
  }
  void downgrade(ConsumerGroup&, const std::set<std::string>& leaving, bool rebalance,
                 std::function<void(wire::ErrorCode)> done) override {
    downgraded_without = leaving;
    downgrade_rebalances = rebalance;
    done(wire::ErrorCode::none);
  }

  void pass(std::int64_t ms) {
    const env::Instant end = now_ + std::chrono::milliseconds(ms);
    while (!timers_.empty() && timers_.begin()->first <= end) {
      auto node = timers_.extract(timers_.begin());
      now_ = std::max(now_, node.key());
      node.mapped().second();
    }
    now_ = end;
  }

  /// Makes it, or changes its number of partitions.
  Uuid set_topic(const std::string& name, std::int32_t partition_count) {
    ++version_;
    const auto [at, made] = topics_.try_emplace(name);
    if (made) {
      at->second.id = Uuid{1, static_cast<std::uint64_t>(++topics_made_)};
      at->second.name = name;
      made_version_ = version_;
    }
    at->second.partition_count = partition_count;
    return at->second.id;
  }
  void set_topic_id(const std::string& name, Uuid id) { topics_.at(name).id = id; }
  void remove_topic(const std::string& name) {
    ++version_;
    topics_.erase(name);
  }

  /// What a restart makes of the log.
  std::unique_ptr<ConsumerGroup> restored() {
    auto group = std::make_unique<ConsumerGroup>("g", *this);
    for (const auto& [key, value] : log) {
      const auto change = parse_consumer_group_record(key, BytesView(value));
      if (change && *change) group->apply((*change)->record);
    }
    group->start();
    return group;
  }

  ConsumerGroupSettings limits{.members_max = 1000, .assignment_interval_ms = 0, .classic_members_max = 1000};
  std::map<Bytes, Bytes> log;
  std::vector<ConsumerGroupRecord> written;
  bool hold = false;
  std::vector<std::function<void(wire::ErrorCode)>> held;
  std::optional<std::set<std::string>> downgraded_without;
  bool downgrade_rebalances = false;

 private:
  env::Instant now_{std::chrono::hours(1)};
  std::multimap<env::Instant, std::pair<env::EventLoop::Timer, std::function<void()>>> timers_;
  env::EventLoop::Timer last_timer_ = 0;
  int names_ = 0;
  std::map<std::string, TopicFacts> topics_;
  int topics_made_ = 0;
  std::int64_t version_ = 1;
  std::int64_t made_version_ = 1;
};

}  // namespace sluice::broker
