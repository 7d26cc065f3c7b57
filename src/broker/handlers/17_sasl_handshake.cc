// SaslHandshake v0-1: names the mechanism of the exchange that follows (KIP-43). After v0 it goes on as bare
// tokens, after v1 in SaslAuthenticate requests (KIP-152). Again on a connection that is known already where
// connections.max.reauth.ms is set (KIP-368). Errors: UNSUPPORTED_SASL_MECHANISM (with those there are; the
// connection ends), ILLEGAL_SASL_STATE (on listeners without SASL, and out of turn).
#include "broker/authentication.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/sasl_handshake_request.h"
#include "wire/generated/sasl_handshake_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_sasl_handshake(Core& core, const RequestPtr& request) {
  wire::SaslHandshakeRequest asked;
  if (!request->decode(asked)) return;
  wire::SaslHandshakeResponse response;
  Authentication* authentication = request->authentication();
  const ErrorCode error = authentication == nullptr
                              ? ErrorCode::illegal_sasl_state
                              : authentication->begin(asked.mechanism, request->version() == 0);
  response.error_code = wire::number(error);
  if (error != ErrorCode::illegal_sasl_state) response.mechanisms = authentication->rules().mechanisms;
  request->answer(response);
  if (error == ErrorCode::unsupported_sasl_mechanism)
    request->close_after(core.server->limits().failed_authentication_delay,
                         "it asked for a SASL mechanism that is not there");
}

}  // namespace sluice::broker
