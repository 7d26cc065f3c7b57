// What must be on the disk, and what must not stay there.
#include "log/log_fixture.h"

namespace sluice::log {
namespace {

class DurabilityTest : public LogTest {};

TEST_F(DurabilityTest, AfterAFullDiskTheFileEndsWithItsLastWholeBatch) {
  create();
  fill(0, 3);
  const std::size_t whole = content("00000000000000000000.log").size();
  int torn = 0;
  for (std::uint64_t room = 0; room < 4000; room += 13) {
    fs.set_capacity(room);
    const Result<Appended> appended = append(batch_of(3, 40));
    const bool refused = !appended;
    fs.set_capacity(1 << 30);
    if (!refused) break;
    ASSERT_EQ(content("00000000000000000000.log").size(), whole) << room;
    ++torn;
  }
  EXPECT_GT(torn, 10);
}

TEST_F(DurabilityTest, NamesThatOnlyRecoverySawSurviveAPowerCutAfterIt) {
  create({.segment_bytes_max = 500});
  fill(0, 4);
  for (std::int64_t i = 4; i < 20; ++i) ASSERT_TRUE(append(batch_of(i)));  // rolls, without a sync
  ASSERT_GT(log->segments_count(), 2u);
  log.reset();
  fs.restart(sim::Crash::plain);
  reopen();
  ASSERT_EQ(values(*log), numbered(0, 20));
  log.reset();
  fs.restart(sim::Crash::all_lost);
  reopen();
  ASSERT_FALSE(log->halted());
  EXPECT_EQ(values(*log), numbered(0, 20)) << "shown once, so there for good";
}

}  // namespace
}  // namespace sluice::log
