#include "broker/cleaner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/kafka_error.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

constexpr std::string_view cleaner_checkpoint = "cleaner-offset-checkpoint";
constexpr auto tick_interval = std::chrono::seconds(1);
constexpr auto tick_interval_min = std::chrono::milliseconds(10);
constexpr double pace_step_s = 0.05;  // a shorter wait is put off

std::chrono::milliseconds ms(std::int64_t count) {
  return std::chrono::milliseconds(std::min<std::int64_t>(count, std::int64_t{1} << 50));
}

}  // namespace

/// A round of compaction that is out.
struct Cleaner::Round {
  PartitionPtr partition;
  TopicSettings settings;
  log::Cleanable what;
  std::optional<log::CleanJob> job;
  Result<log::CleanJob::Step> step;
};

Cleaner::Cleaner(const env::Env& env, env::EventLoop& loop, std::string data_dir, const ServerConfig& config,
                 Notices& notices, Topics& topics, Syncer& syncer)
    : env_(env),
      loop_(loop),
      data_dir_(std::move(data_dir)),
      config_(config),
      notices_(notices),
      topics_(topics),
      syncer_(syncer),
      background_(loop) {}

Cleaner::~Cleaner() {
  stop();
}

Result<std::unique_ptr<Cleaner>> Cleaner::open(const env::Env& env, env::EventLoop& loop,
                                               const std::string& data_dir, const ServerConfig& config,
                                               Notices& notices, Topics& topics, Syncer& syncer) {
  std::unique_ptr<Cleaner> cleaner(new Cleaner(env, loop, data_dir, config, notices, topics, syncer));
  auto offsets = log::read_checkpoint(*env.fs, data_dir, cleaner_checkpoint);
  if (!offsets && offsets.error().code != Code::corrupt) return std::unexpected(std::move(offsets.error()));
  if (offsets) {
    cleaner->cleaned_to_ = std::move(*offsets);
  } else {
    notices.say(fmt::format("compaction begins every log from its start: {}", to_string(offsets.error())));
  }
  return cleaner;
}

void Cleaner::start() {
  retention_due_ = loop_.now() + ms(config_.number("log.retention.check.interval.ms"));
  clean_due_ = loop_.now() + ms(config_.number("log.cleaner.backoff.ms"));
  tick();
}

void Cleaner::stop() {
  stopped_ = true;
  background_.stop();
}

std::optional<Offset> Cleaner::cleaned_to(const log::TopicPartition& id) const {
  const auto found = cleaned_to_.find(id);
  return found == cleaned_to_.end() ? std::nullopt : std::optional{found->second};
}

void Cleaner::tick() {
  if (stopped_) return;
  const env::Instant now = loop_.now();
  if (now >= retention_due_) {
    apply_retention();
    retention_due_ = now + ms(config_.number("log.retention.check.interval.ms"));
  }
  if (now >= clean_due_ && !busy_ && config_.boolean("log.cleaner.enable") && !clean())
    clean_due_ = now + ms(config_.number("log.cleaner.backoff.ms"));
  remove_due();
  const auto until_clean = busy_ ? env::Duration{tick_interval} : clean_due_ - now;
  const auto next = std::clamp<env::Duration>(std::min(until_clean, retention_due_ - now), tick_interval_min,
                                              tick_interval);
  loop_.after(next, [this, weak = std::weak_ptr(alive_)] {
    if (!weak.expired()) tick();
  });
}

// ---- retention ----

void Cleaner::apply_retention() {
  for (const auto& [name, topic] : topics_.all()) {
    for (const PartitionPtr& partition : topic->partitions) {
      log::PartitionLog* const log = partition->log();
      if (log == nullptr || log->halted() || log->poisoned()) continue;
      if (topic->settings.deletes) retain(partition, topic->settings);
      take_doomed(*log, topic->settings.file_delete_delay_ms);  // also of what DeleteRecords dropped
    }
  }
  save_uptime();
}

void Cleaner::save_uptime() {
  auto saved = std::make_shared<Result<void>>();
  background_.add(
      [clock = &topics_.uptime(), saved] { *saved = clock->save(); },
      [this, saved] {
        if (!*saved)
          notices_.say(fmt::format("the clock of ages was not saved: {}", to_string(saved->error())));
      });
}

void Cleaner::retain(const PartitionPtr& partition, const TopicSettings& settings) {
  log::PartitionLog& log = *partition->log();
  const log::Now now{env_.clock->wall_ms(), topics_.uptime().now_ms()};
  const log::RetentionRules rules{settings.retention_ms, settings.retention_bytes,
                                  config_.value("sluice.retention.time") == "record"};
  const Offset start = log.retention_start(rules, now);
  if (start <= log.log_start_offset()) return;
  if (start == log.log_end_offset()) {  // the active one goes too
    if (const auto rolled = log.roll(now.age_ms); !rolled) {
      notices_.say(fmt::format("{}: retention deleted nothing: {}", log::dir_name(partition->id()),
                               to_string(rolled.error())));
      return;
    }
  }
  // The log may not start where only the journal has what lies before.
  syncer_.when_synced(partition, start, [this, weak = std::weak_ptr(alive_), partition, start] {
    if (weak.expired()) return;
    advance(partition, start, [this, partition](const Result<void>& done) {
      if (done || partition->log() == nullptr) return;
      notices_.say(fmt::format("{}: retention deleted nothing: {}", log::dir_name(partition->id()),
                               to_string(done.error())));
    });
  });
}

void Cleaner::advance(const PartitionPtr& partition, Offset start,
                      std::function<void(const Result<void>&)> done) {
  if (partition->log() == nullptr) return done(refuse(ErrorCode::unknown_topic_or_partition, ""));
  auto job = partition->log()->begin_advance(start);
  if (!job) return done(std::unexpected(std::move(job.error())));
  struct Advance {
    log::AdvanceJob job;
    Result<void> durable;
  };
  auto advance = std::make_shared<Advance>(std::move(*job), Result<void>{});
  background_.add([advance] { advance->durable = advance->job.run(); },
                  [this, partition, advance, done = std::move(done)] {
                    done(finish_advance(partition, advance->job, advance->durable));
                  });
}

Result<void> Cleaner::finish_advance(const PartitionPtr& partition, const log::AdvanceJob& job,
                                     const Result<void>& done) {
  log::PartitionLog* const log = partition->log();
  if (log == nullptr) return refuse(ErrorCode::unknown_topic_or_partition, "");  // deleted meanwhile
  SLUICE_TRY(log->finish_advance(job, done));
  const Topic* const topic = topics_.find(partition->id().topic);
  if (topic != nullptr) take_doomed(*log, topic->settings.file_delete_delay_ms);
  return {};
}

void Cleaner::take_doomed(log::PartitionLog& log, std::int64_t delay_ms) {
  const env::Instant due = loop_.now() + ms(delay_ms);
  for (std::string& path : log.take_doomed()) doomed_.emplace_back(due, std::move(path));
}

/// Files that stay behind, for whatever reason, are removed when their log is opened.
void Cleaner::remove_due() {
  const env::Instant now = loop_.now();
  std::vector<std::string> due;
  std::erase_if(doomed_, [&](auto& file) {
    if (file.first > now) return false;
    due.push_back(std::move(file.second));
    return true;
  });
  if (due.empty()) return;
  background_.add(
      [fs = env_.fs, due = std::move(due)] {
        for (const std::string& path : due) static_cast<void>(fs->remove_file(path));
      },
      [] {});
}

// ---- compaction ----

std::optional<Cleaner::Round> Cleaner::filthiest() {
  std::optional<Round> best;
  const std::int64_t now_ms = topics_.uptime().now_ms();
  for (const auto& [name, topic] : topics_.all()) {
    const TopicSettings& settings = topic->settings;
    if (!settings.compacts) continue;
    const log::CleanLag lag{settings.compaction_lag_ms_min, settings.compaction_lag_ms_max};
    for (const PartitionPtr& partition : topic->partitions) {
      const log::PartitionLog* const log = partition->log();
      if (log == nullptr || log->halted() || log->poisoned() || uncleanable_.contains(partition)) continue;
      const log::Cleanable what = log->cleanable(cleaned_to(partition->id()), lag, now_ms);
      const bool worth_it = what.overdue_ms > 0 || what.ratio() > settings.dirty_ratio_min;
      if (what.cleanable_bytes == 0 || !worth_it) continue;
      if (!best || what.ratio() > best->what.ratio()) best = Round{partition, settings, what, {}, {}};
    }
  }
  return best;
}

log::CleanSettings Cleaner::clean_settings(const TopicSettings& settings) {
  log::CleanSettings made;
  made.now_ms = topics_.uptime().now_ms();
  made.delete_retention_ms = settings.delete_retention_ms;
  made.dedupe_bytes_max = static_cast<std::size_t>(config_.number("log.cleaner.dedupe.buffer.size"));
  made.load_factor = config_.real("log.cleaner.io.buffer.load.factor");
  made.io_bytes = static_cast<std::size_t>(config_.number("log.cleaner.io.buffer.size"));
  bytes_per_second_ = std::max(config_.real("log.cleaner.io.max.bytes.per.second"), 1.0);
  const Uuid secret = env_.random->next_uuid();
  made.hash_key = {secret.high, secret.low};
  made.pace = [this](std::uint64_t bytes) { return pace(bytes); };
  return made;
}

/// On the background thread. False once stop() was called.
bool Cleaner::pace(std::uint64_t bytes) {
  pace_debt_s_ += static_cast<double>(bytes) / bytes_per_second_;
  if (pace_debt_s_ < pace_step_s) return background_.sleep_for({});
  const double wait_s = std::exchange(pace_debt_s_, 0);
  return background_.sleep_for(
      std::chrono::duration_cast<env::Duration>(std::chrono::duration<double>(wait_s)));
}

bool Cleaner::clean() {
  if (busy_ || stopped_) return false;
  std::optional<Round> found = filthiest();
  if (!found) return false;
  auto round = std::make_shared<Round>(std::move(*found));
  auto job = round->partition->log()->begin_clean(round->what, clean_settings(round->settings));
  if (!job) {
    notices_.say(fmt::format("{}: was not compacted: {}", log::dir_name(round->partition->id()),
                             to_string(job.error())));
    uncleanable_.insert(round->partition);
    return true;
  }
  round->job = std::move(*job);
  busy_ = true;
  run(round);
  return true;
}

void Cleaner::run(const std::shared_ptr<Round>& round) {
  background_.add([round] { round->step = round->job->run(); }, [this, round] { after(round); });
}

void Cleaner::after(const std::shared_ptr<Round>& round) {
  log::PartitionLog* const log = round->partition->log();
  if (log == nullptr) {  // deleted meanwhile
    busy_ = false;
    return;
  }
  const Result<bool> more = log->after_clean(*round->job, round->step);
  if (more && *more) {
    if (!stopped_) return run(round);
    // What was written is decided: it gets its names before the log is closed.
    round->step = round->job->run();
    static_cast<void>(log->after_clean(*round->job, round->step));
    return;
  }
  if (!more && more.error().code == Code::exhausted && round->job->is_decided()) {
    loop_.after(tick_interval, [this, weak = std::weak_ptr(alive_), round] {
      if (!weak.expired()) run(round);
    });
    return;
  }
  busy_ = false;
  take_doomed(*log, round->settings.file_delete_delay_ms);
  if (more) {
    finish(*round);
    if (!clean()) clean_due_ = loop_.now() + ms(config_.number("log.cleaner.backoff.ms"));
    return;
  }
  if (more.error().code == Code::interrupted) return;
  const bool again = more.error().code == Code::no_space ||
                     more.error().code == Code::exhausted;  // the rest is not worth another try
  if (!again) uncleanable_.insert(round->partition);
  clean_due_ = loop_.now() + ms(config_.number("log.cleaner.backoff.ms"));
  notices_.say(fmt::format("{}: was not compacted{}: {}", log::dir_name(round->partition->id()),
                           again ? "" : ", and will not be before the next start", to_string(more.error())));
}

void Cleaner::finish(Round& round) {
  cleaned_to_[round.partition->id()] = round.job->cleaned_to();
  save_checkpoint();
}

/// Kafka's file. A lost or old one costs a longer round, nothing else.
void Cleaner::save_checkpoint() {
  std::erase_if(cleaned_to_, [this](const auto& entry) {
    const Topic* const topic = topics_.find(entry.first.topic);
    return topic == nullptr || topic->partition(entry.first.partition.value) == nullptr;
  });
  auto saved = std::make_shared<Result<void>>();
  background_.add(
      [this, saved, offsets = cleaned_to_] {
        *saved = log::write_checkpoint(*env_.fs, data_dir_, cleaner_checkpoint, offsets);
      },
      [this, saved] {
        if (!*saved)
          notices_.say(fmt::format("{} was not written: {}", cleaner_checkpoint, to_string(saved->error())));
      });
}

}  // namespace sluice::broker
