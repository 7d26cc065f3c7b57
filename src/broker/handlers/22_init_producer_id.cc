// InitProducerId v0-5: an id for an idempotent producer, never given before (KIP-98). From v3 a producer that
// has an id may ask to go on under a newer epoch; it gets a new id instead, which is as good (KIP-360 allows
// it). A transactional id gets TRANSACTIONAL_ID_AUTHORIZATION_FAILED: there are no transactions yet. Errors
// also: INVALID_REQUEST, and COORDINATOR_NOT_AVAILABLE where the disk does not take the reservation.
#include <fmt/format.h>

#include "broker/handlers/handlers.h"
#include "wire/generated/init_producer_id_request.h"
#include "wire/generated/init_producer_id_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_init_producer_id(Core& core, const RequestPtr& request) {
  wire::InitProducerIdRequest asked;
  if (!request->decode(asked)) return;
  wire::InitProducerIdResponse response;
  response.producer_epoch = -1;
  if (asked.transactional_id) {
    const bool empty = asked.transactional_id->empty();
    response.error_code =
        wire::number(empty ? ErrorCode::invalid_request : ErrorCode::transactional_id_authorization_failed);
    return request->answer(response);
  }
  const auto id = core.producer_ids->next();
  if (!id) {
    core.notices.say_limited(fmt::format("no producer id was given: {}", to_string(id.error())));
    response.error_code = wire::number(ErrorCode::coordinator_not_available);
    return request->answer(response);
  }
  response.producer_id = id->value;
  response.producer_epoch = 0;
  request->answer(response);
}

}  // namespace sluice::broker
