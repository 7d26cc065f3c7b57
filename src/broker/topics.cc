#include "broker/topics.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/assert.h"
#include "broker/kafka_error.h"
#include "log/data_dir.h"
#include "log/journal_replay.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

// A partition keeps some files open; a limit that the system would hit later, in the middle of a produce, is
// better said when the topic is made.
constexpr std::int64_t files_per_partition = 6;
constexpr std::int64_t files_reserved = 256;

// A partition that gets more between two rounds syncs its own segment: writing it twice would cost more.
constexpr std::uint32_t unjournaled_bytes_max = 96u << 10;

std::int64_t partitions_max() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 100'000;
  const auto files = static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_cur, 1'000'000));
  return std::max<std::int64_t>((files - files_reserved) / files_per_partition, 8);
}

// "a.b" and "a_b" would be one metric in Kafka, which therefore refuses the second.
bool collide(std::string_view a, std::string_view b) {
  return a.size() == b.size() && a != b && std::ranges::equal(a, b, [](char x, char y) {
           return (x == '.' ? '_' : x) == (y == '.' ? '_' : y);
         });
}

Error storage_error(Error error, std::string_view what) {
  error.kafka_error = wire::number(ErrorCode::kafka_storage_error);
  return std::move(error).in(what);
}

}  // namespace

Topic* Topics::find(std::string_view name) {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second.get();
}

Topic* Topics::find(Uuid id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

log::LogOptions Topics::log_options(const Topic& topic) const {
  log::LogOptions options;
  const TopicSettings& s = topic.settings;
  options.segment_bytes_max = static_cast<std::uint64_t>(s.segment_bytes);
  // Records must not be out of compaction's reach for longer than they may.
  options.segment_ms_max = s.compacts ? std::min(s.segment_ms, s.compaction_lag_ms_max) : s.segment_ms;
  options.segment_jitter_ms = s.segment_jitter_ms;
  options.compacted = s.compacts;
  options.log_append_time = s.log_append_time;
  options.segment_index_bytes_max = static_cast<std::uint32_t>(s.segment_index_bytes);
  options.index_interval_bytes = static_cast<std::uint32_t>(s.index_interval_bytes);
  options.producer_expiration_ms = config_.number("producer.id.expiration.ms");
  options.unjournaled_bytes_max = unjournaled_bytes_max;
  options.unjournaled_room = unjournaled_room_;
  return options;
}

/// Internal topics are compacted whatever they were made with.
TopicSettings Topics::settings_of(const Topic& topic) const {
  TopicSettings settings = resolve(config_, topic.values);
  if (topic.is_internal()) {
    settings.compacts = true;
    settings.deletes = false;
  }
  return settings;
}

Topic& Topics::enter(const TopicEntry& entry) {
  auto made = std::make_unique<Topic>();
  Topic& topic = *made;
  topic.name = entry.name;
  topic.id = entry.id;
  topic.created_in_start = entry.created_in_start;
  topic.values = entry.values;
  topic.settings = settings_of(topic);
  by_id_[topic.id] = made.get();
  topics_[entry.name] = std::move(made);
  return topic;
}

Result<void> Topics::save(const Topic* deleted) {
  TopicTable table;
  table.starts = starts_;
  for (const auto& [name, topic] : topics_) {
    table.topics.push_back({name, topic->id, static_cast<std::int32_t>(topic->partitions.size()),
                            topic->created_in_start, topic.get() == deleted, topic->values});
  }
  return write_topic_table(*env_.fs, data_dir_, table);
}

// ---- making and changing ----

Result<void> Topics::check_new(std::string_view name, std::int32_t partition_count, const Values& values) {
  if (const auto good = log::check_topic_name(name); !good)
    return refuse(ErrorCode::invalid_topic_exception, good.error().message);
  if (topics_.contains(name))
    return refuse(ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", name));
  for (const auto& [other, topic] : topics_) {
    if (collide(name, other)) {
      return refuse(ErrorCode::invalid_topic_exception,
                    fmt::format("Topic '{}' collides with existing topic: {}", name, other));
    }
  }
  if (partition_count <= 0) {
    return refuse(ErrorCode::invalid_partitions,
                  fmt::format("Number of partitions was set to an invalid value {}.", partition_count));
  }
  if (partition_count_ + partition_count > partitions_max()) {
    return refuse(
        ErrorCode::invalid_partitions,
        fmt::format("topic '{}' was not created: {} more partitions beside {} would pass the {} that "
                    "the limit of open files allows",
                    name, partition_count, partition_count_, partitions_max()));
  }
  if (const auto good = check_topic_values(values); !good)
    return refuse(ErrorCode::invalid_config, to_string(good.error()));
  return {};
}

Result<std::vector<PartitionPtr>> Topics::make_partitions(const Topic& topic, std::int32_t begin,
                                                          std::int32_t end) {
  std::vector<PartitionPtr> made;
  for (std::int32_t index = begin; index < end; ++index) {
    const log::TopicPartition id{topic.name, PartitionId{index}};
    auto opened = log::PartitionLog::create(*env_.fs, data_dir_, id, topic.id, log_options(topic));
    if (!opened) {
      made.clear();
      for (std::int32_t undo = begin; undo < index; ++undo) {  // best effort: a start drops what is left
        static_cast<void>(log::retire_partition(*env_.fs, data_dir_, {topic.name, PartitionId{undo}},
                                                env_.random->next_uuid()));
      }
      return std::unexpected(storage_error(std::move(opened.error()),
                                           fmt::format("partition {} was not made", log::dir_name(id))));
    }
    auto partition = std::make_shared<Partition>(id, LeaderEpoch{starts_ - topic.created_in_start}, uptime_);
    partition->set_log(std::move(*opened));
    made.push_back(std::move(partition));
  }
  return made;
}

Result<Topic*> Topics::create(std::string_view name, std::int32_t partition_count, const Values& values) {
  SLUICE_TRY(check_new(name, partition_count, values));
  Topic& topic = enter({std::string(name), env_.random->next_uuid(), 0, starts_, false, values});
  const auto forget = [&] {
    by_id_.erase(topic.id);
    topics_.erase(topics_.find(name));
  };
  auto partitions = make_partitions(topic, 0, partition_count);
  if (!partitions) {
    Error error = std::move(partitions.error());
    forget();
    return std::unexpected(std::move(error));
  }
  topic.partitions = std::move(*partitions);
  if (auto saved = save(); !saved) {
    topic.partitions.clear();
    const Uuid id = topic.id;
    forget();
    static_cast<void>(retire(std::string(name), partition_count));  // else the next start drops them: empty
    return std::unexpected(storage_error(std::move(saved.error()),
                                         fmt::format("topic {} ({}) was not made", name, to_string(id))));
  }
  partition_count_ += partition_count;
  made_version_ = ++version_;
  return &topic;
}

Result<void> Topics::add_partitions(Topic& topic, std::int32_t partition_count) {
  const auto before = static_cast<std::int32_t>(topic.partitions.size());
  if (partition_count <= before) {
    return refuse(ErrorCode::invalid_partitions,
                  fmt::format("The topic {} currently has {} partition(s); {} would not be an increase.",
                              topic.name, before, partition_count));
  }
  if (partition_count_ + partition_count - before > partitions_max())
    return refuse(ErrorCode::invalid_partitions, "the limit of open files does not allow so many partitions");
  auto made = SLUICE_TRY(make_partitions(topic, before, partition_count));
  topic.partitions.insert(topic.partitions.end(), made.begin(), made.end());
  if (auto saved = save(); !saved) {
    topic.partitions.resize(static_cast<std::size_t>(before));
    made.clear();
    for (std::int32_t undo = before; undo < partition_count; ++undo) {  // best effort: a start drops the rest
      static_cast<void>(log::retire_partition(*env_.fs, data_dir_, {topic.name, PartitionId{undo}},
                                              env_.random->next_uuid()));
    }
    return std::unexpected(storage_error(std::move(saved.error()), "no partition was added"));
  }
  partition_count_ += partition_count - before;
  ++version_;
  return {};
}

Result<void> Topics::set_values(Topic& topic, const Values& values) {
  if (const auto good = check_topic_values(values); !good)
    return refuse(ErrorCode::invalid_config, to_string(good.error()));
  Values before = std::exchange(topic.values, values);
  if (auto saved = save(); !saved) {
    topic.values = std::move(before);
    return std::unexpected(storage_error(std::move(saved.error()), "the settings were not changed"));
  }
  topic.settings = settings_of(topic);
  for (const PartitionPtr& partition : topic.partitions)
    if (partition->log() != nullptr) partition->log()->set_options(log_options(topic));
  return {};
}

void Topics::resolve_all() {
  for (const auto& [name, topic] : topics_) {
    topic->settings = settings_of(*topic);
    for (const PartitionPtr& partition : topic->partitions)
      if (partition->log() != nullptr) partition->log()->set_options(log_options(*topic));
  }
}

// ---- deleting ----

Result<void> Topics::retire(const std::string& name, std::int32_t partition_count) {
  for (std::int32_t index = 0; index < partition_count; ++index) {
    const auto gone =
        log::retire_partition(*env_.fs, data_dir_, {name, PartitionId{index}}, env_.random->next_uuid());
    if (!gone && gone.error().code != Code::not_found) return gone;
  }
  return {};
}

// The mark in the table is the moment of deletion; a crash after it is finished by the next start.
Result<void> Topics::remove(Topic& topic) {
  if (auto saved = save(&topic); !saved) {
    return std::unexpected(
        storage_error(std::move(saved.error()), fmt::format("topic {} was not deleted", topic.name)));
  }
  const std::string name = topic.name;
  const auto count = static_cast<std::int32_t>(topic.partitions.size());
  const auto partitions = std::move(topic.partitions);
  by_id_.erase(topic.id);
  topics_.erase(name);
  partition_count_ -= count;
  ++version_;
  for (const PartitionPtr& partition : partitions) partition->end();
  const auto sweep = [&]() -> Result<void> {
    SLUICE_TRY(retire(name, count));
    SLUICE_TRY(save());
    SLUICE_TRY(log::sweep_deleted(*env_.fs, data_dir_));
    return {};
  };
  const auto swept = sweep();
  if (!swept) {
    notices_.say(
        fmt::format("topic {} is deleted, but its files could not all be removed; the next start goes on: {}",
                    name, to_string(swept.error())));
  }
  return {};
}

// ---- opening ----

Result<std::unique_ptr<Topics>> Topics::open(const env::Env& env, const std::string& data_dir,
                                             const ServerConfig& config, Notices& notices) {
  UptimeClock uptime = SLUICE_TRY(UptimeClock::open(env, data_dir));
  std::unique_ptr<Topics> topics(new Topics(env, data_dir, config, notices, std::move(uptime)));
  SLUICE_TRY(topics->load());
  return topics;
}

Result<void> Topics::load() {
  auto table = read_topic_table(*env_.fs, data_dir_);
  if (!table && table.error().code != Code::not_found) return std::unexpected(std::move(table.error()));
  log::OpenHints hints;
  hints.clean = SLUICE_TRY(log::take_clean_shutdown(*env_.fs, data_dir_));
  hints.now_ms = uptime_.now_ms();
  if (!table) {
    SLUICE_TRY(adopt_directories(hints));
  } else {
    starts_ = table->starts + 1;
    for (const TopicEntry& entry : table->topics) {
      if (entry.deleted) {
        SLUICE_TRY(retire(entry.name, entry.partition_count));
        continue;
      }
      Topic& topic = enter(entry);
      for (std::int32_t i = 0; i < entry.partition_count; ++i) {
        topic.partitions.push_back(
            std::make_shared<Partition>(log::TopicPartition{entry.name, PartitionId{i}},
                                        LeaderEpoch{starts_ - topic.created_in_start}, uptime_));
      }
      partition_count_ += entry.partition_count;
    }
    SLUICE_TRY(drop_half_made());
  }
  SLUICE_TRY(save());  // counts this start, and ends the deletions that were finished above
  SLUICE_TRY(log::sweep_deleted(*env_.fs, data_dir_));
  auto recovery_points = log::read_checkpoint(*env_.fs, data_dir_, log::recovery_point_checkpoint);
  for (const auto& [name, topic] : topics_) {
    for (const PartitionPtr& partition : topic->partitions) {
      hints.recovery_point = Offset{0};
      if (recovery_points) {
        if (const auto at = recovery_points->find(partition->id()); at != recovery_points->end())
          hints.recovery_point = at->second;
      }
      open_partition(*topic, partition, hints);
    }
  }
  SLUICE_TRY(replay_journal());
  return raise_epochs();
}

// The epochs in a log that was moved here from another broker may be higher than this one's, which would then
// be refused in every append. All epochs grow together.
Result<void> Topics::raise_epochs() {
  std::int64_t starts = starts_;
  for (const auto& [name, topic] : topics_) {
    for (const PartitionPtr& partition : topic->partitions) {
      const auto last = partition->log() == nullptr ? std::nullopt : partition->log()->last_epoch();
      if (!last || *last < partition->leader_epoch()) continue;
      const std::int64_t needed = std::int64_t{topic->created_in_start} + last->value + 1;
      if (needed > std::numeric_limits<std::int32_t>::max()) {
        notices_.say(fmt::format(
            "{}: nothing can be written to it: its log has the leader epoch {}, after which there is "
            "none",
            log::dir_name(partition->id()), last->value));
      } else {
        starts = std::max(starts, needed);
      }
    }
  }
  if (starts == starts_) return {};
  starts_ = static_cast<std::int32_t>(starts);
  for (const auto& [name, topic] : topics_)
    for (const PartitionPtr& partition : topic->partitions)
      partition->set_leader_epoch(LeaderEpoch{starts_ - topic->created_in_start});
  return save();
}

// What was acknowledged out of the journal goes back into the segments before anyone can see or append to
// them (X14).
Result<void> Topics::replay_journal() {
  const auto partition_of = [this](const log::JournalKey& key) {
    const Topic* topic = find(key.topic_id);
    return topic == nullptr ? nullptr : topic->partition(key.partition.value);
  };
  const auto target = [&](const log::JournalKey& key) -> log::JournalTarget {
    const PartitionPtr partition = partition_of(key);
    if (partition == nullptr) return {};  // deleted
    log::PartitionLog* const log = partition->log();
    const bool takes = log != nullptr && !log->halted();
    return {takes ? log : nullptr, !takes};
  };
  const auto report = SLUICE_TRY(log::replay_journal(*env_.fs, data_dir_, target, uptime_.now_ms()));
  if (report.batches_appended > 0) {
    notices_.say(
        fmt::format("{} batches of {} partitions, which were acknowledged and not in their segments, "
                    "came back from the journal",
                    report.batches_appended, report.logs_repaired));
  }
  for (const auto& [key, error] : report.refused) {
    const PartitionPtr partition = partition_of(key);
    notices_.say(fmt::format("{}: offline, not served: {}; bring its directory back from a newer copy",
                             log::dir_name(partition->id()), to_string(error)));
    partition->set_log(nullptr);
  }
  keeps_old_journal_ = report.kept;
  if (report.kept) {
    notices_.say(
        "the journal may have records of a partition that is not served: it stays as it is, every partition "
        "syncs its own files in this life, and the next start replays it again");
  }
  return {};
}

// A directory without our table: new, or Apache Kafka's. What partitions there are become the topics.
Result<void> Topics::adopt_directories(log::OpenHints hints) {
  // What its last owner knew to be durable is not cut away here either.
  const auto points = SLUICE_TRY(log::read_checkpoint(*env_.fs, data_dir_, log::recovery_point_checkpoint));
  const auto found = SLUICE_TRY(log::list_partitions(*env_.fs, data_dir_));
  std::map<std::string, std::vector<std::int32_t>> by_topic;
  for (const auto& id : found)
    if (!id.topic.starts_with("__cluster_metadata")) by_topic[id.topic].push_back(id.partition.value);
  for (auto& [name, indexes] : by_topic) {
    const std::int32_t count = std::ranges::max(indexes) + 1;
    if (static_cast<std::size_t>(count) != indexes.size()) {
      return fail(Code::corrupt,
                  fmt::format("topic {}: {} of its {} partitions lie in {}; nothing was opened", name,
                              indexes.size(), count, data_dir_));
    }
    Uuid topic_id;
    for (std::int32_t i = 0; i < count; ++i) {
      const log::TopicPartition id{name, PartitionId{i}};
      const auto point = points.find(id);
      hints.recovery_point = point == points.end() ? Offset{0} : point->second;
      const auto log = SLUICE_TRY(log::PartitionLog::open(*env_.fs, data_dir_, id, {}, hints));
      if (log->halted()) return std::unexpected(Error{*log->halted()}.in("no topic was taken over"));
      topic_id = log->topic_id();
      // Its epochs may be high already: ours must lie above them.
      starts_ = std::max(starts_, log->last_epoch().value_or(LeaderEpoch{0}).value + 1);
    }
    enter({name, topic_id, count, 0, false, {}});
    partition_count_ += count;
    notices_.say(fmt::format("topic {}: {} partitions found in the directory were taken over", name, count));
  }
  for (auto& [name, topic] : topics_) {
    const auto count = static_cast<std::int32_t>(by_topic[name].size());
    for (std::int32_t i = 0; i < count; ++i) {
      topic->partitions.push_back(std::make_shared<Partition>(log::TopicPartition{name, PartitionId{i}},
                                                              LeaderEpoch{starts_}, uptime_));
    }
  }
  return {};
}

// Directories that no topic lists: a creation that a crash interrupted. They are empty, or something is
// wrong.
Result<void> Topics::drop_half_made() {
  for (const auto& id : SLUICE_TRY(log::list_partitions(*env_.fs, data_dir_))) {
    const Topic* topic = find(id.topic);
    if (topic != nullptr && topic->partition(id.partition.value) != nullptr) continue;
    if (id.topic.starts_with("__cluster_metadata")) continue;
    log::OpenHints hints;
    const auto log = log::PartitionLog::open(*env_.fs, data_dir_, id, {}, hints);
    // Only what is seen to be empty goes: a directory that cannot be read may hold records.
    if (!log || (*log)->halted() || (*log)->log_end_offset() > Offset{0}) {
      const std::string why = !log ? to_string(log.error())
                              : (*log)->halted()
                                  ? to_string(*(*log)->halted())
                                  : fmt::format("its log ends at {}", (*log)->log_end_offset().value);
      return fail(Code::corrupt,
                  fmt::format("{} is not known to be empty, but no topic in {} lists it; nothing was opened "
                              "or removed: {}",
                              env::join(data_dir_, log::dir_name(id)), topic_table_name, why),
                  "move that directory away, or restore the list from a copy");
    }
    SLUICE_TRY(log::retire_partition(*env_.fs, data_dir_, id, env_.random->next_uuid()));
  }
  return {};
}

void Topics::open_partition(Topic& topic, const PartitionPtr& partition, const log::OpenHints& hints) {
  auto log = log::PartitionLog::open(*env_.fs, data_dir_, partition->id(), log_options(topic), hints);
  if (!log) {
    notices_.say(
        fmt::format("{}: offline, not served: {}", log::dir_name(partition->id()), to_string(log.error())));
    return;
  }
  if ((*log)->topic_id() != topic.id) {
    notices_.say(
        fmt::format("{}: offline, not served: its directory belongs to topic id {}, the topic has {}",
                    log::dir_name(partition->id()), to_string((*log)->topic_id()), to_string(topic.id)));
    return;
  }
  report(**log);
  partition->set_log(std::move(*log));
}

void Topics::report(const log::PartitionLog& log) {
  if (log.halted()) {
    notices_.say(fmt::format("{}: halted, takes no records and serves none from the damage on: {}",
                             log::dir_name(log.id()), to_string(*log.halted())));
  }
  const log::RecoveryReport& report = log.recovery();
  if (!report.repaired()) return;
  notices_.say(fmt::format("{}: repaired, log end {}: cut {} bytes{}{}, rebuilt {} indexes, read {} bytes",
                           log::dir_name(log.id()), log.log_end_offset().value, report.bytes_truncated,
                           report.truncated_because.empty() ? "" : ": ", report.truncated_because,
                           report.indexes_rebuilt, report.bytes_scanned));
}

// ---- in the background, and at the end ----

Result<void> Topics::close() {
  std::optional<Error> first;
  bool all_sound = true;
  log::OffsetCheckpoint ends, starts;
  for (const auto& [name, topic] : topics_) {
    for (const PartitionPtr& partition : topic->partitions) {
      log::PartitionLog* log = partition->log();
      if (log == nullptr || log->halted()) {
        all_sound = false;  // a clean mark would let the next start trust what is damaged
        continue;
      }
      if (auto closed = log->close(); !closed) {
        if (!first) first = std::move(closed.error());
        continue;
      }
      ends[partition->id()] = log->durable_end();
      starts[partition->id()] = log->log_start_offset();
    }
  }
  SLUICE_TRY(uptime_.save());
  if (first) return std::unexpected(std::move(*first));
  if (!keeps_old_journal_) SLUICE_TRY(log::remove_journal(*env_.fs, data_dir_));
  SLUICE_TRY(log::write_checkpoint(*env_.fs, data_dir_, log::recovery_point_checkpoint, ends));
  SLUICE_TRY(log::write_checkpoint(*env_.fs, data_dir_, log::high_watermark_checkpoint, ends));
  SLUICE_TRY(log::write_checkpoint(*env_.fs, data_dir_, log::log_start_checkpoint, starts));
  return all_sound ? log::mark_clean_shutdown(*env_.fs, data_dir_) : Result<void>{};
}

}  // namespace sluice::broker
