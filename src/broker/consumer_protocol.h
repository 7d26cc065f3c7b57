// What clients put into the opaque bytes of the classic group protocol where its type is "consumer": the
// subscription with JoinGroup, the assignment with SyncGroup (Kafka's ConsumerProtocolSubscription and
// ConsumerProtocolAssignment, versions 0-3). Read where classic groups are asked what they subscribe to, and
// where one becomes a consumer group; written where a consumer group serves members of the classic protocol.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace sluice::broker {

constexpr std::string_view consumer_protocol_type = "consumer";
using NamedPartitions = std::map<std::string, std::vector<std::int32_t>>;

struct ProtocolSubscription {
  std::int16_t version = 0;
  std::vector<std::string> topics;
  NamedPartitions owned;               ///< version 1 and later
  std::optional<std::string> rack_id;  ///< version 3 and later
};
/// Versions above 3 are read as 3, as Kafka does. corrupt: it is not one.
Result<ProtocolSubscription> parse_subscription(BytesView bytes);
/// Its topics alone, from what all versions have: the rest may be anything, as in Kafka.
Result<std::vector<std::string>> parse_subscribed_topics(BytesView bytes);

struct ProtocolAssignment {
  NamedPartitions partitions;
  bool has_user_data = false;  ///< of an assignor of the client's own
};
/// Empty bytes are an empty assignment. corrupt: it is not one.
Result<ProtocolAssignment> parse_assignment(BytesView bytes);
Bytes encode_assignment(const NamedPartitions& partitions, std::int16_t version);

}  // namespace sluice::broker
