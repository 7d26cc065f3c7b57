// The topics: what there is, and making, changing and deleting it durably.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/config.h"
#include "broker/notices.h"
#include "broker/partition.h"
#include "broker/topic_table.h"
#include "broker/uptime_clock.h"
#include "env/env.h"
#include "log/journal.h"

namespace sluice::broker {

constexpr std::string_view offsets_topic = "__consumer_offsets";
constexpr std::string_view transactions_topic = "__transaction_state";

struct Topic {
  std::string name;
  Uuid id;
  std::int32_t created_in_start = 0;
  Values values;  ///< its own settings
  TopicSettings settings;
  std::vector<PartitionPtr> partitions;

  bool is_internal() const { return name == offsets_topic || name == transactions_topic; }
  /// nullptr where the topic has no such partition.
  PartitionPtr partition(std::int32_t index) const {
    if (index < 0 || static_cast<std::size_t>(index) >= partitions.size()) return nullptr;
    return partitions[static_cast<std::size_t>(index)];
  }
};

/// Loop thread only. Changes are durable when they return; they block for a few syncs, which is rare work.
/// Errors carry Kafka's code in kafka_error.
class Topics {
 public:
  /// Opens every partition in `data_dir`, finishing what a crash interrupted. A partition that cannot be
  /// opened is told to `notices` and left offline; the others are served. All arguments are borrowed.
  static Result<std::unique_ptr<Topics>> open(const env::Env& env, const std::string& data_dir,
                                              const ServerConfig& config, Notices& notices);

  Topic* find(std::string_view name);
  Topic* find(Uuid id);
  const std::map<std::string, std::unique_ptr<Topic>, std::less<>>& all() const { return topics_; }
  std::int64_t partition_count() const { return partition_count_; }
  /// Grows with each topic made, deleted or enlarged.
  std::int64_t version() const { return version_; }
  /// version() when the newest topic was made.
  std::int64_t made_version() const { return made_version_; }

  /// invalid_topic_exception, topic_already_exists, invalid_partitions, invalid_config, kafka_storage_error.
  Result<void> check_new(std::string_view name, std::int32_t partition_count, const Values& values);
  Result<Topic*> create(std::string_view name, std::int32_t partition_count, const Values& values);
  /// Everyone who waits for the topic is told that it is gone.
  Result<void> remove(Topic& topic);
  Result<void> add_partitions(Topic& topic, std::int32_t partition_count);
  Result<void> set_values(Topic& topic, const Values& values);
  void resolve_all();  ///< after the server's own settings changed

  /// The clock of ages.
  const UptimeClock& uptime() const { return uptime_; }
  /// Whether a journal of an earlier life lies in the directory for a partition that is not served now: this
  /// one must make none.
  bool keeps_old_journal() const { return keeps_old_journal_; }
  /// Closes every log for a clean shutdown, then removes this life's journal; the first error, after trying
  /// all.
  Result<void> close();

 private:
  Topics(const env::Env& env, std::string data_dir, const ServerConfig& config, Notices& notices,
         UptimeClock uptime)
      : env_(env),
        data_dir_(std::move(data_dir)),
        config_(config),
        notices_(notices),
        uptime_(std::move(uptime)) {}

  Result<void> load();
  Result<void> adopt_directories(log::OpenHints hints);
  Result<void> drop_half_made();
  void open_partition(Topic& topic, const PartitionPtr& partition, const log::OpenHints& hints);
  Result<void> replay_journal();
  Result<void> raise_epochs();
  void report(const log::PartitionLog& log);
  Topic& enter(const TopicEntry& entry);
  Result<void> save(const Topic* deleted = nullptr);
  Result<std::vector<PartitionPtr>> make_partitions(const Topic& topic, std::int32_t begin, std::int32_t end);
  Result<void> retire(const std::string& name, std::int32_t partition_count);
  log::LogOptions log_options(const Topic& topic) const;
  TopicSettings settings_of(const Topic& topic) const;

  env::Env env_;
  std::string data_dir_;
  const ServerConfig& config_;
  std::shared_ptr<log::UnjournaledRoom> unjournaled_room_ =
      std::make_shared<log::UnjournaledRoom>(4 * log::journal_round_bytes_max);
  Notices& notices_;
  UptimeClock uptime_;
  std::int32_t starts_ = 1;
  bool keeps_old_journal_ = false;
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> topics_;
  std::unordered_map<Uuid, Topic*> by_id_;
  std::int64_t partition_count_ = 0;
  std::int64_t version_ = 1;
  std::int64_t made_version_ = 1;
};

}  // namespace sluice::broker
