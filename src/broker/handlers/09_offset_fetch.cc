// OffsetFetch v1-10: a group's durable positions; offset -1 and empty metadata where there is none. No topics
// (null) means all that it has. v8 and later ask for several groups, v10 names topics by id. require_stable
// (v7) changes nothing: there are no transactions yet. Errors per partition: UNKNOWN_TOPIC_ID.
#include "broker/handlers/handlers.h"
#include "wire/generated/offset_fetch_request.h"
#include "wire/generated/offset_fetch_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

template <class PartitionAnswer>
PartitionAnswer look_up(const Groups::Entry* entry, const std::string& topic, std::int32_t partition) {
  PartitionAnswer out;
  out.partition_index = partition;
  out.committed_offset = -1;
  out.metadata = "";
  if (entry == nullptr) return out;
  const auto found = entry->offsets.find({topic, PartitionId{partition}});
  if (found == entry->offsets.end()) return out;
  out.committed_offset = found->second.offset.value;
  out.committed_leader_epoch = found->second.leader_epoch.value;
  out.metadata = found->second.metadata;
  return out;
}

// All positions of a group, topic by topic.
template <class TopicAnswer, class PartitionAnswer>
std::vector<TopicAnswer> look_up_all(const Core& core, const Groups::Entry* entry, bool by_id) {
  std::vector<TopicAnswer> out;
  if (entry == nullptr) return out;
  std::string_view last;
  for (const auto& [at, committed] : entry->offsets) {
    const Topic* topic = core.topics->find(at.topic);
    if (by_id && topic == nullptr) continue;  // deleted a moment ago
    if (out.empty() || last != at.topic) {
      out.emplace_back().name = at.topic;
      if constexpr (requires { out.back().topic_id; })
        if (topic != nullptr) out.back().topic_id = topic->id;
    }
    last = at.topic;
    out.back().partitions.push_back(look_up<PartitionAnswer>(entry, at.topic, at.partition.value));
  }
  return out;
}

using Response = wire::OffsetFetchResponse;

void answer_one(Core& core, const RequestPtr& request, const wire::OffsetFetchRequest& asked) {
  const Groups::Entry* entry = core.groups->find(asked.group_id);
  Response response;
  if (!asked.topics) {
    response.topics = look_up_all<Response::OffsetFetchResponseTopic, Response::OffsetFetchResponsePartition>(
        core, entry, false);
    return request->answer(response);
  }
  for (const auto& topic : *asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    for (const std::int32_t partition : topic.partition_indexes)
      out.partitions.push_back(look_up<Response::OffsetFetchResponsePartition>(entry, topic.name, partition));
  }
  request->answer(response);
}

Response::OffsetFetchResponseGroup answer_group(
    Core& core, const wire::OffsetFetchRequest::OffsetFetchRequestGroup& asked, bool by_id) {
  using Partition = Response::OffsetFetchResponsePartitions;
  const Groups::Entry* entry = core.groups->find(asked.group_id);
  Response::OffsetFetchResponseGroup group;
  group.group_id = asked.group_id;
  if (!asked.topics) {
    group.topics = look_up_all<Response::OffsetFetchResponseTopics, Partition>(core, entry, by_id);
    return group;
  }
  for (const auto& topic_asked : *asked.topics) {
    const Topic* topic =
        by_id ? core.topics->find(topic_asked.topic_id) : core.topics->find(topic_asked.name);
    auto& out = group.topics.emplace_back();
    out.name = topic_asked.name;
    out.topic_id = topic_asked.topic_id;
    const std::string& name = by_id && topic != nullptr ? topic->name : topic_asked.name;
    for (const std::int32_t index : topic_asked.partition_indexes) {
      Partition partition = look_up<Partition>(by_id && topic == nullptr ? nullptr : entry, name, index);
      if (by_id && topic == nullptr) partition.error_code = wire::number(ErrorCode::unknown_topic_id);
      out.partitions.push_back(std::move(partition));
    }
  }
  return group;
}

}  // namespace

void handle_offset_fetch(Core& core, const RequestPtr& request) {
  wire::OffsetFetchRequest asked;
  if (!request->decode(asked)) return;
  if (request->version() < 8) return answer_one(core, request, asked);
  Response response;
  for (const auto& group : asked.groups)
    response.groups.push_back(answer_group(core, group, request->version() >= 10));
  request->answer(response);
}

}  // namespace sluice::broker
