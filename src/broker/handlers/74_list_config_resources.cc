// ListConfigResources v0-1: what DescribeConfigs could be asked about. v0 lists metric subscriptions; v1 the
// types asked for, all where none is named (KIP-1142). Needs describe_configs on the cluster. Errors:
// CLUSTER_AUTHORIZATION_FAILED, UNSUPPORTED_VERSION (a type that cannot be listed).
#include <algorithm>
#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "wire/generated/list_config_resources_request.h"
#include "wire/generated/list_config_resources_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using Response = wire::ListConfigResourcesResponse;

void list_kept(const Core& core, ConfigResource type, Response& response) {
  for (const auto& [resource, values] : core.settings->state().values)
    if (resource.first == type)
      response.config_resources.push_back({resource.second, static_cast<std::int8_t>(type)});
}

bool list(const Core& core, ConfigResource type, Response& response) {
  switch (type) {
    case ConfigResource::topic:
      for (const auto& [name, topic] : core.topics->all())
        response.config_resources.push_back({name, static_cast<std::int8_t>(type)});
      return true;
    case ConfigResource::broker:
    case ConfigResource::broker_logger:
      response.config_resources.push_back(
          {std::to_string(core.identity.node_id), static_cast<std::int8_t>(type)});
      return true;
    case ConfigResource::client_metrics:
    case ConfigResource::group:
      list_kept(core, type, response);
      return true;
    case ConfigResource::unknown:
      return false;
  }
  return false;
}

}  // namespace

void handle_list_config_resources(Core& core, const RequestPtr& request) {
  wire::ListConfigResourcesRequest asked;
  if (!request->decode(asked)) return;
  Response response;
  if (!may_cluster(core, *request, AclOperation::describe_configs)) {
    response.error_code = wire::number(ErrorCode::cluster_authorization_failed);
    return request->answer(response);
  }
  using enum ConfigResource;
  std::set<ConfigResource> types;
  for (const std::int8_t type : asked.resource_types) types.insert(static_cast<ConfigResource>(type));
  if (request->version() == 0) types = {client_metrics};
  if (types.empty()) types = {topic, broker, broker_logger, client_metrics, group};
  for (const ConfigResource type : types) {
    if (list(core, type, response)) continue;
    response.config_resources.clear();
    response.error_code = wire::number(ErrorCode::unsupported_version);
    break;
  }
  request->answer(response);
}

}  // namespace sluice::broker
