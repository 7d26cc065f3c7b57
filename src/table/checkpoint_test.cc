#include "table/checkpoint.h"

#include <gtest/gtest.h>

#include "table/example.h"

namespace sluice::table {
namespace {

Checkpoint sample() {
  Checkpoint c;
  c.cluster_id = example::cluster_id;
  c.topic_id = example::chain.topic_id;
  c.partition = example::chain.partition;
  c.start = Offset{5};
  c.end = Offset{30};
  c.previous_end = Offset{10};
  c.commits = 4;
  c.counts.rows = 25;
  c.ranges = {{Offset{10}, Offset{20}}, {Offset{20}, Offset{30}}};
  return c;
}

TEST(Checkpoint, IsReadBackAsItWasWritten) {
  Checkpoint first = sample();
  first.previous_end.reset();
  first.ranges = {{Offset{5}, Offset{30}}};
  for (const Checkpoint& checkpoint : {sample(), first}) {
    const auto bytes = encode(checkpoint);
    ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
    EXPECT_EQ(decode_checkpoint(*bytes), checkpoint);
  }
}

TEST(Checkpoint, ItsTextIsTheOneOfItsFormatPage) {
  const auto bytes = encode(sample());
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ(as_text(*bytes), R"({
  "format": 1,
  "cluster_id": "K9qUpRtoTrGWGGkNzaKyQw",
  "topic_id": "Hy49TFtqeYgBAgMEBQYHCA",
  "partition": 3,
  "start": 5,
  "end": 30,
  "previous_end": 10,
  "commits": 4,
  "counts": {
    "rows": 25,
    "quarantined": 0,
    "filtered": 0,
    "control": 0,
    "aborted": 0,
    "compacted": 0,
    "lost": 0
  },
  "ends": [
    20,
    30
  ]
}
crc32c 562eebe7
)");
}

TEST(Checkpoint, RangesThatLeaveAHoleAreRefused) {
  Checkpoint hole = sample();
  hole.ranges[1].begin = Offset{21};
  EXPECT_FALSE(encode(hole));
  Checkpoint shorter = sample();
  shorter.end = Offset{31};
  EXPECT_FALSE(encode(shorter));
  Checkpoint counts = sample();
  counts.counts.rows = 24;
  EXPECT_FALSE(encode(counts));
}

TEST(Checkpoint, EveryFlippedBitIsNoticed) {
  const auto bytes = encode(sample());
  ASSERT_TRUE(bytes.has_value());
  for (std::size_t i = 0; i < bytes->size(); ++i) {
    Bytes damaged = *bytes;
    damaged[i] ^= std::byte{4};
    EXPECT_FALSE(decode_checkpoint(damaged)) << i;
  }
}

}  // namespace
}  // namespace sluice::table
