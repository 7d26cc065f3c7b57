// OffsetFetch v1-10: a group's durable positions; offset -1 and empty metadata where there is none. No topics
// (null) means all that it has. v8 and later ask for several groups, v9 by member epoch (KIP-848), v10 names
// topics by id. With require_stable (v7, KIP-447) a position that an open transaction may still change is
// UNSTABLE_OFFSET_COMMIT, which clients ask for again. What is asked for twice is answered once: the answer
// is bounded by what there is. Errors per group: UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH, ILLEGAL_GENERATION,
// GROUP_AUTHORIZATION_FAILED; per partition also: UNKNOWN_TOPIC_ID, TOPIC_AUTHORIZATION_FAILED (topics that
// may not be described are left out of all).
#include <set>
#include <tuple>
#include <utility>

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
std::vector<TopicAnswer> look_up_all(const Core& core, const Request& request, const Asked& asked,
                                     bool by_id) {
  std::vector<TopicAnswer> out;
  if (asked.entry == nullptr) return out;
  std::string_view last;
  for (const auto& [at, committed] : asked.entry->offsets) {
    const Topic* topic = core.topics->find(at.topic);
    if (by_id && topic == nullptr) continue;  // deleted a moment ago
    if (!may_topic(core, request, AclOperation::describe, at.topic)) continue;
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

void answer_one(Core& core, const RequestPtr& request, const wire::OffsetFetchRequest& asked) {
  const Asked group = asked_of(core, asked.group_id, asked.require_stable);
  Response response;
  if (!may_group(core, *request, AclOperation::describe, asked.group_id)) {
    response.error_code = wire::number(ErrorCode::group_authorization_failed);
    return request->answer(response);
  }
  if (!asked.topics) {
    response.topics = look_up_all<Response::OffsetFetchResponseTopic, Response::OffsetFetchResponsePartition>(
        core, *request, group, false);
    return request->answer(response);
  }
  std::set<std::pair<std::string_view, std::int32_t>> seen;
  for (const auto& topic : *asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    const bool allowed = may_topic(core, *request, AclOperation::describe, topic.name);
    for (const std::int32_t partition : topic.partition_indexes) {
      if (!seen.emplace(topic.name, partition).second) continue;
      auto found = look_up<Response::OffsetFetchResponsePartition>(allowed ? group : Asked{asked.group_id},
                                                                   topic.name, partition);
      if (!allowed) found.error_code = wire::number(ErrorCode::topic_authorization_failed);
      out.partitions.push_back(std::move(found));
    }
  }
  request->answer(response);
}

Response::OffsetFetchResponseGroup answer_group(
    Core& core, const Request& request, const wire::OffsetFetchRequest::OffsetFetchRequestGroup& asked,
    bool require_stable) {
  const bool by_id = request.version() >= 10;
  using Partition = Response::OffsetFetchResponsePartitions;
  const Asked known = asked_of(core, asked.group_id, require_stable);
  Response::OffsetFetchResponseGroup group;
  group.group_id = asked.group_id;
  if (!may_group(core, request, AclOperation::describe, asked.group_id)) {
    group.error_code = wire::number(ErrorCode::group_authorization_failed);
    return group;
  }
  if (known.entry != nullptr && known.entry->consumer != nullptr) {
    const ErrorCode error = known.entry->consumer->check_fetch(asked.member_id, asked.member_epoch);
    group.error_code = wire::number(error);
    if (error != ErrorCode::none) return group;
  }
  if (!asked.topics) {
    group.topics = look_up_all<Response::OffsetFetchResponseTopics, Partition>(core, request, known, by_id);
    return group;
  }
  std::set<std::tuple<std::string_view, Uuid, std::int32_t>> seen;
  for (const auto& topic_asked : *asked.topics) {
    const Topic* topic =
        by_id ? core.topics->find(topic_asked.topic_id) : core.topics->find(topic_asked.name);
    auto& out = group.topics.emplace_back();
    out.name = topic_asked.name;
    out.topic_id = topic_asked.topic_id;
    const std::string& name = by_id && topic != nullptr ? topic->name : topic_asked.name;
    ErrorCode error = ErrorCode::none;
    if (by_id && topic == nullptr) {
      error = ErrorCode::unknown_topic_id;
    } else if (!may_topic(core, request, AclOperation::describe, name)) {
      error = ErrorCode::topic_authorization_failed;
    }
    for (const std::int32_t index : topic_asked.partition_indexes) {
      if (!seen.emplace(topic_asked.name, topic_asked.topic_id, index).second) continue;
      Partition partition =
          look_up<Partition>(error != ErrorCode::none ? Asked{asked.group_id} : known, name, index);
      if (error != ErrorCode::none) partition.error_code = wire::number(error);
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
  std::set<std::string_view> seen;
  for (const auto& group : asked.groups)
    if (seen.insert(group.group_id).second)
      response.groups.push_back(answer_group(core, *request, group, asked.require_stable));
  request->answer(response);
}

}  // namespace sluice::broker
