// TxnOffsetCommit v0-5: stores a group's positions as a part of a transaction. They are durable when this is
// answered, and count when the transaction commits. From v3 on the producer names the member whose input it
// worked on, and a member that the group has replaced is refused (KIP-447). v5 takes the group's partition
// into the transaction by itself (KIP-890); for older ones it must have been taken in by AddOffsetsToTxn.
// Errors: TRANSACTIONAL_ID_AUTHORIZATION_FAILED (write), GROUP_AUTHORIZATION_FAILED (read), INVALID_GROUP_ID,
// ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, COORDINATOR_NOT_AVAILABLE,
// INVALID_PRODUCER_ID_MAPPING, INVALID_PRODUCER_EPOCH, CONCURRENT_TRANSACTIONS, TRANSACTION_ABORTABLE (v4;
// before it INVALID_TXN_STATE); per partition TOPIC_AUTHORIZATION_FAILED (read), UNKNOWN_TOPIC_OR_PARTITION,
// OFFSET_METADATA_TOO_LARGE.
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/transaction_errors.h"
#include "wire/generated/txn_offset_commit_request.h"
#include "wire/generated/txn_offset_commit_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
constexpr std::int16_t implicit_version_min = 5;
constexpr std::int16_t abortable_version_min = 4;

// One TxnOffsetCommit on its way: first its transaction, then its group, then the disk.
struct Committing {
  RequestPtr request;
  wire::TxnOffsetCommitRequest asked;
  wire::TxnOffsetCommitResponse response;
  Groups::Changes changes;

  ProducerIdAndEpoch producer() const {
    return {ProducerId{asked.producer_id}, ProducerEpoch{asked.producer_epoch}};
  }
  void answer_all(ErrorCode error) {
    for (auto& topic : response.topics)
      for (auto& partition : topic.partitions) partition.error_code = wire::number(error);
    request->answer(response);
  }
  void answer(ErrorCode error) {
    for (auto& topic : response.topics)
      for (auto& partition : topic.partitions)
        if (partition.error_code == 0) partition.error_code = wire::number(error);
    request->answer(response);
  }
};

void take_partitions(Core& core, Committing& committing) {
  const auto metadata_max = static_cast<std::size_t>(core.config.number("offset.metadata.max.bytes"));
  const std::int64_t now_ms = core.env.clock->wall_ms();
  for (const auto& topic_asked : committing.asked.topics) {
    const Topic* topic = core.topics->find(topic_asked.name);
    auto& out = committing.response.topics.emplace_back();
    out.name = topic_asked.name;
    for (const auto& partition : topic_asked.partitions) {
      ErrorCode error = ErrorCode::none;
      const std::string metadata = partition.committed_metadata.value_or("");
      if (!may_topic(core, *committing.request, AclOperation::read, topic_asked.name)) {
        error = ErrorCode::topic_authorization_failed;
      } else if (topic == nullptr || topic->partition(partition.partition_index) == nullptr) {
        error = ErrorCode::unknown_topic_or_partition;
      } else if (metadata.size() > metadata_max) {
        error = ErrorCode::offset_metadata_too_large;
      } else {
        committing.changes.emplace_back(
            log::TopicPartition{topic->name, PartitionId{partition.partition_index}},
            CommittedOffset{Offset{partition.committed_offset}, LeaderEpoch{partition.committed_leader_epoch},
                            metadata, now_ms, topic->id});
      }
      out.partitions.push_back({partition.partition_index, wire::number(error)});
    }
  }
}

ErrorCode check_group(Core& core, const wire::TxnOffsetCommitRequest& asked) {
  CommittedPartitions partitions;
  for (const auto& topic_asked : asked.topics)
    if (const Topic* topic = core.topics->find(topic_asked.name))
      for (const auto& partition : topic_asked.partitions)
        partitions.emplace_back(topic->id, partition.partition_index);
  return core.groups->check_commit(
      asked.group_id, {asked.member_id, asked.group_instance_id, asked.generation_id, true, 0}, partitions);
}

void commit(Core& core, const std::shared_ptr<Committing>& committing) {
  const auto& asked = committing->asked;
  if (const ErrorCode error = check_group(core, asked); error != ErrorCode::none)
    return committing->answer(error);
  core.groups->get(asked.group_id);
  core.groups->commit_pending(asked.group_id, ProducerId{asked.producer_id},
                              ProducerEpoch{asked.producer_epoch}, std::move(committing->changes),
                              [committing](ErrorCode error) { committing->answer(error); });
}

bool is_open(Core& core, const log::TopicPartition& place, const ProducerIdAndEpoch& producer) {
  const Topic* topic = core.topics->find(place.topic);
  const PartitionPtr partition = topic == nullptr ? nullptr : topic->partition(place.partition.value);
  if (partition == nullptr || !partition->is_online()) return false;
  const auto open = partition->log()->open_transaction(producer.id);
  return open && open->producer_epoch == producer.epoch;
}

}  // namespace

void handle_txn_offset_commit(Core& core, const RequestPtr& request) {
  auto committing = std::make_shared<Committing>();
  committing->request = request;
  if (!request->decode(committing->asked)) return;
  const auto& asked = committing->asked;
  take_partitions(core, *committing);
  if (!may_transactional_id(core, *request, AclOperation::write, asked.transactional_id))
    return committing->answer_all(ErrorCode::transactional_id_authorization_failed);
  if (!may_group(core, *request, AclOperation::read, asked.group_id))
    return committing->answer_all(ErrorCode::group_authorization_failed);
  if (committing->changes.empty()) return request->answer(committing->response);
  if (asked.group_id.empty()) return committing->answer(ErrorCode::invalid_group_id);
  if (!core.groups->make_ready()) return committing->answer(ErrorCode::coordinator_not_available);
  const auto place = core.groups->place_of(asked.group_id);
  if (!place) return committing->answer(ErrorCode::coordinator_not_available);
  if (is_open(core, *place, committing->producer())) return commit(core, committing);
  const bool knows_abortable = request->version() >= abortable_version_min;
  const auto go_on = [&core, committing, knows_abortable](ErrorCode error) {
    if (error != ErrorCode::none) return committing->answer(as_producers_know_it(error, knows_abortable));
    commit(core, committing);
  };
  if (request->version() >= implicit_version_min)
    return core.transactions->add_patiently(asked.transactional_id, committing->producer(), {*place}, go_on);
  go_on(core.config.boolean("transaction.partition.verification.enable")
            ? core.transactions->verify(asked.transactional_id, committing->producer(), *place)
            : ErrorCode::none);
}

}  // namespace sluice::broker
