// What the table must not lean on: the position store (X1), and where the topic happens to start (X2).
#include <set>

#include "ingest_scene.h"

namespace sluice::crash {
namespace {

constexpr Offset dropped_end{3};  // the first batch

/// Offsets of the chain's gap objects, and those before its start.
std::set<Offset> not_ingested(Scene& scene, sim::FileSystem& fs) {
  sim::Random random(1);
  table::LocalStore store(fs, random, root);
  const auto chain =
      table::read_whole_chain(store, {scene.topic.info.topic_id, p0}, scene.topic.info.cluster_id);
  EXPECT_TRUE(chain.has_value()) << (chain ? "" : chain.error().message);
  std::set<Offset> offsets;
  if (!chain || chain->empty()) return offsets;
  for (Offset o{0}; o < chain->front().range.begin; o = o + 1) offsets.insert(o);
  for (const table::CommitObject& object : *chain) {
    if (object.kind != table::CommitKind::gap) continue;
    for (Offset o = object.range.begin; o < object.range.end; o = o + 1) offsets.insert(o);
  }
  return offsets;
}

/// As judge(), but what was dropped unread may be recorded as such instead.
std::string judge_with_gaps(Scene& scene, sim::FileSystem& fs) {
  Scene whole;
  const std::map<Offset, int> seen = visible(whole, fs);
  const std::set<Offset> gone = not_ingested(scene, fs);
  std::string wrong;
  for (const MemoryTopic::Stored& stored : whole.topic.logs[p0].batches) {
    const int wanted = stored.piece.kind == Piece::Kind::records ? 1 : 0;
    for (Offset offset = stored.piece.range.begin; offset < stored.piece.range.end; offset = offset + 1) {
      const auto found = seen.find(offset);
      const int times = found == seen.end() ? 0 : found->second;
      const bool is_gone = gone.contains(offset);
      if (is_gone && offset >= dropped_end) wrong += fmt::format(" offset {} is called lost;", offset.value);
      if (times != (is_gone ? 0 : wanted))
        wrong +=
            fmt::format(" offset {} is there {} times{};", offset.value, times, is_gone ? " and lost" : "");
    }
  }
  return wrong;
}

TEST(IngestStarts, RetentionBetweenTwoWorkersDoesNotMakeTwoChains) {
  std::int64_t gaps = 0;
  for (std::uint64_t at = 0;; ++at) {
    Scene scene;
    sim::FileSystem fs(at + 1);
    sim::FileSystem other(fs, at + 500);
    bool slept = false;
    fs.before_operation([&](const sim::Operation& operation) {
      if (operation.number != at || slept) return;
      slept = true;
      scene.topic.drop_before(p0, dropped_end);
      live(scene, other, at + 77, 3, true);
    });
    live(scene, fs, at, 2, true);  // may halt: its records went away while it slept
    if (!slept) break;
    const std::string when = happened(fs, "asleep while the topic's start moved", at);
    const Outcome last = live(scene, fs, at + 1000, 3, true);
    ASSERT_TRUE(last.ended) << when << ": " << last.why;
    ASSERT_EQ(judge_with_gaps(scene, fs), "") << when;
    gaps += not_ingested(scene, fs).empty() ? 0 : 1;
  }
  EXPECT_GT(gaps, 3) << "sometimes the drop comes first";
}

TEST(IngestHints, APositionStoreThatLiesCostsNothing) {
  for (const std::int64_t lie : {0, 1, 4, 5, 9, 13, 1000}) {
    for (std::uint64_t at = 0;; at += 4) {
      Scene scene;
      sim::FileSystem fs(at + 1);
      const auto tell = [&] {
        const std::string text = positions::encode({{{scene.topic.info.topic, p0}, Offset{lie}}});
        static_cast<void>(fs.replace_file_durable(std::string(root) + "/_sluice/positions", as_bytes(text)));
      };
      fs.fail_operation(at, sim::Fault::die);
      const Outcome outcome = live(scene, fs, at, 2);
      const std::string when = happened(fs, fmt::format("a hint of {} after a death", lie), at);
      if (outcome.ended) break;
      fs.restart(sim::Crash::plain);
      fs.clear_faults();
      tell();
      finish(scene, fs, at, when);
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace sluice::crash
