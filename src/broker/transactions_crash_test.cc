// Power cuts and deaths at every operation of transactions that carry records and positions: what was
// answered as committed is there, once; what was not committed is nowhere; and records and positions agree.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "broker/transactions_fixture.h"

namespace sluice::broker {
namespace {

constexpr int rounds = 4;

/// A broker on a disk of its own, once for each operation.
class Scene : public TransactionTest {
 public:
  void TestBody() override {}
  using TransactionTest::crash;
  using TransactionTest::create;
  sim::FileSystem& fs() { return fs_; }

  void start_again() { start_small({{"num.partitions", "1"}}); }

  // InitProducerId as long as there is a disk and the last transaction is being ended.
  bool init(TestProducer& p) {
    while (!fs_.dead()) {
      const std::int16_t error = p.init_once(60'000);
      if (error == 0) return true;
      if (error != wire::number(wire::ErrorCode::concurrent_transactions)) return false;
    }
    return false;
  }

  // Round i commits the value i and the position i + 1, after a transaction that is aborted. Returns how many
  // rounds were answered as committed.
  int work(int from) {
    TestProducer p = producer("copier");
    if (!init(p)) return from;
    for (int i = from; i < rounds; ++i) {
      if (p.produce("out", 0, {"aborted"}).error_code != 0) return i;
      if (p.commit_offset("in", "out", 1000) != 0 || p.end(false) != 0) return i;
      if (p.produce("out", 0, {std::to_string(i)}).error_code != 0) return i;
      if (p.commit_offset("in", "out", i + 1) != 0 || p.end(true) != 0) return i;
    }
    return rounds;
  }

  // Everything that a read_committed copier would find after a restart: how far it is, and what it wrote.
  int check(int answered, const std::string& when) {
    TestProducer next = producer("copier");
    EXPECT_TRUE(init(next)) << when;  // what was open is ended after this
    const auto position = std::max<std::int64_t>(committed_offset("in", "out"), 0);
    EXPECT_GE(position, answered) << when << ": a commit that was answered is lost";
    EXPECT_LE(position, answered + 1) << when << ": a position that nobody committed";
    const auto values = read_committed("out");
    EXPECT_EQ(values.size(), static_cast<std::size_t>(position)) << when;
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], std::to_string(i)) << when;
    return static_cast<int>(position);
  }
};

TEST(TransactionCrash, AtEveryOperationRecordsAndPositionsAreThereOnceAndAgree) {
  std::uint64_t operations = 0;
  {
    Scene scene;
    scene.start_again();
    scene.create("out", 1);
    const std::uint64_t before = scene.fs().operations();
    ASSERT_EQ(scene.work(0), rounds);
    operations = scene.fs().operations() - before;
    scene.check(rounds, "without a crash");
  }
  ASSERT_GT(operations, 50u);
  for (std::uint64_t step = 0; step < operations; ++step) {
    const sim::Crash kind = sim::crashes[step % std::size(sim::crashes)];
    const std::string when = fmt::format("death at operation {}, {}", step, sim::name(kind));
    Scene scene;
    scene.start_again();
    scene.create("out", 1);
    scene.fs().fail_operation(scene.fs().operations() + step, sim::Fault::die);
    const int answered = scene.work(0);
    scene.crash(kind);
    scene.start_again();
    const int position = scene.check(answered, when);
    EXPECT_EQ(scene.work(position), rounds) << when << ": it does not go on";
    scene.check(rounds, when + ", at the end");
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::broker
