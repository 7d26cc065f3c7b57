// DeleteGroups v0-2: forgets empty groups and their positions, durably before the answer. Errors per group:
// GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP, COORDINATOR_NOT_AVAILABLE.
#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/delete_groups_request.h"
#include "wire/generated/delete_groups_response.h"

namespace sluice::broker {

void handle_delete_groups(Core& core, const RequestPtr& request) {
  wire::DeleteGroupsRequest asked;
  if (!request->decode(asked)) return;
  auto response = std::make_shared<wire::DeleteGroupsResponse>();
  for (const std::string& id : asked.groups_names) response->results.push_back({id, 0});
  if (asked.groups_names.empty()) return request->answer(*response);
  auto left = std::make_shared<std::size_t>(asked.groups_names.size());
  for (std::size_t i = 0; i < asked.groups_names.size(); ++i) {
    if (!may_group(core, *request, AclOperation::remove, asked.groups_names[i])) {
      response->results[i].error_code = wire::number(wire::ErrorCode::group_authorization_failed);
      if (--*left == 0) request->answer(*response);
      continue;
    }
    core.groups->remove(asked.groups_names[i], [request, response, left, i](wire::ErrorCode error) {
      response->results[i].error_code = wire::number(error);
      if (--*left == 0) request->answer(*response);
    });
  }
}

}  // namespace sluice::broker
