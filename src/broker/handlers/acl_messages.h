// Access rules on the wire, for the handlers of 29 to 31.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "broker/acls.h"
#include "broker/kafka_error.h"

namespace sluice::broker {

/// The filter that `asked` (DescribeAclsRequest, or a filter of DeleteAclsRequest) states. Errors:
/// invalid_request for a number that Kafka does not have.
template <class Asked>
Result<AclFilter> acl_filter(const Asked& asked) {
  AclFilter filter;
  const auto in = [](std::int8_t number, auto last) {
    return number > 0 && number <= static_cast<std::int8_t>(last);
  };
  if (!in(asked.resource_type_filter, ResourceType::user) ||
      !in(asked.pattern_type_filter, PatternType::prefixed) ||
      !in(asked.operation, AclOperation::two_phase_commit) || !in(asked.permission_type, Permission::allow)) {
    return refuse(wire::ErrorCode::invalid_request,
                  "the filter has a resource type, pattern type, operation or permission that is unknown");
  }
  filter.resource_type = static_cast<ResourceType>(asked.resource_type_filter);
  filter.resource_name = asked.resource_name_filter;
  filter.pattern_type = static_cast<PatternType>(asked.pattern_type_filter);
  filter.principal = asked.principal_filter;
  filter.host = asked.host_filter;
  filter.operation = static_cast<AclOperation>(asked.operation);
  filter.permission = static_cast<Permission>(asked.permission_type);
  return filter;
}

}  // namespace sluice::broker
