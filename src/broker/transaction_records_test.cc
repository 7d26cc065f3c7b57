// The records of __transaction_state, against bytes that Apache Kafka wrote.
#include "broker/transaction_records.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::broker {
namespace {

std::string hex(BytesView bytes) {
  std::string out;
  for (const std::byte byte : bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    out += digits[std::to_integer<int>(byte) >> 4];
    out += digits[std::to_integer<int>(byte) & 15];
  }
  return out;
}

TransactionFacts ongoing() {
  TransactionFacts facts;
  facts.producer_id = ProducerId{5};
  facts.previous_producer_id = ProducerId{5};
  facts.producer_epoch = ProducerEpoch{2};
  facts.timeout_ms = 60'000;
  facts.state = TransactionState::ongoing;
  facts.partitions = {{"t", PartitionId{0}}, {"t", PartitionId{2}}, {"u", PartitionId{1}}};
  facts.start_ms = 1'700'000'000'000;
  facts.update_ms = 1'700'000'000'050;
  facts.client_version = transaction_version_2;
  return facts;
}

TEST(TransactionRecords, AValueIsWrittenAsKafkaWritesIt) {
  EXPECT_EQ(hex(transaction_key("my-id")), "000000056d792d6964");
  EXPECT_EQ(hex(transaction_value(ongoing())),
            "0001"  // version
            "0000000000000005"
            "0002"
            "0000ea60"
            "01"  // producer, epoch, time-out, Ongoing
            "03"
            "0274"
            "03"
            "00000000"
            "00000002"
            "00"  // two topics: t 0 and 2
            "0275"
            "02"
            "00000001"
            "00"  // u 1
            "0000018bcfe56832"
            "0000018bcfe56800"  // updated, started
            "02"
            "00"
            "08"
            "0000000000000005"
            "02"
            "02"
            "0002");  // tags: previous producer, client version
}

TEST(TransactionRecords, WhatIsWrittenIsReadBack) {
  for (const TransactionState state : {TransactionState::empty, TransactionState::ongoing,
                                       TransactionState::prepare_commit, TransactionState::complete_abort}) {
    TransactionFacts facts = ongoing();
    facts.state = state;
    facts.next_producer_id = ProducerId{77};
    if (state == TransactionState::empty) facts.partitions.clear();
    const Bytes value = transaction_value(facts);
    const auto change = parse_transaction_record(transaction_key("x"), BytesView(value));
    ASSERT_TRUE(change && *change && (*change)->facts) << name(state);
    EXPECT_EQ((*change)->transactional_id, "x");
    EXPECT_EQ(*(*change)->facts, facts) << name(state);
  }
}

TEST(TransactionRecords, ATombstoneRemovesAndAnUnknownKeyIsPassedOver) {
  const auto removed = parse_transaction_record(transaction_key("x"), std::nullopt);
  ASSERT_TRUE(removed && *removed);
  EXPECT_FALSE((*removed)->facts);
  Bytes newer = transaction_key("x");
  newer[1] = std::byte{9};
  const auto unknown = parse_transaction_record(newer, std::nullopt);
  ASSERT_TRUE(unknown);
  EXPECT_FALSE(*unknown);
}

TEST(TransactionRecords, WhatIsCutShortOrImpossibleIsRefused) {
  const Bytes key = transaction_key("x");
  const Bytes value = transaction_value(ongoing());
  for (std::size_t size = 0; size < value.size(); ++size)
    EXPECT_FALSE(parse_transaction_record(key, BytesView(value).first(size))) << size;
  for (std::size_t size = 0; size < key.size(); ++size)
    EXPECT_FALSE(parse_transaction_record(BytesView(key).first(size), BytesView(value))) << size;
  Bytes state = value;
  state[16] = std::byte{6};
  EXPECT_FALSE(parse_transaction_record(key, BytesView(state))) << "Dead is never written";
}

}  // namespace
}  // namespace sluice::broker
