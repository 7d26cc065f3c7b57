#include "offsets/position_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "client/group_batch.h"

namespace sluice::offsets {
namespace {

constexpr auto poll_interval = std::chrono::milliseconds(100);

class GroupStore final : public PositionStore {
 public:
  GroupStore(client::Cluster& cluster, std::string group) : cluster_(cluster), group_(std::move(group)) {}

  std::string name() const override { return fmt::format("group '{}'", group_); }
  std::string kind() const override { return "kafka"; }
  std::string owner() const override { return group_; }

  Result<StoredPositions> load() override {
    const std::vector<std::string> groups{group_};
    const auto told = SLUICE_TRY(client::fetch_positions(cluster_, groups, true).front());
    if (!told.errors.empty()) return std::unexpected(told.errors.front().second);
    StoredPositions out;
    for (const auto& one : told.offsets)
      out[{one.topic, one.partition}] = {one.offset, one.leader_epoch, one.metadata};
    return out;
  }

  Result<void> require_idle(env::Duration wait) override {
    auto& clock = *cluster_.env().clock;
    const auto deadline = clock.now() + wait;
    const std::vector<std::string> groups{group_};
    for (;;) {
      const auto told = client::describe_groups(cluster_, groups).front();
      if (!told && told.error().code == Code::not_found) return {};  // a reset may begin a group
      if (!told) return std::unexpected(told.error());
      if (told->is_empty()) return {};
      if (clock.now() + poll_interval > deadline) return std::unexpected(active(*told));
      clock.sleep_for(poll_interval);
    }
  }

  std::vector<Result<void>> change(std::span<const Change> changes) override {
    std::vector<client::GroupOffset> stored;
    std::vector<client::TopicPartition> removed;
    for (const auto& one : changes) {
      if (one.to) {
        stored.push_back(
            {one.which.topic, one.which.partition, one.to->offset, one.to->leader_epoch, one.to->metadata});
      } else {
        removed.push_back(one.which);
      }
    }
    const auto store_errors = client::store_positions(cluster_, group_, stored);
    const auto remove_errors = client::delete_positions(cluster_, group_, removed);
    std::vector<Result<void>> out;
    std::size_t store_at = 0;
    std::size_t remove_at = 0;
    for (const auto& one : changes)
      out.push_back(one.to ? store_errors[store_at++] : remove_errors[remove_at++]);
    return out;
  }

 private:
  static Error active(const client::GroupDescription& told) {
    return {
        Code::conflict,
        fmt::format("group '{}' is {} ({} members); no position was changed: a live member overwrites it at "
                    "its next commit [NON_EMPTY_GROUP]",
                    told.group, told.state, told.members.size()),
        "stop its consumers, or add --wait-empty 60s", 0};
  }

  client::Cluster& cluster_;
  const std::string group_;
};

class PositionFile final : public PositionStore {
 public:
  PositionFile(const env::Env& env, std::string path) : path_(std::move(path)), store_(*env.fs, path_) {}

  std::string name() const override { return "the file " + path_; }
  std::string kind() const override { return "file"; }
  std::string owner() const override { return path_; }

  Result<StoredPositions> load() override {
    StoredPositions out;
    for (const auto& [which, offset] : SLUICE_TRY(store_.load()))
      out[{which.topic, which.partition}] = {offset, LeaderEpoch{-1}, {}};
    return out;
  }
  Result<void> require_idle(env::Duration) override { return {}; }

  std::vector<Result<void>> change(std::span<const Change> changes) override {
    positions::Positions set;
    std::set<positions::TopicPartition> removed;
    for (const auto& one : changes) {
      if (one.to) {
        set[{one.which.topic, one.which.partition}] = one.to->offset;
      } else {
        removed.insert({one.which.topic, one.which.partition});
      }
    }
    return std::vector<Result<void>>(changes.size(), store_.change(set, removed));
  }

 private:
  const std::string path_;
  positions::FileStore store_;
};

}  // namespace

std::unique_ptr<PositionStore> group_store(client::Cluster& cluster, std::string group) {
  return std::make_unique<GroupStore>(cluster, std::move(group));
}

std::unique_ptr<PositionStore> file_store(const env::Env& env, std::string path) {
  return std::make_unique<PositionFile>(env, std::move(path));
}

}  // namespace sluice::offsets
