// CreateAcls v1-3: adds access rules, durably before the answer; one that is there already is no error. Needs
// alter on the cluster. Errors per rule: SECURITY_DISABLED, CLUSTER_AUTHORIZATION_FAILED, INVALID_REQUEST,
// KAFKA_STORAGE_ERROR.
#include <fmt/format.h>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/create_acls_request.h"
#include "wire/generated/create_acls_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

std::unexpected<Error> invalid(std::string message) {
  return refuse(ErrorCode::invalid_request, std::move(message));
}

Result<Acl> acl_of(const wire::CreateAclsRequest::AclCreation& asked) {
  constexpr std::size_t text_bytes_max = 32 * 1024;
  Acl acl{static_cast<ResourceType>(asked.resource_type),
          asked.resource_name,
          static_cast<PatternType>(asked.resource_pattern_type),
          asked.principal,
          asked.host,
          static_cast<AclOperation>(asked.operation),
          static_cast<Permission>(asked.permission_type)};
  if (acl.resource_type <= ResourceType::any || acl.resource_type > ResourceType::user)
    return invalid(fmt::format("rules cannot be about resources of type {}", asked.resource_type));
  if (acl.pattern_type != PatternType::literal && acl.pattern_type != PatternType::prefixed)
    return invalid(
        fmt::format("a rule's pattern is literal or prefixed, not {}", asked.resource_pattern_type));
  if (acl.operation <= AclOperation::any || acl.operation > AclOperation::two_phase_commit)
    return invalid(fmt::format("rules cannot be about operation {}", asked.operation));
  if (acl.permission != Permission::allow && acl.permission != Permission::deny)
    return invalid(fmt::format("a rule allows or denies, {} is neither", asked.permission_type));
  if (acl.resource_name.empty()) return invalid("a rule needs a resource's name");
  if (acl.resource_type == ResourceType::cluster && acl.resource_name != cluster_resource)
    return invalid(fmt::format("the only cluster is called {}", cluster_resource));
  if (acl.principal.find(':') == std::string::npos)
    return invalid(fmt::format("'{}' is not a principal: those are written TYPE:NAME", acl.principal));
  if (acl.resource_name.size() + acl.principal.size() + acl.host.size() > text_bytes_max)
    return invalid("the rule is too long");
  return acl;
}

}  // namespace

void handle_create_acls(Core& core, const RequestPtr& request) {
  wire::CreateAclsRequest asked;
  if (!request->decode(asked)) return;
  wire::CreateAclsResponse response;
  response.results.resize(asked.creations.size());
  const auto fail_with = [&](std::size_t i, const Error& error) {
    response.results[i].error_code = wire::number(code_of(error));
    response.results[i].error_message = error.message;
  };
  SettingsState next = core.settings->state();
  std::vector<std::size_t> added;
  for (std::size_t i = 0; i < asked.creations.size(); ++i) {
    auto acl = [&]() -> Result<Acl> {
      if (!may_cluster(core, *request, AclOperation::alter))
        return refuse(ErrorCode::cluster_authorization_failed, "alter on the cluster is needed");
      if (!core.acls.enabled())
        return refuse(ErrorCode::security_disabled,
                      "there is no authorizer: authorizer.class.name is not set");
      return acl_of(asked.creations[i]);
    }();
    if (!acl) {
      fail_with(i, acl.error());
      continue;
    }
    next.acls.insert(std::move(*acl));
    added.push_back(i);
  }
  if (const auto kept = core.settings->commit(std::move(next)); !kept) {
    for (const std::size_t i : added) fail_with(i, kept.error());
  } else if (!added.empty()) {
    core.acls.replace(core.settings->state().acls);
  }
  request->answer(response);
}

}  // namespace sluice::broker
