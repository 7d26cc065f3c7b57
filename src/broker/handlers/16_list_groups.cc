// ListGroups v0-5: all groups, filtered by state (v4) and type (v5: "classic", "consumer"), whatever the
// case. Without DESCRIBE on the cluster only those that may be described.
#include <algorithm>
#include <cctype>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/list_groups_request.h"
#include "wire/generated/list_groups_response.h"

namespace sluice::broker {
namespace {

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool passes(const std::vector<std::string>& filter, std::string_view value) {
  return filter.empty() ||
         std::ranges::any_of(filter, [&](const auto& wanted) { return same_letters(wanted, value); });
}

}  // namespace

void handle_list_groups(Core& core, const RequestPtr& request) {
  wire::ListGroupsRequest asked;
  if (!request->decode(asked)) return;
  wire::ListGroupsResponse response;
  const bool all = may_cluster(core, *request, AclOperation::describe);
  for (const auto& [id, entry] : core.groups->all()) {
    if (!all && !may_group(core, *request, AclOperation::describe, id)) continue;
    if (!passes(asked.states_filter, entry.state_name()) || !passes(asked.types_filter, entry.type()))
      continue;
    response.groups.push_back(
        {id, std::string(entry.protocol_type()), std::string(entry.state_name()), std::string(entry.type())});
  }
  request->answer(response);
}

}  // namespace sluice::broker
