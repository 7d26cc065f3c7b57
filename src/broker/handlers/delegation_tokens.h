// Why a request about delegation tokens is refused.
#pragma once

#include "broker/request.h"
#include "wire/errors.h"

namespace sluice::broker {

inline wire::ErrorCode why_no_delegation_tokens(const Request& request) {
  const Session& session = request.session();
  const bool is_anonymous =
      session.listener->protocol == SecurityProtocol::plaintext ||
      (session.listener->protocol == SecurityProtocol::ssl && session.principal == Principal{});
  return is_anonymous ? wire::ErrorCode::delegation_token_request_not_allowed
                      : wire::ErrorCode::delegation_token_auth_disabled;
}

}  // namespace sluice::broker
