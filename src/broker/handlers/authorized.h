// What a client may do: one question before each act, and the answers that list it.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "broker/acls.h"
#include "broker/core.h"
#include "broker/request.h"

namespace sluice::broker {

/// Whether the request's user may do `operation` with the resource. Always, without an authorizer. Ask before
/// anything else: whether a resource exists is not told to those who may not describe it.
bool may(const Core& core, const Request& request, AclOperation operation, ResourceType type,
         std::string_view name);

inline bool may_topic(const Core& core, const Request& request, AclOperation operation,
                      std::string_view name) {
  return may(core, request, operation, ResourceType::topic, name);
}
inline bool may_group(const Core& core, const Request& request, AclOperation operation,
                      std::string_view name) {
  return may(core, request, operation, ResourceType::group, name);
}
inline bool may_transactional_id(const Core& core, const Request& request, AclOperation operation,
                                 std::string_view id) {
  return may(core, request, operation, ResourceType::transactional_id, id);
}
inline bool may_cluster(const Core& core, const Request& request, AclOperation operation) {
  return may(core, request, operation, ResourceType::cluster, cluster_resource);
}

/// The answer where the client did not ask.
constexpr std::int32_t operations_not_asked = std::numeric_limits<std::int32_t>::min();

/// What the request's user may do with the resource, as the bits (1 << AclOperation) that Metadata,
/// DescribeGroups and DescribeCluster tell.
std::int32_t authorized_operations(const Core& core, const Request& request, ResourceType type,
                                   std::string_view name);

}  // namespace sluice::broker
