#include "client/pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "record/builder.h"

namespace sluice::client {
namespace {

using ::testing::HasSubstr;
using Kind = Piece::Kind;

/// A log of batches, as a broker would return it.
class Log {
 public:
  Log& batch(std::int64_t base, int records, std::int64_t producer = -1, bool transactional = false) {
    record::BatchBuilder builder;
    for (int i = 0; i < records; ++i) builder.add(1000 + i, std::nullopt, as_bytes("value"));
    if (producer >= 0) builder.set_producer(ProducerId{producer}, ProducerEpoch{0}, 0);
    builder.set_transactional(transactional);
    builder.set_leader_epoch(LeaderEpoch{7});
    return append(builder.finish(Offset{base}).value());
  }
  Log& marker(std::int64_t base, std::int64_t producer, record::ControlMarker::Kind kind) {
    record::BatchBuilder builder;
    builder.set_producer(ProducerId{producer}, ProducerEpoch{0}, -1);
    builder.set_transactional(true);
    return append(builder.finish_control({kind, 0}, 1000, Offset{base}).value());
  }
  Bytes bytes;

 private:
  Log& append(MutableBytes batch) {
    bytes.insert(bytes.end(), batch.begin(), batch.end());
    return *this;
  }
};

FetchedPartition at(std::int64_t position) {
  FetchedPartition out;
  out.begin = out.end = Offset{position};
  return out;
}

/// "data 0-3 aborted 3-5": the pieces in short; checks that they cover [begin, end) without hole or overlap.
std::string text(const FetchedPartition& partition) {
  std::string out;
  Offset next = partition.begin;
  for (const Piece& piece : partition.pieces) {
    EXPECT_EQ(piece.range.begin, next);
    EXPECT_FALSE(piece.range.empty());
    EXPECT_EQ(piece.batch.has_value(), piece.kind != Kind::compacted);
    next = piece.range.end;
    out += std::string(out.empty() ? "" : " ") + std::string(name(piece.kind)) + " " +
           std::to_string(piece.range.begin.value) + "-" + std::to_string(piece.range.end.value);
  }
  EXPECT_EQ(next, partition.end);
  return out;
}

TEST(Pieces, BatchesFollowEachOther) {
  Log log;
  log.batch(0, 3).batch(3, 2);
  FetchedPartition out = at(0);
  ASSERT_TRUE(split_into_pieces(log.bytes, {}, true, out));
  EXPECT_EQ(text(out), "data 0-3 data 3-5");
  EXPECT_EQ(out.last_leader_epoch, LeaderEpoch{7});
}

TEST(Pieces, TheFirstBatchMayBeginBelowThePosition) {
  Log log;
  log.batch(0, 3).batch(3, 4);
  FetchedPartition out = at(5);
  ASSERT_TRUE(split_into_pieces(log.bytes, {}, true, out));
  EXPECT_EQ(text(out), "data 5-7");
  EXPECT_EQ(out.pieces[0].batch->base_offset(), Offset{3});
}

TEST(Pieces, OffsetsThatNoBatchHoldsAreACompactedPiece) {
  Log log;
  log.batch(4, 2).batch(9, 1);
  FetchedPartition out = at(2);
  ASSERT_TRUE(split_into_pieces(log.bytes, {}, true, out));
  EXPECT_EQ(text(out), "compacted 2-4 data 4-6 compacted 6-9 data 9-10");
}

TEST(Pieces, ABatchCutShortAtTheEndIsLeftForTheNextAnswer) {
  Log log;
  log.batch(0, 3).batch(3, 2);
  log.bytes.resize(log.bytes.size() - 1);
  FetchedPartition out = at(0);
  ASSERT_TRUE(split_into_pieces(log.bytes, {}, true, out));
  EXPECT_EQ(text(out), "data 0-3");
  EXPECT_EQ(out.end, Offset{3});
}

TEST(Pieces, BytesWithoutOneWholeBatchAreRefused) {
  Log log;
  log.batch(0, 3);
  log.bytes.resize(40);
  FetchedPartition out = at(0);
  const auto split = split_into_pieces(log.bytes, {}, true, out);
  ASSERT_FALSE(split) << "fetching the same again would never end";
  EXPECT_EQ(split.error().code, Code::corrupt);
}

TEST(Pieces, ABatchThatFailsItsChecksumStopsWithThoseBeforeIt) {
  Log log;
  log.batch(0, 3).batch(3, 2).batch(5, 1);
  const std::size_t second = record::BatchView::parse(log.bytes)->size();
  log.bytes[second + 70] ^= std::byte{1};
  FetchedPartition out = at(0);
  const auto split = split_into_pieces(log.bytes, {}, true, out);
  ASSERT_FALSE(split);
  EXPECT_EQ(split.error().code, Code::corrupt);
  EXPECT_THAT(split.error().message, HasSubstr("offsets 3 to 4 fails its checksum"));
  EXPECT_EQ(text(out), "data 0-3");
}

TEST(Pieces, BatchesThatOverlapAreRefused) {
  Log log;
  log.batch(0, 3).batch(2, 3);
  FetchedPartition out = at(0);
  const auto split = split_into_pieces(log.bytes, {}, true, out);
  ASSERT_FALSE(split);
  EXPECT_EQ(text(out), "data 0-3");
}

TEST(Pieces, BatchesOfAnAbortedTransactionAreSetApartUpToItsMarker) {
  Log log;
  log.batch(0, 2, 5, true)
      .batch(2, 1, 6, true)
      .marker(3, 5, record::ControlMarker::Kind::abort)
      .batch(4, 2, 5, true)
      .marker(6, 5, record::ControlMarker::Kind::commit)
      .marker(7, 6, record::ControlMarker::Kind::commit);
  FetchedPartition out = at(0);
  const std::vector<AbortedTransaction> aborted{{ProducerId{5}, Offset{0}}};
  ASSERT_TRUE(split_into_pieces(log.bytes, aborted, true, out));
  EXPECT_EQ(text(out), "aborted 0-2 data 2-3 control 3-4 data 4-6 control 6-7 control 7-8");
}

TEST(Pieces, TwoAbortsOfOneProducerInAnyOrderAreBothSeen) {
  Log log;
  log.batch(0, 1, 5, true)
      .marker(1, 5, record::ControlMarker::Kind::abort)
      .batch(2, 1, 5, true)
      .marker(3, 5, record::ControlMarker::Kind::abort)
      .batch(4, 1, 5);
  FetchedPartition out = at(0);
  const std::vector<AbortedTransaction> aborted{{ProducerId{5}, Offset{2}}, {ProducerId{5}, Offset{0}}};
  ASSERT_TRUE(split_into_pieces(log.bytes, aborted, true, out));
  EXPECT_EQ(text(out), "aborted 0-1 control 1-2 aborted 2-3 control 3-4 data 4-5");
}

TEST(Pieces, APositionInsideAnAbortedTransactionStaysAborted) {
  Log log;
  log.batch(0, 2, 5, true).batch(2, 2, 5, true).marker(4, 5, record::ControlMarker::Kind::abort);
  FetchedPartition out = at(3);
  const std::vector<AbortedTransaction> aborted{{ProducerId{5}, Offset{0}}};
  ASSERT_TRUE(split_into_pieces(log.bytes, aborted, true, out));
  EXPECT_EQ(text(out), "aborted 3-4 control 4-5");
}

TEST(Pieces, WithoutAListOfAbortsEverythingButMarkersIsData) {
  Log log;
  log.batch(0, 2, 5, true).marker(2, 5, record::ControlMarker::Kind::abort);
  FetchedPartition out = at(0);
  ASSERT_TRUE(split_into_pieces(log.bytes, {}, true, out));
  EXPECT_EQ(text(out), "data 0-2 control 2-3");
}

}  // namespace
}  // namespace sluice::client
