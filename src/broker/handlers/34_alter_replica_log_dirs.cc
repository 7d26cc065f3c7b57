// AlterReplicaLogDirs v1-2: there is one log directory, so replicas can only be moved to where they are.
// Needs alter on the cluster. Errors per partition: CLUSTER_AUTHORIZATION_FAILED, INVALID_TOPIC_EXCEPTION
// (a name that Kafka could not move), LOG_DIR_NOT_FOUND (any other directory), UNKNOWN_TOPIC_OR_PARTITION,
// KAFKA_STORAGE_ERROR.
#include <map>
#include <string>
#include <string_view>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/alter_replica_log_dirs_request.h"
#include "wire/generated/alter_replica_log_dirs_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

// Does "NAME-PARTITION.UUID-future", Kafka's directory of a replica that is being moved, have a name that is
// too long?
bool is_too_long(const std::string& name, std::int32_t index) {
  constexpr std::size_t name_bytes_max = 255;
  constexpr std::size_t rest_bytes = 2 + 32 + 7;
  return name.size() + std::to_string(index).size() + rest_bytes > name_bytes_max;
}

ErrorCode move(Core& core, const std::string& path, const std::string& name, const Topic* topic,
               std::int32_t index) {
  if (is_too_long(name, index)) return ErrorCode::invalid_topic_exception;
  if (path != core.config.value("log.dirs")) return ErrorCode::log_dir_not_found;
  const PartitionPtr partition = topic == nullptr ? nullptr : topic->partition(index);
  if (partition == nullptr) return ErrorCode::unknown_topic_or_partition;
  return partition->is_online() ? ErrorCode::none : ErrorCode::kafka_storage_error;
}

}  // namespace

void handle_alter_replica_log_dirs(Core& core, const RequestPtr& request) {
  wire::AlterReplicaLogDirsRequest asked;
  if (!request->decode(asked)) return;
  const bool allowed = may_cluster(core, *request, AclOperation::alter);
  std::map<std::string_view, std::map<std::int32_t, ErrorCode>> results;  // as in Kafka, the last one counts
  for (const auto& dir : asked.dirs) {
    for (const auto& topic_asked : dir.topics) {
      const Topic* topic = core.topics->find(topic_asked.name);
      for (const std::int32_t index : topic_asked.partitions) {
        results[topic_asked.name][index] = allowed ? move(core, dir.path, topic_asked.name, topic, index)
                                                   : ErrorCode::cluster_authorization_failed;
      }
    }
  }
  wire::AlterReplicaLogDirsResponse response;
  for (const auto& [name, partitions] : results) {
    auto& out = response.results.emplace_back();
    out.topic_name = name;
    for (const auto& [index, error] : partitions) out.partitions.push_back({index, wire::number(error)});
  }
  request->answer(response);
}

}  // namespace sluice::broker
