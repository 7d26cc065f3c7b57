// DeleteAcls v1-3: removes the access rules that each filter matches, durably before the answer, and tells
// them. Needs alter on the cluster. Errors per filter: SECURITY_DISABLED, CLUSTER_AUTHORIZATION_FAILED,
// INVALID_REQUEST, KAFKA_STORAGE_ERROR.
#include "broker/handlers/acl_messages.h"
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/delete_acls_request.h"
#include "wire/generated/delete_acls_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Response = wire::DeleteAclsResponse;

Response::DeleteAclsMatchingAcl told(const Acl& acl) {
  Response::DeleteAclsMatchingAcl out;
  out.resource_type = static_cast<std::int8_t>(acl.resource_type);
  out.resource_name = acl.resource_name;
  out.pattern_type = static_cast<std::int8_t>(acl.pattern_type);
  out.principal = acl.principal;
  out.host = acl.host;
  out.operation = static_cast<std::int8_t>(acl.operation);
  out.permission_type = static_cast<std::int8_t>(acl.permission);
  return out;
}

}  // namespace

void handle_delete_acls(Core& core, const RequestPtr& request) {
  wire::DeleteAclsRequest asked;
  if (!request->decode(asked)) return;
  Response response;
  const auto fail_with = [](Response::DeleteAclsFilterResult& out, const Error& error) {
    out.matching_acls.clear();
    out.error_code = wire::number(code_of(error));
    out.error_message = error.message;
  };
  SettingsState next = core.settings->state();
  for (const auto& filter_asked : asked.filters) {
    auto& out = response.filter_results.emplace_back();
    out.error_message.reset();
    const auto filter = [&]() -> Result<AclFilter> {
      if (!may_cluster(core, *request, AclOperation::alter))
        return refuse(ErrorCode::cluster_authorization_failed, "alter on the cluster is needed");
      if (!core.acls.enabled())
        return refuse(ErrorCode::security_disabled,
                      "there is no authorizer: authorizer.class.name is not set");
      return acl_filter(filter_asked);
    }();
    if (!filter) {
      fail_with(out, filter.error());
      continue;
    }
    for (auto acl = next.acls.begin(); acl != next.acls.end();) {
      if (!filter->matches(*acl)) {
        ++acl;
        continue;
      }
      out.matching_acls.push_back(told(*acl));
      acl = next.acls.erase(acl);
    }
  }
  if (const auto kept = core.settings->commit(std::move(next)); !kept) {
    for (auto& out : response.filter_results)
      if (out.error_code == 0) fail_with(out, kept.error());
  } else {
    core.acls.replace(core.settings->state().acls);
  }
  request->answer(response);
}

}  // namespace sluice::broker
