#include "wire/versions.h"

#include <algorithm>
#include <array>

#include "wire/generated/messages.h"

namespace sluice::wire {
namespace {

constexpr std::int16_t never = 32767;

// The ranges of Apache Kafka 4.3.1. A row that disagrees with the schema does not compile (below).
constexpr std::array table{
    Api{0, "Produce", 3, 13, 9, 0},
    Api{1, "Fetch", 4, 18, 12, 4},
    Api{2, "ListOffsets", 1, 11, 6, 1},
    Api{3, "Metadata", 0, 13, 9, 0},
    Api{8, "OffsetCommit", 2, 10, 8, 2},
    Api{9, "OffsetFetch", 1, 10, 6, 1},
    Api{10, "FindCoordinator", 0, 6, 3, 0},
    Api{11, "JoinGroup", 0, 9, 6, 0},
    Api{12, "Heartbeat", 0, 4, 4, 0},
    Api{13, "LeaveGroup", 0, 5, 4, 0},
    Api{14, "SyncGroup", 0, 5, 4, 0},
    Api{15, "DescribeGroups", 0, 6, 5, 0},
    Api{16, "ListGroups", 0, 5, 3, 0},
    Api{17, "SaslHandshake", 0, 1, never, 0},
    Api{18, "ApiVersions", 0, 4, 3, 0},
    Api{19, "CreateTopics", 2, 7, 5, 2},
    Api{20, "DeleteTopics", 1, 6, 4, 1},
    Api{21, "DeleteRecords", 0, 2, 2, 0},
    Api{22, "InitProducerId", 0, 5, 2, 0},
    Api{23, "OffsetForLeaderEpoch", 2, 4, 4, 2},
    Api{24, "AddPartitionsToTxn", 0, 5, 3, 0},
    Api{25, "AddOffsetsToTxn", 0, 4, 3, 0},
    Api{26, "EndTxn", 0, 5, 3, 0},
    Api{27, "WriteTxnMarkers", 1, 2, 1, 1},
    Api{28, "TxnOffsetCommit", 0, 5, 3, 0},
    Api{29, "DescribeAcls", 1, 3, 2, 1},
    Api{30, "CreateAcls", 1, 3, 2, 1},
    Api{31, "DeleteAcls", 1, 3, 2, 1},
    Api{32, "DescribeConfigs", 1, 4, 4, 1},
    Api{33, "AlterConfigs", 0, 2, 2, 0},
    Api{34, "AlterReplicaLogDirs", 1, 2, 2, 1},
    Api{35, "DescribeLogDirs", 1, 5, 2, 1},
    Api{36, "SaslAuthenticate", 0, 2, 2, 0},
    Api{37, "CreatePartitions", 0, 3, 2, 0},
    Api{38, "CreateDelegationToken", 1, 3, 2, 1},
    Api{39, "RenewDelegationToken", 1, 2, 2, 1},
    Api{40, "ExpireDelegationToken", 1, 2, 2, 1},
    Api{41, "DescribeDelegationToken", 1, 3, 2, 1},
    Api{42, "DeleteGroups", 0, 2, 2, 0},
    Api{43, "ElectLeaders", 0, 2, 2, 0},
    Api{44, "IncrementalAlterConfigs", 0, 1, 1, 0},
    Api{45, "AlterPartitionReassignments", 0, 1, 0, 0},
    Api{46, "ListPartitionReassignments", 0, 0, 0, 0},
    Api{47, "OffsetDelete", 0, 0, never, 0},
    Api{48, "DescribeClientQuotas", 0, 1, 1, 0},
    Api{49, "AlterClientQuotas", 0, 1, 1, 0},
    Api{50, "DescribeUserScramCredentials", 0, 0, 0, 0},
    Api{51, "AlterUserScramCredentials", 0, 0, 0, 0},
    Api{55, "DescribeQuorum", 0, 2, 0, 0},
    Api{57, "UpdateFeatures", 0, 2, 0, 0},
    Api{60, "DescribeCluster", 0, 2, 0, 0},
    Api{61, "DescribeProducers", 0, 0, 0, 0},
    Api{65, "DescribeTransactions", 0, 0, 0, 0},
    Api{66, "ListTransactions", 0, 2, 0, 0},
    Api{68, "ConsumerGroupHeartbeat", 0, 1, 0, 0},
    Api{69, "ConsumerGroupDescribe", 0, 1, 0, 0},
    Api{71, "GetTelemetrySubscriptions", 0, 0, 0, 0},
    Api{72, "PushTelemetry", 0, 0, 0, 0},
    Api{74, "ListConfigResources", 0, 1, 0, 0},
    Api{75, "DescribeTopicPartitions", 0, 0, 0, 0},
};

template <class Message>
constexpr bool agrees() {
  const auto* api = std::ranges::find(table, Message::api_key, &Api::key);
  return api != table.end() && api->version_min == Message::version_min &&
         api->version_max == Message::version_max &&
         api->flexible_version_min == Message::flexible_version_min;
}

struct CheckAgreement {
  bool all = true;
  template <class Message>
  constexpr void operator()() {
    all = all && agrees<Message>();
  }
};
static_assert([] {
  CheckAgreement check;
  for_each_message(check);
  return check.all;
}());

static_assert(std::ranges::is_sorted(table, {}, &Api::key));

}  // namespace

std::span<const Api> apis() {
  return table;
}

const Api* find_api(std::int16_t key) {
  const auto* at = std::ranges::lower_bound(table, key, {}, &Api::key);
  return at != table.end() && at->key == key ? at : nullptr;
}

std::int16_t request_header_version(const Api& api, std::int16_t version) {
  return api.flexible(version) ? 2 : 1;
}

std::int16_t response_header_version(const Api& api, std::int16_t version) {
  constexpr std::int16_t api_versions = 18;
  return api.key != api_versions && api.flexible(version) ? 1 : 0;
}

}  // namespace sluice::wire
