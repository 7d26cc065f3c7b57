// The records of __consumer_offsets that keep consumer groups (KIP-848), byte for byte as Apache Kafka writes
// them: keys 3 to 8 and 16 (docs/formats/broker_state.md). Values are version 0, flexible.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "broker/consumer_member.h"
#include "broker/group_records.h"

namespace sluice::broker {

/// `record` of the group `group_id` as key and value.
GroupRecord encode(const std::string& group_id, const ConsumerGroupRecord& record);

/// What one record says.
struct ConsumerGroupChange {
  std::string group;
  ConsumerGroupRecord record;
};
/// nullopt: the key's version is not one of a consumer group's.
/// errors   corrupt: cut short, or a version of the value that is not known
Result<std::optional<ConsumerGroupChange>> parse_consumer_group_record(BytesView key,
                                                                       const std::optional<BytesView>& value);

}  // namespace sluice::broker
