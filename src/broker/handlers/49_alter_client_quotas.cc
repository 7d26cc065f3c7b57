// AlterClientQuotas v0-1: refused, entry by entry: this broker throttles nobody, and a quota that is kept and
// not obeyed would be a lie. Errors: UNSUPPORTED_VERSION, CLUSTER_AUTHORIZATION_FAILED.
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/alter_client_quotas_request.h"
#include "wire/generated/alter_client_quotas_response.h"

namespace sluice::broker {

using wire::ErrorCode;

void handle_alter_client_quotas(Core& core, const RequestPtr& request) {
  wire::AlterClientQuotasRequest asked;
  if (!request->decode(asked)) return;
  wire::AlterClientQuotasResponse response;
  const bool allowed = may_cluster(core, *request, AclOperation::alter_configs);
  for (const auto& entry : asked.entries) {
    auto& out = response.entries.emplace_back();
    out.error_code =
        wire::number(allowed ? ErrorCode::unsupported_version : ErrorCode::cluster_authorization_failed);
    if (allowed) out.error_message = "this broker throttles nobody; no quota was set";
    for (const auto& entity : entry.entity) out.entity.push_back({entity.entity_type, entity.entity_name});
  }
  request->answer(response);
}

}  // namespace sluice::broker
