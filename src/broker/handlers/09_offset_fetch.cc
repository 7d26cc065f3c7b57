// OffsetFetch v1-10: a group's durable positions; offset -1 and empty metadata where there is none. No topics
// (null) means all that it has. v8 and later ask for several groups, v10 names topics by id. With
// require_stable (v7, KIP-447) a position that an open transaction may still change is
// UNSTABLE_OFFSET_COMMIT, which clients ask for again. Errors per partition also: UNKNOWN_TOPIC_ID.
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/offset_fetch_request.h"
#include "wire/generated/offset_fetch_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

// What is asked of one group.
struct Asked {
  const std::string& group_id;
  const Groups::Entry* entry = nullptr;     ///< nullptr: there is no such group
  const PendingOffsets* pending = nullptr;  ///< nullptr: the client does not mind
};

Asked asked_of(Core& core, const std::string& group_id, bool require_stable) {
  return {group_id, core.groups->find(group_id), require_stable ? &core.groups->pending_offsets() : nullptr};
}

template <class PartitionAnswer>
PartitionAnswer look_up(const Asked& asked, const std::string& topic, std::int32_t partition) {
  PartitionAnswer out;
  out.partition_index = partition;
  out.committed_offset = -1;
  out.metadata = "";
  if (asked.entry == nullptr) return out;
  if (asked.pending != nullptr &&
      asked.pending->is_pending(asked.group_id, {topic, PartitionId{partition}})) {
    out.error_code = wire::number(ErrorCode::unstable_offset_commit);
    return out;
  }
  const auto found = asked.entry->offsets.find({topic, PartitionId{partition}});
  if (found == asked.entry->offsets.end()) return out;
  out.committed_offset = found->second.offset.value;
  out.committed_leader_epoch = found->second.leader_epoch.value;
  out.metadata = found->second.metadata;
  return out;
}

// All positions of a group, topic by topic.
template <class TopicAnswer, class PartitionAnswer>
std::vector<TopicAnswer> look_up_all(const Core& core, const Asked& asked, bool by_id) {
  std::vector<TopicAnswer> out;
  if (asked.entry == nullptr) return out;
  std::string_view last;
  for (const auto& [at, committed] : asked.entry->offsets) {
    const Topic* topic = core.topics->find(at.topic);
    if (by_id && topic == nullptr) continue;  // deleted a moment ago
    if (out.empty() || last != at.topic) {
      out.emplace_back().name = at.topic;
      if constexpr (requires { out.back().topic_id; })
        if (topic != nullptr) out.back().topic_id = topic->id;
    }
    last = at.topic;
    out.back().partitions.push_back(look_up<PartitionAnswer>(asked, at.topic, at.partition.value));
  }
  return out;
}

using Response = wire::OffsetFetchResponse;

// Topics that the user may not describe: hidden where all were asked for, else refused.
template <class Topics>
void hide_topics(const Core& core, const Request& request, bool all, Topics& topics) {
  const auto may_see = [&](const auto& topic) {
    std::string name = topic.name;
    if constexpr (requires { topic.topic_id; }) {
      const Topic* known = name.empty() ? core.topics->find(topic.topic_id) : nullptr;
      if (known != nullptr) name = known->name;
    }
    return may_topic(core, request, AclOperation::describe, name);
  };
  if (all) {
    std::erase_if(topics, [&](const auto& topic) { return !may_see(topic); });
    return;
  }
  for (auto& topic : topics) {
    if (may_see(topic)) continue;
    for (auto& partition : topic.partitions) {
      partition.committed_offset = -1;
      partition.metadata = "";
      partition.error_code = wire::number(ErrorCode::topic_authorization_failed);
    }
  }
}

void answer_one(Core& core, const RequestPtr& request, const wire::OffsetFetchRequest& asked) {
  const Asked group = asked_of(core, asked.group_id, asked.require_stable);
  Response response;
  if (!may_group(core, *request, AclOperation::describe, asked.group_id)) {
    response.error_code = wire::number(ErrorCode::group_authorization_failed);
    return request->answer(response);
  }
  if (!asked.topics) {
    response.topics = look_up_all<Response::OffsetFetchResponseTopic, Response::OffsetFetchResponsePartition>(
        core, group, false);
    hide_topics(core, *request, true, response.topics);
    return request->answer(response);
  }
  for (const auto& topic : *asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    for (const std::int32_t partition : topic.partition_indexes)
      out.partitions.push_back(look_up<Response::OffsetFetchResponsePartition>(group, topic.name, partition));
  }
  hide_topics(core, *request, false, response.topics);
  request->answer(response);
}

Response::OffsetFetchResponseGroup answer_group(
    Core& core, const wire::OffsetFetchRequest::OffsetFetchRequestGroup& asked, bool by_id,
    bool require_stable) {
  using Partition = Response::OffsetFetchResponsePartitions;
  const Asked known = asked_of(core, asked.group_id, require_stable);
  Response::OffsetFetchResponseGroup group;
  group.group_id = asked.group_id;
  if (!asked.topics) {
    group.topics = look_up_all<Response::OffsetFetchResponseTopics, Partition>(core, known, by_id);
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
      const bool is_gone = by_id && topic == nullptr;
      Partition partition = look_up<Partition>(is_gone ? Asked{asked.group_id} : known, name, index);
      if (is_gone) partition.error_code = wire::number(ErrorCode::unknown_topic_id);
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
  for (const auto& group : asked.groups) {
    if (!may_group(core, *request, AclOperation::describe, group.group_id)) {
      auto& out = response.groups.emplace_back();
      out.group_id = group.group_id;
      out.error_code = wire::number(ErrorCode::group_authorization_failed);
      continue;
    }
    response.groups.push_back(answer_group(core, group, request->version() >= 10, asked.require_stable));
    hide_topics(core, *request, !group.topics, response.groups.back().topics);
  }
  request->answer(response);
}

}  // namespace sluice::broker
