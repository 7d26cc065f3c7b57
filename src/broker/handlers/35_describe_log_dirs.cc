// DescribeLogDirs v1-5: the one log directory, the bytes of each partition's segments, and the disk's size
// (v4). Partitions that are not there are left out, as in Kafka; offline ones too. Needs describe on the
// cluster: CLUSTER_AUTHORIZATION_FAILED (v3, before it an empty answer).
#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/describe_log_dirs_request.h"
#include "wire/generated/describe_log_dirs_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Result = wire::DescribeLogDirsResponse::DescribeLogDirsResult;

void describe(const Topic& topic, const std::set<std::int32_t>* wanted, Result& out) {
  wire::DescribeLogDirsResponse::DescribeLogDirsTopic topic_out;
  topic_out.name = topic.name;
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    const auto index = static_cast<std::int32_t>(i);
    if ((wanted != nullptr && !wanted->contains(index)) || !topic.partitions[i]->is_online()) continue;
    const auto bytes = static_cast<std::int64_t>(topic.partitions[i]->log()->bytes());
    topic_out.partitions.push_back({index, bytes, 0, false});
  }
  if (!topic_out.partitions.empty()) out.topics.push_back(std::move(topic_out));
}

}  // namespace

void handle_describe_log_dirs(Core& core, const RequestPtr& request) {
  wire::DescribeLogDirsRequest asked;
  if (!request->decode(asked)) return;
  wire::DescribeLogDirsResponse response;
  if (!may_cluster(core, *request, AclOperation::describe)) {
    response.error_code = wire::number(ErrorCode::cluster_authorization_failed);
    return request->answer(response);
  }
  Result& out = response.results.emplace_back();
  out.log_dir = core.config.value("log.dirs").value_or("");
  if (const auto total = core.env.fs->total_bytes(out.log_dir))
    out.total_bytes = static_cast<std::int64_t>(*total);
  if (const auto usable = core.env.fs->free_bytes(out.log_dir))
    out.usable_bytes = static_cast<std::int64_t>(*usable);
  if (!asked.topics) {
    for (const auto& [name, topic] : core.topics->all()) describe(*topic, nullptr, out);
    return request->answer(response);
  }
  std::map<std::string, std::set<std::int32_t>> wanted;
  for (const auto& topic : *asked.topics)
    wanted[topic.topic].insert(topic.partitions.begin(), topic.partitions.end());
  for (const auto& [name, indexes] : wanted)
    if (const Topic* topic = core.topics->find(name)) describe(*topic, &indexes, out);
  request->answer(response);
}

}  // namespace sluice::broker
