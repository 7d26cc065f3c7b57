// EndTxn v0-5: commits or aborts a transaction; answered when its markers are durable. v5 is
// transaction.version 2 (KIP-890): each end raises the producer's epoch, and the answer tells it. Errors:
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED (write is needed), INVALID_REQUEST, INVALID_PRODUCER_ID_MAPPING,
// PRODUCER_FENCED (v0-1: INVALID_PRODUCER_EPOCH), CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE,
// COORDINATOR_NOT_AVAILABLE.
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/end_txn_request.h"
#include "wire/generated/end_txn_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_end_txn(Core& core, const RequestPtr& request) {
  constexpr std::int16_t fenced_version_min = 2;
  constexpr std::int16_t raised_version_min = 5;
  wire::EndTxnRequest asked;
  if (!request->decode(asked)) return;
  const auto answer = [request](ErrorCode error, ProducerIdAndEpoch producer) {
    if (error == ErrorCode::producer_fenced && request->version() < fenced_version_min)
      error = ErrorCode::invalid_producer_epoch;
    wire::EndTxnResponse response;
    response.error_code = wire::number(error);
    response.producer_id = producer.id.value;
    response.producer_epoch = producer.epoch.value;
    request->answer(response);
  };
  if (!may_transactional_id(core, *request, AclOperation::write, asked.transactional_id))
    return answer(ErrorCode::transactional_id_authorization_failed, {});
  const ProducerIdAndEpoch producer{ProducerId{asked.producer_id}, ProducerEpoch{asked.producer_epoch}};
  core.transactions->end(
      asked.transactional_id, producer, asked.committed,
      request->version() >= raised_version_min ? transaction_version_2 : transaction_version_old, answer);
}

}  // namespace sluice::broker
