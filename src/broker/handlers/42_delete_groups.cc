// DeleteGroups v0-2: forgets empty groups and their positions, durably before the answer. Errors per group:
// GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, COORDINATOR_NOT_AVAILABLE, GROUP_AUTHORIZATION_FAILED.
#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/delete_groups_request.h"
#include "wire/generated/delete_groups_response.h"

namespace sluice::broker {

void handle_delete_groups(Core& core, const RequestPtr& request) {
  wire::DeleteGroupsRequest asked;
  if (!request->decode(asked)) return;
  auto response = std::make_shared<wire::DeleteGroupsResponse>();
  std::set<std::string_view> seen;
  for (const std::string& id : asked.groups_names)
    if (seen.insert(id).second) response->results.push_back({id, 0});
  if (response->results.empty()) return request->answer(*response);
  auto left = std::make_shared<std::size_t>(response->results.size());
  for (std::size_t i = 0; i < response->results.size(); ++i) {
    const auto done = [request, response, left, i](wire::ErrorCode error) {
      response->results[i].error_code = wire::number(error);
      if (--*left == 0) request->answer(*response);
    };
    const std::string id = response->results[i].group_id;
    if (!may_group(core, *request, AclOperation::remove, id)) {
      done(wire::ErrorCode::group_authorization_failed);
    } else {
      core.groups->remove(id, done);
    }
  }
}

}  // namespace sluice::broker
