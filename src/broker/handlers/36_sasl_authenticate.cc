// SaslAuthenticate v0-2: one step of the exchange that SaslHandshake v1 began (KIP-152): PLAIN, SCRAM-SHA-256
// and SCRAM-SHA-512. The answer to the last step says how long the session lives (v1, KIP-368). Errors:
// SASL_AUTHENTICATION_FAILED (after connection.failed.authentication.delay.ms the connection ends),
// ILLEGAL_SASL_STATE.
#include <fmt/format.h>

#include "broker/authentication.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/sasl_authenticate_request.h"
#include "wire/generated/sasl_authenticate_response.h"

namespace sluice::broker {

void handle_sasl_authenticate(Core& core, const RequestPtr& request) {
  wire::SaslAuthenticateRequest asked;
  if (!request->decode(asked)) return;
  wire::SaslAuthenticateResponse response;
  Authentication* authentication = request->authentication();
  if (authentication == nullptr) {
    response.error_code = wire::number(wire::ErrorCode::illegal_sasl_state);
    response.error_message = "this listener does not authenticate";
    return request->answer(response);
  }
  const bool in_turn = !authentication->is_done();
  const auto token = authentication->step(asked.auth_bytes, core.loop.now());
  if (token) {
    response.auth_bytes = *token;
    response.session_lifetime_ms = authentication->session_lifetime_ms();
    if (authentication->is_done()) request->identify(authentication->user());
    return request->answer(response);
  }
  response.error_code = wire::number(code_of(token.error()));
  response.error_message = token.error().message;
  request->answer(response);
  if (in_turn) {
    request->close_after(core.server->limits().failed_authentication_delay,
                         fmt::format("authentication as '{}' failed", authentication->attempted_user()));
  }
}

}  // namespace sluice::broker
