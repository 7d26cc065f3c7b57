// DeleteTopics v1-6: deletes topics, by id from v6 on; durable before it is answered, and whoever waits for
// the topic is told. A topic made again under the name has another id. Errors per topic:
// UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, TOPIC_DELETION_DISABLED, INVALID_REQUEST (name and id,
// or one of them twice), INVALID_TOPIC_EXCEPTION (the broker's own topics), TOPIC_AUTHORIZATION_FAILED
// (describe and delete are needed), KAFKA_STORAGE_ERROR.
#include <map>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/delete_topics_request.h"
#include "wire/generated/delete_topics_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Answered = wire::DeleteTopicsResponse::DeletableTopicResult;

Answered remove(Core& core, const Request& request, const std::optional<std::string>& name, Uuid id) {
  Answered out;
  out.name = name;
  out.topic_id = id;
  const auto fail_with = [&](ErrorCode error, std::string message) {
    out.error_code = wire::number(error);
    out.error_message = std::move(message);
    return out;
  };
  if (name && !id.is_zero())
    return fail_with(ErrorCode::invalid_request, "a topic is named or has its id, not both");
  if (!name && id.is_zero())
    return fail_with(ErrorCode::invalid_request, "neither a name nor an id says which topic");
  if (name && !may_topic(core, request, AclOperation::describe, *name))
    return fail_with(ErrorCode::topic_authorization_failed, "describe on the topic is needed");
  Topic* topic = name ? core.topics->find(*name) : core.topics->find(id);
  if (topic == nullptr) {
    return fail_with(name ? ErrorCode::unknown_topic_or_partition : ErrorCode::unknown_topic_id,
                     "there is no such topic; nothing was deleted");
  }
  if (!may_topic(core, request, AclOperation::describe, topic->name) ||
      !may_topic(core, request, AclOperation::remove, topic->name))
    return fail_with(ErrorCode::topic_authorization_failed, "delete on the topic is needed");
  if (!core.config.boolean("delete.topic.enable"))
    return fail_with(ErrorCode::topic_deletion_disabled, "delete.topic.enable is false; nothing was deleted");
  if (topic->is_internal())
    return fail_with(ErrorCode::invalid_topic_exception,
                     "the broker keeps its own state in it; nothing was deleted");
  out.name = topic->name;
  out.topic_id = topic->id;
  const std::string removed = topic->name;
  if (const auto gone = core.topics->remove(*topic); !gone)
    return fail_with(code_of(gone.error()), gone.error().message);
  core.groups->topic_deleted(removed);
  core.transactions->topic_deleted(removed);
  return out;
}

}  // namespace

void handle_delete_topics(Core& core, const RequestPtr& request) {
  wire::DeleteTopicsRequest asked;
  if (!request->decode(asked)) return;
  wire::DeleteTopicsResponse response;
  using Named = std::pair<std::optional<std::string>, Uuid>;
  std::vector<Named> wanted;
  for (const auto& topic : asked.topics) wanted.emplace_back(topic.name, topic.topic_id);
  for (const auto& name : asked.topic_names) wanted.emplace_back(name, Uuid{});
  std::map<Named, int> times;
  for (const Named& topic : wanted) ++times[topic];
  for (const Named& topic : wanted) {
    int& count = times[topic];
    if (count == 0) continue;  // its answer is there
    Answered out;
    if (count > 1) {
      out.name = topic.first;
      out.topic_id = topic.second;
      out.error_code = wire::number(ErrorCode::invalid_request);
      out.error_message = "the request names this topic more than once";
    } else {
      out = remove(core, *request, topic.first, topic.second);
    }
    count = 0;
    response.responses.push_back(std::move(out));
  }
  request->answer(response);
}

}  // namespace sluice::broker
