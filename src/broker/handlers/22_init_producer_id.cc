// InitProducerId v0-5: an id and an epoch for a producer. Without a transactional id always a new id, never
// given before (KIP-98). With one: the epoch of its id is raised, which fences the producers before; an open
// transaction is aborted first, and the producer asks again (CONCURRENT_TRANSACTIONS). From v3 a producer may
// say who it thinks it is (KIP-360). v4 knows PRODUCER_FENCED, older ones get INVALID_PRODUCER_EPOCH. v6 (two
// phase commit) is not stable in Kafka 4.3 either. Errors also: INVALID_REQUEST,
// TRANSACTIONAL_ID_AUTHORIZATION_FAILED (write is needed), CLUSTER_AUTHORIZATION_FAILED (neither idempotent
// write nor write on any topic),
// INVALID_TRANSACTION_TIMEOUT, COORDINATOR_NOT_AVAILABLE.
#include <fmt/format.h>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/init_producer_id_request.h"
#include "wire/generated/init_producer_id_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
constexpr std::int16_t fenced_version_min = 4;

void answer(const RequestPtr& request, ErrorCode error, ProducerIdAndEpoch producer) {
  if (error == ErrorCode::producer_fenced && request->version() < fenced_version_min)
    error = ErrorCode::invalid_producer_epoch;
  wire::InitProducerIdResponse response;
  response.error_code = wire::number(error);
  response.producer_id = producer.id.value;
  response.producer_epoch = producer.epoch.value;
  request->answer(response);
}

}  // namespace

void handle_init_producer_id(Core& core, const RequestPtr& request) {
  wire::InitProducerIdRequest asked;
  if (!request->decode(asked)) return;
  if (asked.transactional_id) {
    if (!may_transactional_id(core, *request, AclOperation::write, *asked.transactional_id))
      return answer(request, ErrorCode::transactional_id_authorization_failed, {});
  } else if (!may_cluster(core, *request, AclOperation::idempotent_write) &&
             !core.acls.allows_any(request->session(), AclOperation::write, ResourceType::topic)) {
    return answer(request, ErrorCode::cluster_authorization_failed, {});
  }
  if ((asked.producer_id == -1) != (asked.producer_epoch == -1))
    return answer(request, ErrorCode::invalid_request, {});
  if (asked.transactional_id) {
    std::optional<ProducerIdAndEpoch> expected;
    if (asked.producer_id != -1)
      expected = {ProducerId{asked.producer_id}, ProducerEpoch{asked.producer_epoch}};
    return core.transactions->init(
        *asked.transactional_id, asked.transaction_timeout_ms, expected,
        [request](ErrorCode error, ProducerIdAndEpoch producer) { answer(request, error, producer); });
  }
  const auto id = core.producer_ids->next();
  if (!id) {
    core.notices.say_limited(fmt::format("no producer id was given: {}", to_string(id.error())));
    return answer(request, ErrorCode::coordinator_not_available, {});
  }
  answer(request, ErrorCode::none, {*id, ProducerEpoch{0}});
}

}  // namespace sluice::broker
