// RenewDelegationToken v1-2: answered as Apache Kafka does without delegation.token.secret.key, since there
// are no tokens here. Errors: DELEGATION_TOKEN_AUTH_DISABLED, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED (from
// clients that have not authenticated).
#include "broker/handlers/delegation_tokens.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/renew_delegation_token_request.h"
#include "wire/generated/renew_delegation_token_response.h"

namespace sluice::broker {

void handle_renew_delegation_token(Core&, const RequestPtr& request) {
  wire::RenewDelegationTokenRequest asked;
  if (!request->decode(asked)) return;
  wire::RenewDelegationTokenResponse response;
  response.error_code = wire::number(why_no_delegation_tokens(*request));
  response.expiry_timestamp_ms = -1;
  request->answer(response);
}

}  // namespace sluice::broker
