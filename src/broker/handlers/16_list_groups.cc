// ListGroups v0-5: all groups, filtered by state (v4) and type (v5); every group here is a classic one.
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
  constexpr std::string_view type = "classic";
  const bool sees_all = may_cluster(core, *request, AclOperation::describe);
  for (const auto& [id, entry] : core.groups->all()) {
    if (!sees_all && !may_group(core, *request, AclOperation::describe, id)) continue;
    const std::string_view state = name(entry.group->state());
    if (!passes(asked.states_filter, state) || !passes(asked.types_filter, type)) continue;
    response.groups.push_back({id, entry.group->protocol_type(), std::string(state), std::string(type)});
  }
  request->answer(response);
}

}  // namespace sluice::broker
