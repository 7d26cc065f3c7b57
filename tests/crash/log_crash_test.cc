// Produce -> log, dying at every operation.
//
// A client sends batches to one log, acknowledges what the log calls durable, and sends again what was not
// acknowledged, with the same sequences, as idempotent producers do. The broker dies at operation N, starts
// again on what the crash left, and the client goes on; N grows until a run ends without dying. Whatever N
// is:
//   - a record that was acknowledged is there, at its offset (X14: durable before acknowledged);
//   - an offset that was visible once never shows anything else (X14);
//   - at the end every record is there exactly once, in order.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "log/data_dir.h"
#include "log/partition_log.h"
#include "record/builder.h"
#include "record/records.h"
#include "sim/file_system.h"

namespace sluice::log {
namespace {

const TopicPartition events{"events", PartitionId{0}};
const std::string data_dir = "/data";
constexpr std::int64_t now = 1'700'000'000'000;
constexpr std::int32_t records_total = 60;
constexpr std::int32_t in_flight_max = 5;
constexpr int lives_max = 20;

std::string value_of(std::int32_t number) {
  return "record " + std::to_string(number);
}

/// The batches: record numbers are sequences; one to three records each.
std::int32_t batch_end(std::int32_t begin) {
  return std::min(records_total, begin + 1 + begin % 3);
}

Bytes batch_of(std::int32_t begin) {
  record::BatchBuilder builder{begin % 4 == 0 ? record::Codec::lz4 : record::Codec::none};
  builder.set_producer(ProducerId{9}, ProducerEpoch{0}, begin);
  for (std::int32_t i = begin; i < batch_end(begin); ++i)
    builder.add(now + i, std::nullopt, as_bytes(value_of(i)));
  return to_owned(*builder.finish());
}

/// What lives outside the broker and is never lost: the client's knowledge, and what readers have seen.
struct World {
  std::int32_t acked = 0;                          // records [0, acked) were acknowledged
  std::map<std::int64_t, std::string> seen;        // by offset: what was visible once
  std::map<std::int32_t, std::int64_t> offset_of;  // of acknowledged records
  Offset log_start;                                // where the log was told to start, once that was answered
  std::string wrong;                               // the first broken promise

  void broken(std::string what) {
    if (wrong.empty()) wrong = std::move(what);
  }
};

/// Reads all that is visible and holds it against what was seen before.
void observe(PartitionLog& log, World& world) {
  Bytes buffer(1 << 14);
  record::Decompressor decompressor;
  Offset at = log.log_start_offset();
  while (at < log.high_watermark()) {
    const Result<ReadSlice> slice = log.read(at, log.high_watermark(), buffer);
    if (!slice || slice->bytes == 0) return world.broken("a visible record cannot be read");
    BytesView rest = BytesView{buffer}.first(slice->bytes);
    while (!rest.empty()) {
      const record::BatchView batch = **record::next_batch(rest);
      if (!batch.crc_ok()) return world.broken("a visible batch is damaged");
      (void)record::for_each_record(
          *decompressor.records(batch), batch.records_count(), [&](const auto& record) {
            const std::int64_t offset = batch.base_offset().value + record.offset_delta;
            const auto [known, news] = world.seen.emplace(offset, as_text(*record.value));
            if (!news && known->second != as_text(*record.value)) {
              world.broken("offset " + std::to_string(offset) + " shows two contents");
            }
          });
    }
    at = slice->next;
  }
  const std::int64_t end = log.high_watermark().value;
  if (!world.seen.empty() && end <= world.seen.rbegin()->first)
    world.broken("a record that was visible is gone");
}

/// One life of the broker: opened, used by the client until all is done or something fails.
class Life {
 public:
  Life(sim::FileSystem& fs, World& world, std::int32_t epoch) : fs_(fs), world_(world), epoch_(epoch) {}

  /// True where everything was acknowledged and the log closed.
  bool run() {
    if (!fs_.create_dirs_durable(data_dir) || !open()) return false;
    check_promises();
    while (world_.acked < records_total && world_.wrong.empty()) {
      if (fs_.dead() || !round()) return false;
    }
    return log_->close().has_value() && mark_clean_shutdown(fs_, data_dir).has_value();
  }
  PartitionLog* log() { return log_.get(); }

  bool open() {
    const LogOptions options{.segment_bytes_max = 700, .index_interval_bytes = 200};
    const Result<bool> clean = take_clean_shutdown(fs_, data_dir);
    if (!clean || !sweep_deleted(fs_, data_dir)) return false;
    auto opened = PartitionLog::open(fs_, data_dir, events, options, {.clean = *clean, .now_ms = now});
    if (!opened && opened.error().code == Code::not_found && world_.acked == 0) {
      opened = PartitionLog::create(fs_, data_dir, events, Uuid{1, 2}, options);
    }
    if (opened) log_ = std::move(*opened);
    if (!opened && opened.error().code == Code::corrupt) world_.broken(to_string(opened.error()));
    return opened.has_value();
  }

 private:
  void check_promises() {
    if (log_->halted()) world_.broken("halted: " + log_->halted()->message);
    if (log_->log_start_offset() < world_.log_start) world_.broken("the log start went back");
    observe(*log_, world_);
    for (const auto& [number, offset] : world_.offset_of) {
      if (offset < log_->log_start_offset().value) continue;
      const auto found = world_.seen.find(offset);
      if (offset >= log_->high_watermark().value || found == world_.seen.end() ||
          found->second != value_of(number)) {
        world_.broken("acknowledged record " + std::to_string(number) + " is not at offset " +
                      std::to_string(offset));
      }
    }
  }

  /// Sends what may be in flight, with a sync that begins in the middle of it, and takes the answers.
  bool round() {
    sent_.clear();
    std::int32_t next = world_.acked;
    std::optional<SyncJob> job;
    for (int i = 0; i < in_flight_max && next < records_total; ++i) {
      Bytes batch = batch_of(next);
      const Result<Appended> appended = log_->append(batch, LeaderEpoch{epoch_}, now);
      if (!appended && appended.error().code == Code::kafka) world_.broken(to_string(appended.error()));
      if (!appended) break;  // sent again in a later round
      sent_.push_back({next, batch_end(next), appended->range});
      next = batch_end(next);
      if (i == 2) job = log_->begin_sync();
    }
    if (job && !log_->finish_sync(job->run())) return false;
    take_answers();
    if (!log_->sync()) return false;
    take_answers();
    if (world_.acked > records_total / 2 && log_->log_start_offset() == Offset{0}) {
      if (!log_->advance_log_start(Offset{20})) return false;
      world_.log_start = Offset{20};
    }
    if (fs_.dead()) return false;  // it died in something that need not succeed
    observe(*log_, world_);
    return true;
  }

  void take_answers() {
    for (const Sent& sent : sent_) {
      if (sent.range.end > log_->durable_end() || sent.begin != world_.acked) continue;
      for (std::int32_t i = sent.begin; i < sent.end; ++i) {
        world_.offset_of[i] = sent.range.begin.value + (i - sent.begin);
      }
      world_.acked = sent.end;
    }
  }

  struct Sent {
    std::int32_t begin = 0;
    std::int32_t end = 0;
    OffsetRange range;
  };

  sim::FileSystem& fs_;
  World& world_;
  std::int32_t epoch_;
  std::unique_ptr<PartitionLog> log_;
  std::vector<Sent> sent_;
};

/// Once all is acknowledged and closed: every record, once, in order, from the log start on.
void check_end(sim::FileSystem& fs, World& world) {
  Life life{fs, world, lives_max};
  if (!life.open()) return world.broken("the log does not open after a clean shutdown");
  if (life.log()->recovery().bytes_scanned > 0) world.broken("a clean log was read again");
  observe(*life.log(), world);
  if (life.log()->high_watermark() != Offset{records_total}) {
    world.broken("the log ends at " + std::to_string(life.log()->high_watermark().value));
  }
  for (std::int32_t i = world.log_start.value == 0 ? 0 : 20; i < records_total; ++i) {
    const auto found = world.seen.find(i);
    if (found == world.seen.end() || found->second != value_of(i)) {
      world.broken("record " + std::to_string(i) + " is missing, doubled or out of place");
    }
  }
}

struct Plan {
  std::uint64_t at = 0;  // the operation at which it goes wrong
  sim::Fault fault = sim::Fault::die;
  sim::Crash crash = sim::Crash::plain;
  std::uint64_t again_after =
      0;  // operations after the first restart at which it dies once more; 0: it does not
  std::uint64_t seed = 1;
};

/// Runs the plan to the end. Returns what was broken, and whether the fault struck.
struct Outcome {
  std::string wrong;
  bool struck = true;
};
Outcome play(const Plan& plan) {
  sim::FileSystem fs{plan.seed};
  World world;
  fs.fail_operation(plan.at, plan.fault);
  for (std::int32_t epoch = 0; epoch < lives_max; ++epoch) {
    const bool done = [&] { return Life{fs, world, epoch}.run(); }();
    if (done || !world.wrong.empty()) break;
    if (epoch + 1 == lives_max) world.broken("it does not come to an end");
    // The process is gone: killed by the fault, or by itself after an error that poisons.
    const sim::Crash crash = epoch % 2 == 0 ? plan.crash : sim::Crash::all_lost;
    fs.restart(crash);
    if (epoch == 0 && plan.again_after > 0)
      fs.fail_operation(fs.operations() + plan.again_after - 1, sim::Fault::die);
  }
  if (world.wrong.empty()) {
    fs.clear_faults();
    check_end(fs, world);
  }
  return {world.wrong, fs.operations() > plan.at};
}

/// Plays the plan at every operation until a run is over before it.
void play_everywhere(Plan plan, int again_modulus = 0) {
  std::uint64_t runs = 0;
  for (plan.at = 0;; ++plan.at, ++runs) {
    if (again_modulus > 0) plan.again_after = 1 + plan.at % static_cast<std::uint64_t>(again_modulus);
    const Outcome outcome = play(plan);
    ASSERT_EQ(outcome.wrong, "") << "operation " << plan.at << ", crash " << sim::name(plan.crash)
                                 << ", seed " << plan.seed << ", again after " << plan.again_after;
    if (!outcome.struck) break;
  }
  ASSERT_GT(runs, 100u) << "the workload is long enough to mean something";
}

TEST(LogCrash, DyingAtAnyOperationLosesAndDoublesNothing) {
  for (const sim::Crash crash : sim::crashes) play_everywhere({.crash = crash});
}

TEST(LogCrash, TornPowerCutsOfManyShapesLoseAndDoubleNothing) {
  for (std::uint64_t seed = 2; seed < 8; ++seed) play_everywhere({.crash = sim::Crash::torn, .seed = seed});
}

TEST(LogCrash, DyingAgainDuringRecoveryLosesAndDoublesNothing_A15) {
  for (const sim::Crash crash : sim::crashes) {
    for (const int modulus : {3, 7, 11}) play_everywhere({.crash = crash, .seed = 11}, modulus);
  }
}

TEST(LogCrash, AnIoErrorAtAnyOperationLosesAndDoublesNothing_X13) {
  for (const sim::Crash crash : sim::crashes) play_everywhere({.fault = sim::Fault::eio, .crash = crash});
  // The page cache shows what the failed sync lost; later the power goes.
  for (const int modulus : {5, 13, 29}) play_everywhere({.fault = sim::Fault::eio}, modulus);
}

TEST(LogCrash, AnErrorAfterTheDeedLosesAndDoublesNothing) {
  for (const sim::Crash crash : sim::crashes)
    play_everywhere({.fault = sim::Fault::lost_answer, .crash = crash});
}

TEST(LogCrash, AFullDiskAtAnyOperationLosesAndDoublesNothing) {
  for (const sim::Crash crash : sim::crashes) play_everywhere({.fault = sim::Fault::enospc, .crash = crash});
}

}  // namespace
}  // namespace sluice::log
