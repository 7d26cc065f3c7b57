// Compaction, dying at every operation.
//
// Records with keys, tombstones, an idempotent producer and a transactional one, and a round of compaction
// every few steps. The process dies at operation N, starts again on what the crash left, and goes on; N grows
// until a run ends without dying. An oracle outside remembers every record by its offset. Whatever N is:
//   - the newest record of a key that was acknowledged is there; a tombstone may be gone once its horizon is
//   past;
//   - where the newest is gone, no older one has come back;
//   - what is there is at its offset, with its content; the log does not end before what was acknowledged;
//   - the producer's last batch, sent again, is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "log/clean_fixture.h"

namespace sluice::log {
namespace {

constexpr int steps_total = 44;
constexpr int lives_max = 30;
constexpr std::int64_t delete_retention_ms = 1000;
constexpr std::int64_t step_ms = 150;
constexpr ProducerId idempotent{5};
constexpr ProducerId transactional{6};

struct Record {
  Pair pair;
  bool in_transaction = false;
  std::int64_t append_ms = 0;
};

/// What lives outside the log and is never lost.
struct World {
  std::map<std::int64_t, Record> records;                              // by offset: all that was appended
  std::map<std::int64_t, record::ControlMarker::Kind> markers;         // of the transactional producer
  std::map<std::int64_t, std::pair<std::int32_t, std::int64_t>> sent;  // idempotent batches: sequence, end
  std::int64_t acked_end = 0;
  std::int64_t log_start = 0;
  int step = 0;
  std::string wrong;

  void broken(std::string what) {
    if (wrong.empty()) wrong = std::move(what);
  }
  std::int64_t now_ms() const { return now + step * step_ms; }
  void forget_from(std::int64_t end) {
    records.erase(records.lower_bound(end), records.end());
    markers.erase(markers.lower_bound(end), markers.end());
    sent.erase(sent.lower_bound(end), sent.end());
  }
  /// Whether the record counts: not of a transaction, or of one that was committed.
  bool counts(std::int64_t offset, const Record& record) const {
    if (!record.in_transaction) return true;
    const auto marker = markers.lower_bound(offset);
    return marker != markers.end() && marker->second == record::ControlMarker::Kind::commit;
  }
};

/// Holds what is in the log against the world.
void check(PartitionLog& log, World& world) {
  if (log.halted()) return world.broken("halted: " + log.halted()->message);
  std::map<std::int64_t, Seen> seen;
  std::map<std::string, std::int64_t> oldest_seen;
  for (Seen& record : all_records(log)) {
    const auto known = world.records.find(record.offset);
    if (known == world.records.end() || known->second.pair.key != record.key ||
        known->second.pair.value != record.value) {
      return world.broken("offset " + std::to_string(record.offset) + " shows what was not written there");
    }
    if (world.counts(record.offset, known->second)) oldest_seen.emplace(record.key, record.offset);
    seen.emplace(record.offset, std::move(record));
  }
  std::map<std::string, std::int64_t> newest;
  for (const auto& [offset, record] : world.records) {
    if (offset < log.high_watermark().value && world.counts(offset, record)) newest[record.pair.key] = offset;
  }
  for (const auto& [key, offset] : newest) {
    if (seen.contains(offset) || offset < world.log_start) continue;
    const std::string what =
        "the newest record of " + key + ", at offset " + std::to_string(offset) + ", is gone";
    if (world.records[offset].pair.value) return world.broken(what);
    if (world.now_ms() < world.records[offset].append_ms + delete_retention_ms)
      return world.broken(what + " too early");
    if (const auto old = oldest_seen.find(key); old != oldest_seen.end() && old->second < offset)
      return world.broken(what + ", and an older one is there");
  }
}

class Life {
 public:
  Life(sim::FileSystem& fs, World& world, std::int32_t epoch) : fs_(fs), world_(world), epoch_(epoch) {}

  bool run() {
    if (!fs_.create_dirs_durable(data_dir) || !open()) return false;
    check_start();
    while (world_.step < steps_total && world_.wrong.empty()) {
      ++world_.step;
      if (!step() || fs_.dead()) return false;
    }
    return world_.wrong.empty() && log_->close().has_value() &&
           mark_clean_shutdown(fs_, data_dir).has_value();
  }

  bool open() {
    const LogOptions options{.segment_bytes_max = 700, .index_interval_bytes = 200};
    const Result<bool> clean = take_clean_shutdown(fs_, data_dir);
    if (!clean || !sweep_deleted(fs_, data_dir)) return false;
    auto opened =
        PartitionLog::open(fs_, data_dir, events, options, {.clean = *clean, .now_ms = world_.now_ms()});
    if (!opened && opened.error().code == Code::not_found && world_.acked_end == 0)
      opened = PartitionLog::create(fs_, data_dir, events, Uuid{1, 2}, options);
    if (!opened && opened.error().code == Code::corrupt) world_.broken(to_string(opened.error()));
    if (opened) log_ = std::move(*opened);
    return opened.has_value();
  }

  void check_start() {
    const std::int64_t end = log_->log_end_offset().value;
    if (end < world_.acked_end) return world_.broken("the log ends at " + std::to_string(end));
    if (log_->log_start_offset().value < world_.log_start) world_.broken("the log start went back");
    world_.log_start = log_->log_start_offset().value;
    world_.forget_from(end);
    world_.acked_end = end;  // what is shown is durable
    check(*log_, world_);
    if (world_.sent.empty() || !world_.wrong.empty()) return;
    const auto& [begin, last] = *world_.sent.rbegin();
    Bytes again = batch(idempotent, last.first, begin, last.second - begin, false);
    const Result<Appended> appended = log_->append(again, LeaderEpoch{epoch_}, world_.now_ms());
    if (fs_.dead() || (!appended && appended.error().code != Code::kafka)) return;
    if (!appended || !appended->duplicate ||
        appended->range != OffsetRange{Offset{begin}, Offset{last.second}})
      world_.broken("a batch that was sent again is not known");
  }

 private:
  static Pair pair_at(std::int64_t offset) {
    const std::string key = "key " + std::to_string(offset * 7 % 9);
    if (offset % 5 == 3) return {key, std::nullopt};
    return {key, "value " + std::to_string(offset)};
  }
  static Bytes batch(ProducerId producer, std::int32_t sequence, std::int64_t offset, std::int64_t count,
                     bool in_transaction) {
    record::BatchBuilder builder{offset % 4 == 0 ? record::Codec::lz4 : record::Codec::none};
    builder.set_transactional(in_transaction);
    if (producer.value >= 0) builder.set_producer(producer, ProducerEpoch{0}, sequence);
    std::vector<Pair> pairs;
    for (std::int64_t i = 0; i < count; ++i) pairs.push_back(pair_at(offset + i));
    return keyed(pairs, std::move(builder));
  }

  /// Appends `count` records by `producer`. False where the log takes no more.
  bool put(ProducerId producer, std::int64_t count, bool in_transaction) {
    const std::int64_t at = log_->log_end_offset().value;
    std::int32_t sequence = record::no_sequence;
    if (producer == idempotent) sequence = world_.sent.empty() ? 0 : next_sequence();
    if (producer == transactional) sequence = transactional_sequence();
    Bytes bytes = batch(producer, sequence, at, count, in_transaction);
    const Result<Appended> appended = log_->append(bytes, LeaderEpoch{epoch_}, world_.now_ms());
    if (!appended && appended.error().code == Code::kafka) world_.broken(to_string(appended.error()));
    if (!appended) return !log_->poisoned() && !fs_.dead();
    for (std::int64_t i = 0; i < count; ++i)
      world_.records[at + i] = {pair_at(at + i), in_transaction, world_.now_ms()};
    if (producer == idempotent) world_.sent[at] = {sequence, at + count};
    return true;
  }
  std::int32_t next_sequence() const {
    const auto& [begin, last] = *world_.sent.rbegin();
    return last.first + static_cast<std::int32_t>(last.second - begin);
  }
  std::int32_t transactional_sequence() const {
    for (const ProducerView& view : log_->producers()) {
      if (view.producer_id == transactional) return view.last_sequence + 1;
    }
    return 0;
  }
  bool end_transaction(record::ControlMarker::Kind kind) {
    if (!log_->open_transaction(transactional)) return true;
    const Result<Appended> appended =
        log_->append_marker(transactional, ProducerEpoch{0}, {kind, 0}, LeaderEpoch{epoch_}, world_.now_ms());
    if (!appended) return !log_->poisoned() && !fs_.dead();
    world_.markers[appended->range.begin.value] = kind;
    return true;
  }

  bool step() {
    const int n = world_.step;
    bool alive = true;
    if (n % 3 == 0) alive = put(idempotent, 1 + n % 2, false);
    if (n % 3 == 1) alive = put(ProducerId{-1}, 1 + n % 3, false);
    if (n % 3 == 2) alive = put(transactional, 2, true);
    if (alive && n % 6 == 5)
      alive = end_transaction(n % 12 == 5 ? record::ControlMarker::Kind::abort
                                          : record::ControlMarker::Kind::commit);
    if (alive && n % 2 == 0) alive = log_->sync().has_value();
    if (!alive) return false;
    world_.acked_end = std::max(world_.acked_end, log_->durable_end().value);
    if (n % 20 == 19 && !move_start()) return false;
    return n % 7 != 6 || clean();
  }
  bool move_start() {
    const Offset start{std::min(log_->durable_end().value, world_.log_start + 6)};
    if (!log_->advance_log_start(start)) return false;
    world_.log_start = start.value;
    return true;
  }
  bool clean() {
    const Cleanable what = log_->cleanable(std::nullopt, {}, world_.now_ms());
    if (what.first_dirty >= what.first_uncleanable) return true;
    CleanSettings settings;
    settings.now_ms = world_.now_ms();
    settings.delete_retention_ms = delete_retention_ms;
    settings.dedupe_bytes_max = 1 << 16;
    Result<CleanJob> job = log_->begin_clean(what, settings);
    if (!job) return !log_->poisoned() && !fs_.dead();
    const Result<void> done = drive(*log_, *job);
    if (log_->poisoned() || fs_.dead()) return false;
    if (!done && done.error().code == Code::corrupt) world_.broken(to_string(done.error()));
    check(*log_, world_);
    return true;
  }

  sim::FileSystem& fs_;
  World& world_;
  std::int32_t epoch_;
  std::unique_ptr<PartitionLog> log_;
};

struct Plan {
  std::uint64_t at = 0;
  sim::Fault fault = sim::Fault::die;
  sim::Crash crash = sim::Crash::plain;
  std::uint64_t again_after = 0;
  std::uint64_t seed = 1;
};

/// Returns what was broken; `struck` tells whether the fault did.
std::string play(const Plan& plan, bool& struck, World& world) {
  sim::FileSystem fs{plan.seed};
  fs.fail_operation(plan.at, plan.fault);
  for (std::int32_t epoch = 0; epoch < lives_max; ++epoch) {
    if (Life{fs, world, epoch}.run() || !world.wrong.empty()) break;
    if (epoch + 1 == lives_max) world.broken("it does not come to an end");
    fs.restart(epoch % 2 == 0 ? plan.crash : sim::Crash::all_lost);
    if (epoch == 0 && plan.again_after > 0)
      fs.fail_operation(fs.operations() + plan.again_after - 1, sim::Fault::die);
  }
  struck = fs.operations() > plan.at;
  if (!world.wrong.empty()) return world.wrong;
  fs.clear_faults();
  Life last{fs, world, lives_max};
  if (!last.open()) world.broken("the log does not open after a clean shutdown");
  if (world.wrong.empty()) last.check_start();
  return world.wrong;
}

void play_everywhere(Plan plan, int again_modulus = 0) {
  std::uint64_t runs = 0;
  for (bool struck = true; struck; ++plan.at, ++runs) {
    if (again_modulus > 0) plan.again_after = 1 + plan.at % static_cast<std::uint64_t>(again_modulus);
    World world;
    ASSERT_EQ(play(plan, struck, world), "")
        << "operation " << plan.at << ", crash " << sim::name(plan.crash) << ", seed " << plan.seed
        << ", again after " << plan.again_after;
  }
  ASSERT_GT(runs, 300u) << "the workload is long enough to mean something";
}

TEST(CleanCrash, TheWorkloadCompactsForReal) {
  bool struck = false;
  World world;
  sim::FileSystem fs{1};
  ASSERT_TRUE((Life{fs, world, 0}.run()));
  std::size_t swaps = 0;
  for (const sim::Operation& operation : fs.trace())
    swaps += operation.verb == sim::Verb::rename && operation.to.ends_with(".log.swap") ? 1u : 0u;
  EXPECT_GT(swaps, 5u);
  World again;
  ASSERT_EQ(play({.at = 1u << 30}, struck, again), "");
  EXPECT_FALSE(struck);
}

TEST(CleanCrash, DyingAtAnyOperationLosesNoNewestRecordAndBringsNoneBack) {
  for (const sim::Crash crash : sim::crashes) play_everywhere({.crash = crash});
}

TEST(CleanCrash, TornPowerCutsOfManyShapesDoAsWell) {
  for (std::uint64_t seed = 2; seed < 6; ++seed) play_everywhere({.crash = sim::Crash::torn, .seed = seed});
}

TEST(CleanCrash, DyingAgainDuringRecoveryDoesAsWell) {
  for (const int modulus : {3, 7}) play_everywhere({.crash = sim::Crash::torn, .seed = 11}, modulus);
  play_everywhere({.crash = sim::Crash::all_lost, .seed = 12}, 5);
}

TEST(CleanCrash, AnIoErrorAFullDiskOrALostAnswerAtAnyOperationDoesAsWell_X13) {
  for (const sim::Fault fault : {sim::Fault::eio, sim::Fault::enospc, sim::Fault::lost_answer})
    play_everywhere({.fault = fault, .crash = sim::Crash::torn});
}

}  // namespace
}  // namespace sluice::log
