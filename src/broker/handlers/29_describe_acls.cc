// DescribeAcls v1-3: the access rules that a filter matches, by resource. Needs describe on the cluster.
// Errors: SECURITY_DISABLED (authorizer.class.name is not set), CLUSTER_AUTHORIZATION_FAILED,
// INVALID_REQUEST.
#include <map>
#include <tuple>

#include "broker/handlers/acl_messages.h"
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/describe_acls_request.h"
#include "wire/generated/describe_acls_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Response = wire::DescribeAclsResponse;

Result<void> describe(const Core& core, const AclFilter& filter, Response& response) {
  std::map<std::tuple<ResourceType, std::string, PatternType>, std::vector<Response::AclDescription>> found;
  for (const Acl& acl : core.acls.all()) {
    if (!filter.matches(acl)) continue;
    found[{acl.resource_type, acl.resource_name, acl.pattern_type}].push_back(
        {acl.principal, acl.host, static_cast<std::int8_t>(acl.operation),
         static_cast<std::int8_t>(acl.permission)});
  }
  for (auto& [resource, acls] : found) {
    const auto& [type, name, pattern] = resource;
    response.resources.push_back(
        {static_cast<std::int8_t>(type), name, static_cast<std::int8_t>(pattern), std::move(acls)});
  }
  return {};
}

}  // namespace

void handle_describe_acls(Core& core, const RequestPtr& request) {
  wire::DescribeAclsRequest asked;
  if (!request->decode(asked)) return;
  Response response;
  const auto describe_all = [&]() -> Result<void> {
    if (!may_cluster(core, *request, AclOperation::describe))
      return refuse(ErrorCode::cluster_authorization_failed, "describe on the cluster is needed");
    if (!core.acls.enabled())
      return refuse(ErrorCode::security_disabled, "there is no authorizer: authorizer.class.name is not set");
    return describe(core, SLUICE_TRY(acl_filter(asked)), response);
  };
  if (const auto described = describe_all(); !described) {
    response.error_code = wire::number(code_of(described.error()));
    response.error_message = described.error().message;
  }
  request->answer(response);
}

}  // namespace sluice::broker
