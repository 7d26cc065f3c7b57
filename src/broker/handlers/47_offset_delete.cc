// OffsetDelete v0 (KIP-496): takes single positions from a group, durably before the answer. Errors:
// GROUP_ID_NOT_FOUND, INVALID_GROUP_ID, NON_EMPTY_GROUP (members of another protocol type than "consumer");
// GROUP_AUTHORIZATION_FAILED (DELETE); per partition TOPIC_AUTHORIZATION_FAILED (READ),
// UNKNOWN_TOPIC_OR_PARTITION, GROUP_SUBSCRIBED_TO_TOPIC.
#include "broker/handlers/authorized.h"
#include "broker/handlers/group_authorization.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/offset_delete_request.h"
#include "wire/generated/offset_delete_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_offset_delete(Core& core, const RequestPtr& request) {
  wire::OffsetDeleteRequest asked;
  if (!request->decode(asked)) return;
  if (is_denied(core, request, asked)) return;
  auto response = std::make_shared<wire::OffsetDeleteResponse>();
  const Groups::Entry* entry = core.groups->find(asked.group_id);
  if (entry == nullptr) {
    response->error_code =
        wire::number(asked.group_id.empty() ? ErrorCode::invalid_group_id : ErrorCode::group_id_not_found);
    return request->answer(*response);
  }
  if (!entry->empty() && entry->protocol_type() != "consumer") {
    response->error_code = wire::number(ErrorCode::non_empty_group);
    return request->answer(*response);
  }
  Groups::Changes changes;
  for (const auto& topic_asked : asked.topics) {
    const Topic* topic = core.topics->find(topic_asked.name);
    auto& topic_out = response->topics.emplace_back();
    topic_out.name = topic_asked.name;
    const bool allowed = may_topic(core, *request, AclOperation::read, topic_asked.name);
    const bool in_use = entry->is_subscribed_to(topic_asked.name);
    for (const auto& partition : topic_asked.partitions) {
      ErrorCode error = ErrorCode::none;
      if (!allowed) {
        error = ErrorCode::topic_authorization_failed;
      } else if (topic == nullptr || topic->partition(partition.partition_index) == nullptr) {
        error = ErrorCode::unknown_topic_or_partition;
      } else if (in_use) {
        error = ErrorCode::group_subscribed_to_topic;
      } else {
        changes.emplace_back(log::TopicPartition{topic->name, PartitionId{partition.partition_index}},
                             std::nullopt);
      }
      topic_out.partitions.push_back({partition.partition_index, wire::number(error)});
    }
  }
  if (changes.empty()) return request->answer(*response);
  core.groups->commit(asked.group_id, std::move(changes), [request, response](ErrorCode error) {
    response->error_code = wire::number(error);
    request->answer(*response);
  });
}

}  // namespace sluice::broker
