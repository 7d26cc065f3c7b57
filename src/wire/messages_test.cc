// Every message in every version: what is written is read back, and what is cut or bent never does harm.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "wire/generated/messages.h"
#include "wire/message_testing.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace sluice::wire {
namespace {

using testing::Filler;
using testing::Kind;
using testing::kinds;

/// Calls f(kind, version, seed) for each message, version and seed.
template <class F>
void for_each_version(F f) {
  for (const Kind& kind : kinds()) {
    for (std::int16_t version = kind.version_min; version <= kind.version_max; ++version) {
      for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(fmt::format("{} v{} seed {}", kind.name, version, seed));
        f(kind, version, seed);
      }
    }
  }
}

Bytes random_bytes(const Kind& kind, std::int16_t version, std::uint64_t seed) {
  Filler filler(seed, version);
  const auto message = kind.make();
  message->fill(filler);
  Writer writer;
  message->encode(writer, version);
  EXPECT_TRUE(writer.ok());
  return writer.to_bytes();
}

TEST(Messages, WhatIsWrittenIsReadBackInEveryVersion) {
  for_each_version([](const Kind& kind, std::int16_t version, std::uint64_t seed) {
    Filler filler(seed, version);
    const auto written = kind.make();
    written->fill(filler);
    Writer writer;
    written->encode(writer, version);
    ASSERT_TRUE(writer.ok());
    const Bytes bytes = writer.to_bytes();
    ASSERT_EQ(bytes.size(), writer.size());

    const auto read = kind.make();
    Reader reader(bytes);
    read->decode(reader, version);
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE(reader.finished()) << reader.remaining() << " bytes too many";
    EXPECT_EQ(read->show(version), written->show(version));
  });
}

TEST(Messages, AMessageCutAnywhereIsRefused) {
  for_each_version([](const Kind& kind, std::int16_t version, std::uint64_t seed) {
    const Bytes bytes = random_bytes(kind, version, seed);
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / 400);
    for (std::size_t size = 0; size < bytes.size(); size += step) {
      const Bytes cut(bytes.begin(),
                      bytes.begin() + static_cast<std::ptrdiff_t>(size));  // ends where its memory ends
      Reader reader(cut);
      kind.make()->decode(reader, version);
      ASSERT_FALSE(reader.ok()) << "cut at " << size << " of " << bytes.size();
    }
  });
}

TEST(Messages, BentBytesNeverDoHarm) {
  std::mt19937_64 random(7);
  std::uint64_t refused = 0;
  for_each_version([&](const Kind& kind, std::int16_t version, std::uint64_t seed) {
    const Bytes bytes = random_bytes(kind, version, seed);
    if (bytes.empty()) return;
    for (int i = 0; i < 50; ++i) {
      Bytes bent = bytes;
      for (std::uint64_t n = 1 + random() % 3; n > 0; --n) {
        bent[random() % bent.size()] = static_cast<std::byte>(random());
      }
      Reader reader(bent);
      kind.make()->decode(reader, version);
      if (!reader.finished()) ++refused;
    }
  });
  EXPECT_GT(refused, 1000u);
}

TEST(Messages, AVersionOutsideTheRangeIsRefusedBothWays) {
  for (const Kind& kind : kinds()) {
    for (const int version : {kind.version_min - 1, kind.version_max + 1}) {
      Writer writer;
      kind.make()->encode(writer, static_cast<std::int16_t>(version));
      EXPECT_FALSE(writer.ok()) << kind.name;
      const Bytes zeros(64);
      Reader reader(zeros);
      kind.make()->decode(reader, static_cast<std::int16_t>(version));
      EXPECT_FALSE(reader.ok()) << kind.name;
    }
  }
}

TEST(Messages, AnArrayThatClaimsMoreThanThereIsAllocatesNothing) {
  Writer writer;
  writer.int32(-1);          // replica_id
  writer.int8(0);            // isolation_level
  writer.int32(0x7fffffff);  // topics
  writer.raw(Bytes(1000));
  const Bytes bytes = writer.to_bytes();
  Reader reader(bytes);
  ListOffsetsRequest message;
  message.decode(reader, 3);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(message.topics.capacity(), 0u);
}

TEST(Messages, TheMemoryOfAllArraysTogetherIsBounded) {
  // Each partition takes 12 bytes here and some fifty in memory; ten thousand of them pass a limit of 100 kB.
  Writer writer;
  writer.int32(-1);
  writer.int8(0);
  writer.int32(1);
  writer.string("t", false);
  writer.int32(10'000);
  writer.raw(Bytes(10'000 * 12));
  const Bytes bytes = writer.to_bytes();

  ListOffsetsRequest message;
  Reader generous(bytes);
  message.decode(generous, 3);
  EXPECT_TRUE(generous.finished());

  Reader strict(bytes, {.memory_bytes_max = 100'000});
  message.decode(strict, 3);
  EXPECT_FALSE(strict.ok());
  Reader few(bytes, {.elements_max = 10'000});
  message.decode(few, 3);
  EXPECT_FALSE(few.ok()) << "one topic and ten thousand partitions are 10,001 elements";
}

TEST(Messages, ATaggedFieldWithItsDefaultIsNotWritten) {
  FetchResponse::PartitionData partition;
  Writer plain;
  partition.encode(plain, 17);
  partition.current_leader.leader_epoch = 3;
  Writer tagged;
  partition.encode(tagged, 17);
  EXPECT_EQ(tagged.size(), plain.size() + 2 + 9);  // tag, size, leader id, leader epoch, no tags
}

TEST(Messages, AFieldThatMayBeNullStartsEmptyUnlessItsDefaultIsNull) {
  EXPECT_TRUE(FetchResponse::PartitionData{}.records.has_value());
  EXPECT_FALSE(ProduceRequest{}.transactional_id.has_value());
}

TEST(Messages, NullWhereTheVersionHasNoneMakesTheWriterBad) {
  MetadataRequest request;
  request.topics.reset();  // null means all topics, from version 1 on
  Writer v0;
  request.encode(v0, 0);
  EXPECT_FALSE(v0.ok());
  Writer v1;
  request.encode(v1, 1);
  EXPECT_TRUE(v1.ok());
}

}  // namespace
}  // namespace sluice::wire
