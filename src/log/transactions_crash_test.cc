// Transactions through crashes: several producers write, commit and abort in one log, which dies at every
// operation. After each restart, and after each sync, what the log tells of transactions and producers must
// be what a second reading of the very bytes that it shows tells.
//
// The second reading below knows nothing of the code under test: it keeps every batch that was ever visible
// and works out from Kafka's rules who has a transaction open, where the last stable offset is and which
// transactions were aborted.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "log/log_fixture.h"

namespace sluice::log {
namespace {

constexpr int producers_total = 4;
constexpr int lives_max = 20;
constexpr int rounds_per_run = 14;

/// A batch as a reader of the log sees it.
struct Seen {
  std::int64_t end = 0;
  std::int64_t producer = -1;
  std::int16_t epoch = -1;
  std::int32_t last_sequence = -1;
  bool transactional = false;
  std::optional<bool> commits;  // of markers
  std::int32_t coordinator_epoch = -1;
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// What the batches below an offset say.
struct Told {
  std::map<std::int64_t, ProducerView> producers;
  std::vector<AbortedTransaction> aborted;
  std::int64_t stable = 0;

  std::optional<std::int64_t> first_open() const {
    std::optional<std::int64_t> first;
    for (const auto& [id, view] : producers) {
      if (!view.current_txn_first_offset) continue;
      first = std::min(first.value_or(view.current_txn_first_offset->value),
                       view.current_txn_first_offset->value);
    }
    return first;
  }
};

Told reread(const std::map<std::int64_t, Seen>& batches, std::int64_t end) {
  Told told;
  for (const auto& [base, batch] : batches) {
    if (base >= end || batch.producer < 0) continue;
    ProducerView& view = told.producers[batch.producer];
    view.producer_id = ProducerId{batch.producer};
    if (view.producer_epoch.value != batch.epoch) view.last_sequence = -1;
    view.producer_epoch = ProducerEpoch{batch.epoch};
    if (!batch.commits) {
      view.last_sequence = batch.last_sequence;
      if (batch.transactional && !view.current_txn_first_offset) view.current_txn_first_offset = Offset{base};
      continue;
    }
    view.coordinator_epoch = batch.coordinator_epoch;
    const std::optional<Offset> first = std::exchange(view.current_txn_first_offset, std::nullopt);
    if (!first || *batch.commits) continue;
    told.aborted.push_back(
        {view.producer_id, *first, Offset{base}, Offset{told.first_open().value_or(base + 1)}});
  }
  std::ranges::sort(told.aborted, {}, &AbortedTransaction::first_offset);
  told.stable = told.first_open().value_or(end);
  return told;
}

/// What outlives the broker: all that was ever visible, and the first thing that was wrong.
struct World {
  std::map<std::int64_t, Seen> batches;
  std::string wrong;
  std::mt19937 random{7};
  int rounds = 0;

  void broken(std::string what) {
    if (wrong.empty()) wrong = std::move(what);
  }
};

Seen seen_of(const record::BatchView& batch) {
  Seen seen{batch.end_offset().value,
            batch.producer_id().value,
            batch.producer_epoch().value,
            batch.last_sequence(),
            batch.is_transactional(),
            std::nullopt,
            -1};
  if (!batch.is_control()) return seen;
  // Straight from the bytes: key type at 69 and coordinator epoch at 73 of a marker.
  seen.commits = batch.bytes()[69] == std::byte{1};
  seen.coordinator_epoch = load_be<std::int32_t>(batch.bytes().data() + 73);
  return seen;
}

void look(PartitionLog& log, World& world) {
  Bytes buffer(1 << 14);
  for (Offset at = log.log_start_offset(); at < log.high_watermark();) {
    const Result<ReadSlice> slice = log.read(at, log.high_watermark(), buffer);
    if (!slice || slice->bytes == 0) return world.broken("a visible record cannot be read");
    BytesView rest = BytesView{buffer}.first(slice->bytes);
    while (!rest.empty()) {
      const record::BatchView batch = **record::next_batch(rest);
      const auto [known, news] = world.batches.emplace(batch.base_offset().value, seen_of(batch));
      if (!news && known->second != seen_of(batch)) world.broken("an offset shows two contents");
    }
    at = slice->next;
  }
}

std::string text_of(const std::vector<AbortedTransaction>& all) {
  std::string text;
  for (const auto& one : all) {
    text += std::to_string(one.producer_id.value) + ":[" + std::to_string(one.first_offset.value) + "," +
            std::to_string(one.last_offset.value) + "]<" + std::to_string(one.last_stable_offset.value) + " ";
  }
  return text;
}

/// Holds what the log tells against what its bytes tell.
void compare(PartitionLog& log, World& world) {
  look(log, world);
  const std::int64_t end = log.high_watermark().value;
  const Told told = reread(world.batches, end);
  const std::int64_t stable = std::max(told.stable, log.log_start_offset().value);
  if (log.last_stable_offset().value != stable) {
    world.broken("the last stable offset is " + std::to_string(log.last_stable_offset().value) + ", not " +
                 std::to_string(stable));
  }
  for (const OffsetRange range :
       {OffsetRange{log.log_start_offset(), Offset{end}}, OffsetRange{Offset{end / 2}, Offset{end}},
        OffsetRange{Offset{end / 2}, Offset{end / 2 + 2}}}) {
    auto found = log.aborted_transactions(range);
    if (!found) return world.broken(to_string(found.error()));
    std::erase_if(*found, [&](const auto& one) { return one.last_offset.value >= end; });
    std::vector<AbortedTransaction> expected;
    for (const auto& one : told.aborted) {
      if (!range.empty() && one.first_offset < range.end && one.last_offset >= range.begin)
        expected.push_back(one);
    }
    if (*found != expected) world.broken("aborted " + text_of(*found) + "and not " + text_of(expected));
  }
  if (log.log_end_offset().value != end) return;
  for (const ProducerView& view : log.producers()) {
    const auto known = told.producers.find(view.producer_id.value);
    if (known == told.producers.end()) return world.broken("a producer that wrote nothing");
    ProducerView expected = known->second;
    expected.last_timestamp_ms = view.last_timestamp_ms;
    if (view != expected) world.broken("producer " + std::to_string(view.producer_id.value) + " is another");
  }
  if (log.producers().size() != told.producers.size()) world.broken("a producer is forgotten");
}

class Life {
 public:
  Life(sim::FileSystem& fs, World& world, std::int32_t epoch) : fs_(fs), world_(world), epoch_(epoch) {}

  bool run() {
    if (!fs_.create_dirs_durable(data_dir) || !open()) return false;
    if (log_->halted()) world_.broken("halted: " + log_->halted()->message);
    compare(*log_, world_);
    while (world_.rounds < rounds_per_run && world_.wrong.empty()) {
      if (fs_.dead() || !round()) return false;
      ++world_.rounds;
    }
    return log_->close().has_value() && mark_clean_shutdown(fs_, data_dir).has_value();
  }

  bool open() {
    const LogOptions options{.segment_bytes_max = 600, .index_interval_bytes = 200};
    const Result<bool> clean = take_clean_shutdown(fs_, data_dir);
    if (!clean || !sweep_deleted(fs_, data_dir)) return false;
    auto opened = PartitionLog::open(fs_, data_dir, events, options, {.clean = *clean, .now_ms = now});
    if (!opened && opened.error().code == Code::not_found && world_.batches.empty()) {
      opened = PartitionLog::create(fs_, data_dir, events, events_id, options);
    }
    if (!opened && opened.error().code == Code::corrupt) world_.broken(to_string(opened.error()));
    if (opened) log_ = std::move(*opened);
    return opened.has_value();
  }
  PartitionLog& log() { return *log_; }

 private:
  /// Some batches and markers, a sync that begins in the middle of them, and one at the end.
  bool round() {
    std::optional<SyncJob> job;
    for (int i = 0; i < 6; ++i) {
      if (!act()) return false;
      if (i == 2) job = log_->begin_sync();
    }
    if (job && !log_->finish_sync(job->run())) return false;
    if (fs_.dead()) return false;
    compare(*log_, world_);
    if (!log_->sync() || fs_.dead()) return false;
    compare(*log_, world_);
    if (world_.rounds == rounds_per_run / 2 &&
        !log_->advance_log_start(Offset{log_->high_watermark().value / 2}))
      return false;
    return true;
  }

  /// One batch or marker of some producer, as the log itself says that it must go on.
  bool act() {
    const std::int64_t id = 1 + static_cast<std::int64_t>(world_.random() % producers_total);
    ProducerView view{ProducerId{id}, ProducerEpoch{0}, -1, 0, -1, std::nullopt};
    for (const ProducerView& one : log_->producers()) {
      if (one.producer_id == view.producer_id) view = one;
    }
    const auto dice = world_.random() % 8;
    if (dice >= 5) return mark(view, dice);
    record::BatchBuilder builder;
    builder.set_producer(view.producer_id, view.producer_epoch, view.last_sequence + 1);
    builder.set_transactional(true);
    for (unsigned i = 0; i <= dice % 3; ++i) builder.add(now, std::nullopt, as_bytes("a record"));
    const Result<Appended> appended = log_->append(*builder.finish(), LeaderEpoch{epoch_}, now);
    if (!appended && appended.error().code == Code::kafka) world_.broken(to_string(appended.error()));
    return appended.has_value();
  }

  bool mark(const ProducerView& view, unsigned long dice) {
    const bool raises = dice == 5;
    const ProducerEpoch epoch{static_cast<std::int16_t>(view.producer_epoch.value + (raises ? 1 : 0))};
    const record::ControlMarker marker{
        dice == 6 ? record::ControlMarker::Kind::commit : record::ControlMarker::Kind::abort, epoch_};
    const auto appended = log_->append_marker(view.producer_id, epoch, marker, LeaderEpoch{epoch_}, now);
    if (!appended && appended.error().code == Code::kafka) world_.broken(to_string(appended.error()));
    return appended.has_value();
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
  std::uint64_t seed = 1;
};

/// Returns what was wrong, and whether the fault struck.
std::pair<std::string, bool> play(const Plan& plan) {
  sim::FileSystem fs{plan.seed};
  World world;
  world.random.seed(static_cast<std::uint32_t>(plan.seed));
  fs.fail_operation(plan.at, plan.fault);
  for (std::int32_t epoch = 0; epoch < lives_max; ++epoch) {
    const bool done = Life{fs, world, epoch}.run();
    if (done || !world.wrong.empty()) break;
    if (epoch + 1 == lives_max) world.broken("it does not come to an end");
    fs.restart(epoch % 2 == 0 ? plan.crash : sim::Crash::all_lost);
  }
  const bool struck = fs.operations() > plan.at;
  if (world.wrong.empty()) {
    fs.clear_faults();
    Life last{fs, world, lives_max};
    if (!last.open())
      world.broken("the log does not open after a clean shutdown");
    else
      compare(last.log(), world);
  }
  return {world.wrong, struck};
}

void play_everywhere(Plan plan) {
  std::uint64_t runs = 0;
  for (plan.at = 0;; ++plan.at, ++runs) {
    const auto [wrong, struck] = play(plan);
    ASSERT_EQ(wrong, "") << "operation " << plan.at << ", crash " << sim::name(plan.crash) << ", seed "
                         << plan.seed;
    if (!struck) break;
  }
  ASSERT_GT(runs, 100u) << "the workload is long enough to mean something";
}

TEST(TransactionsCrash, DyingAtAnyOperationLeavesTransactionsAsTheBytesTellThem) {
  for (const sim::Crash crash : sim::crashes) play_everywhere({.crash = crash, .seed = 3});
}

TEST(TransactionsCrash, TornPowerCutsOfManyShapesDoAsWell) {
  for (std::uint64_t seed = 4; seed < 9; ++seed) play_everywhere({.crash = sim::Crash::torn, .seed = seed});
}

TEST(TransactionsCrash, AnIoErrorOrAFullDiskAtAnyOperationDoesAsWell) {
  play_everywhere({.fault = sim::Fault::eio, .crash = sim::Crash::all_lost, .seed = 5});
  play_everywhere({.fault = sim::Fault::enospc, .crash = sim::Crash::plain, .seed = 6});
  play_everywhere({.fault = sim::Fault::lost_answer, .crash = sim::Crash::sync_lost, .seed = 6});
}

}  // namespace
}  // namespace sluice::log
