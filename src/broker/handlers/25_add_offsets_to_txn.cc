// AddOffsetsToTxn v0-4: takes the partition of __consumer_offsets that keeps a group into a transaction,
// durably before the answer; clients of transaction.version 2 do without (TxnOffsetCommit v5). Errors: those
// of AddPartitionsToTxn; TRANSACTIONAL_ID_AUTHORIZATION_FAILED (write), GROUP_AUTHORIZATION_FAILED (read);
// PRODUCER_FENCED from v2 on, before it INVALID_PRODUCER_EPOCH.
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/add_offsets_to_txn_request.h"
#include "wire/generated/add_offsets_to_txn_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_add_offsets_to_txn(Core& core, const RequestPtr& request) {
  wire::AddOffsetsToTxnRequest asked;
  if (!request->decode(asked)) return;
  const auto answer = [request](ErrorCode error) {
    constexpr std::int16_t fenced_version_min = 2;
    if (error == ErrorCode::producer_fenced && request->version() < fenced_version_min)
      error = ErrorCode::invalid_producer_epoch;
    wire::AddOffsetsToTxnResponse response;
    response.error_code = wire::number(error);
    request->answer(response);
  };
  if (!may_transactional_id(core, *request, AclOperation::write, asked.transactional_id))
    return answer(ErrorCode::transactional_id_authorization_failed);
  if (!may_group(core, *request, AclOperation::read, asked.group_id))
    return answer(ErrorCode::group_authorization_failed);
  if (!core.groups->make_ready()) return answer(ErrorCode::coordinator_not_available);
  const auto place = core.groups->place_of(asked.group_id);
  if (!place) return answer(ErrorCode::coordinator_not_available);
  const ProducerIdAndEpoch producer{ProducerId{asked.producer_id}, ProducerEpoch{asked.producer_epoch}};
  core.transactions->add(asked.transactional_id, producer, {*place}, transaction_version_old, answer);
}

}  // namespace sluice::broker
