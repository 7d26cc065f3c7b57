// DescribeClientQuotas v0-1: there are no quotas, so none match. Kafka's own tools ask for them whenever a
// user is described. Needs describe_configs on the cluster. Errors: CLUSTER_AUTHORIZATION_FAILED,
// INVALID_REQUEST (an empty or repeated entity type), UNSUPPORTED_VERSION (one that is unknown).
#include <fmt/format.h>

#include <set>

#include "broker/handlers/authorized.h"
#include "broker/handlers/handlers.h"
#include "broker/kafka_error.h"
#include "wire/generated/describe_client_quotas_request.h"
#include "wire/generated/describe_client_quotas_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

Result<void> check(const Core& core, const Request& request, const wire::DescribeClientQuotasRequest& asked) {
  constexpr std::int8_t match_any = 2;
  if (!may_cluster(core, request, AclOperation::describe_configs))
    return refuse(ErrorCode::cluster_authorization_failed, "describe_configs on the cluster is needed");
  std::set<std::string> seen;
  for (const auto& component : asked.components) {
    const std::string& type = component.entity_type;
    if (type.empty()) return refuse(ErrorCode::invalid_request, "an entity's type is empty");
    if (type != "user" && type != "client-id" && type != "ip")
      return refuse(ErrorCode::unsupported_version, fmt::format("there are no quotas for a '{}'", type));
    if (!seen.insert(type).second)
      return refuse(ErrorCode::invalid_request, fmt::format("the filter names {} twice", type));
    if (component.match_type < 0 || component.match_type > match_any)
      return refuse(ErrorCode::invalid_request,
                    fmt::format("match type {} is unknown", component.match_type));
  }
  return {};
}

}  // namespace

void handle_describe_client_quotas(Core& core, const RequestPtr& request) {
  wire::DescribeClientQuotasRequest asked;
  if (!request->decode(asked)) return;
  wire::DescribeClientQuotasResponse response;
  if (const auto good = check(core, *request, asked); !good) {
    response.error_code = wire::number(code_of(good.error()));
    response.error_message = good.error().message;
    response.entries.reset();
  } else {
    response.error_message = "";  // not null: as Kafka's
    response.entries.emplace();
  }
  request->answer(response);
}

}  // namespace sluice::broker
