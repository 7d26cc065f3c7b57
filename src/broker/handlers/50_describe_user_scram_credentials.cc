// DescribeUserScramCredentials v0: the mechanisms and iterations of users' credentials (KIP-554), never the
// keys. No users named means all. Needs describe on the cluster. Errors: CLUSTER_AUTHORIZATION_FAILED; per
// user RESOURCE_NOT_FOUND, DUPLICATE_RESOURCE.
#include <fmt/format.h>

#include <map>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/describe_user_scram_credentials_request.h"
#include "wire/generated/describe_user_scram_credentials_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Response = wire::DescribeUserScramCredentialsResponse;
using Infos = std::vector<Response::CredentialInfo>;

std::map<std::string, Infos> known_users(const Core& core) {
  std::map<std::string, Infos> users;
  for (const auto& [user, credential] : core.settings->state().scram)
    users[user.first].push_back({static_cast<std::int8_t>(user.second), credential.iterations});
  return users;
}

}  // namespace

void handle_describe_user_scram_credentials(Core& core, const RequestPtr& request) {
  wire::DescribeUserScramCredentialsRequest asked;
  if (!request->decode(asked)) return;
  Response response;
  if (!may_cluster(core, *request, AclOperation::describe)) {
    response.error_code = wire::number(ErrorCode::cluster_authorization_failed);
    return request->answer(response);
  }
  auto users = known_users(core);
  if (!asked.users || asked.users->empty()) {
    for (auto& [name, infos] : users) response.results.push_back({name, 0, std::nullopt, std::move(infos)});
    return request->answer(response);
  }
  std::map<std::string, int> times;
  for (const auto& user : *asked.users) ++times[user.name];
  for (const auto& [name, count] : times) {
    auto& out = response.results.emplace_back();
    out.user = name;
    const auto known = users.find(name);
    if (count > 1) {
      out.error_code = wire::number(ErrorCode::duplicate_resource);
      out.error_message = fmt::format("the request names {} more than once", name);
    } else if (known == users.end()) {
      out.error_code = wire::number(ErrorCode::resource_not_found);
      out.error_message = fmt::format("{} has no credential", name);
    } else {
      out.credential_infos = std::move(known->second);
    }
  }
  request->answer(response);
}

}  // namespace sluice::broker
