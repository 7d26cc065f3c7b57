#include "broker/consumer_group_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::broker {
namespace {

constexpr Uuid t{0x0123456789abcdef, 0xfedcba9876543210};

std::string hex(BytesView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) {
    out += digits[std::to_integer<unsigned>(b) >> 4];
    out += digits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

/// `record` is written as Kafka 4.3.1 writes it, and read back as it was.
template <class Record>
void expect_bytes(const Record& record, std::string_view key, std::string_view value) {
  const GroupRecord encoded = encode("g1", record);
  EXPECT_EQ(hex(encoded.key), key);
  ASSERT_TRUE(encoded.value);
  EXPECT_EQ(hex(*encoded.value), value);
  const auto change = parse_consumer_group_record(encoded.key, BytesView(*encoded.value));
  ASSERT_TRUE(change && *change);
  EXPECT_EQ((*change)->group, "g1");
  const auto* back = std::get_if<Record>(&(*change)->record);
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(back->value, record.value);
  for (std::size_t size = 0; size < encoded.value->size(); ++size) {
    EXPECT_FALSE(parse_consumer_group_record(encoded.key, BytesView(*encoded.value).first(size)))
        << "cut short to " << size;
  }
}

MemberMetadata plain_member() {
  MemberMetadata member;
  member.instance_id = "i";
  member.client_id = "c";
  member.client_host = "/127.0.0.1";
  member.topics = {"a", "b"};
  member.regex = "x.*";
  member.rebalance_timeout_ms = 60'000;
  member.assignor = "range";
  return member;
}

TEST(ConsumerGroupRecords, AreWhatKafkaWrites) {
  expect_bytes(GroupEpochRecord{GroupEpochRecord::Value{3, 0x1122334455667788}}, "000300026731",
               "0000000000030100081122334455667788");
  expect_bytes(GroupEpochRecord{GroupEpochRecord::Value{3, 0}}, "000300026731", "00000000000300");
  expect_bytes(MemberMetadataRecord{"m", plain_member()}, "00050002673100016d",
               "000002690002630b2f3132372e302e302e31030261026204782e2a0000ea600672616e676500");
  MemberMetadata classic;
  classic.rack_id = "r";
  classic.client_id = "c";
  classic.client_host = "h";
  classic.classic = ClassicMembership{10'000, {{"range", {std::byte{1}, std::byte{2}}}}};
  expect_bytes(MemberMetadataRecord{"m", classic}, "00050002673100016d",
               "0000000272026302680101ffffffff000100110100002710020672616e67650301020000");
  expect_bytes(TargetEpochRecord{TargetEpochRecord::Value{3, 0x01a20f60c4d3}}, "000600026731",
               "000000000003010008000001a20f60c4d3");
  expect_bytes(TargetMemberRecord{"m", TopicPartitions{{t, {0, 1}}}}, "00070002673100016d",
               "0000020123456789abcdeffedcba98765432100300000000000000010000");
  expect_bytes(
      CurrentAssignmentRecord{"m", CurrentAssignment{2, 0, MemberState::stable, {{t, {{0, 2}, {1, 2}}}}, {}}},
      "00080002673100016d",
      "0000000000020000000000020123456789abcdeffedcba9876543210030000000000000001010009030000000200000002"
      "0100");
  expect_bytes(RegexRecord{"x.*", ResolvedRegex{{"xa", "xb"}, 7, 9}}, "0010000267310003782e2a",
               "0000030378610378620000000000000007000000000000000900");
}

TEST(ConsumerGroupRecords, ANullValueTakesAway) {
  const GroupRecord gone = encode("g1", CurrentAssignmentRecord{"m", std::nullopt});
  EXPECT_EQ(hex(gone.key), "00080002673100016d");
  EXPECT_FALSE(gone.value);
  const auto change = parse_consumer_group_record(gone.key, std::nullopt);
  ASSERT_TRUE(change && *change);
  EXPECT_FALSE(std::get<CurrentAssignmentRecord>((*change)->record).value);
  EXPECT_EQ(hex(encode("g1", PartitionMetadataRecord{}).key), "000400026731");
}

TEST(ConsumerGroupRecords, OtherKindsArePassedOverAndUnknownVersionsSaid) {
  const auto offset = offset_record("g1", {"t", PartitionId{0}}, CommittedOffset{Offset{1}, {}, "", 0, {}});
  EXPECT_FALSE(*parse_consumer_group_record(offset.key, std::nullopt));
  const GroupRecord epoch = encode("g1", GroupEpochRecord{GroupEpochRecord::Value{3, 0}});
  Bytes later = *epoch.value;
  later[1] = std::byte{9};
  const auto refused = parse_consumer_group_record(epoch.key, BytesView(later));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("a value of version 9"));
  EXPECT_FALSE(parse_consumer_group_record(BytesView(epoch.key).first(4), std::nullopt));
}

TEST(ConsumerGroupRecords, AHoldingWithoutEpochsIsOfTheMembersEpoch) {
  // As Kafka wrote it before KIP-1251: no tagged field behind the partitions.
  CurrentAssignmentRecord record{"m", CurrentAssignment{5, 4, MemberState::stable, {{t, {{0, 5}}}}, {}}};
  Bytes value = *encode("g1", record).value;
  const std::size_t tags_at = value.size() - 10;  // count, tag, size, length, epoch; then the end
  ASSERT_EQ(hex(BytesView(value).subspan(tags_at)), "01000502000000050100");
  value.erase(value.begin() + static_cast<std::ptrdiff_t>(tags_at),
              value.begin() + static_cast<std::ptrdiff_t>(tags_at) + 8);
  value.insert(value.begin() + static_cast<std::ptrdiff_t>(tags_at), std::byte{0});
  const auto change = parse_consumer_group_record(encode("g1", record).key, BytesView(value));
  ASSERT_TRUE(change && *change);
  EXPECT_EQ(std::get<CurrentAssignmentRecord>((*change)->record).value, record.value);
}

}  // namespace
}  // namespace sluice::broker
