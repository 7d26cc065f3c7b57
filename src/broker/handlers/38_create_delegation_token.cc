// CreateDelegationToken v1-3: answered as Apache Kafka does without delegation.token.secret.key, since there
// are no tokens here. Errors: DELEGATION_TOKEN_AUTH_DISABLED, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED (from
// clients that have not authenticated).
#include "broker/handlers/delegation_tokens.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/create_delegation_token_request.h"
#include "wire/generated/create_delegation_token_response.h"

namespace sluice::broker {

void handle_create_delegation_token(Core&, const RequestPtr& request) {
  wire::CreateDelegationTokenRequest asked;
  if (!request->decode(asked)) return;
  wire::CreateDelegationTokenResponse response;
  response.error_code = wire::number(why_no_delegation_tokens(*request));
  const Principal& requester = request->session().principal;
  const bool for_another = asked.owner_principal_name && !asked.owner_principal_name->empty();
  response.principal_type = for_another ? asked.owner_principal_type.value_or("") : requester.type;
  response.principal_name = for_another ? *asked.owner_principal_name : requester.name;
  response.token_requester_principal_type = requester.type;
  response.token_requester_principal_name = requester.name;
  response.issue_timestamp_ms = response.expiry_timestamp_ms = response.max_timestamp_ms = -1;
  request->answer(response);
}

}  // namespace sluice::broker
