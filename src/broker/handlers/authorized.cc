#include "broker/handlers/authorized.h"

#include <span>

namespace sluice::broker {
namespace {

using enum AclOperation;
constexpr AclOperation of_topic[] = {read,  write,    create,           remove,
                                     alter, describe, describe_configs, alter_configs};
constexpr AclOperation of_group[] = {read, remove, describe, describe_configs, alter_configs};
constexpr AclOperation of_cluster[] = {create,           alter,         describe,        cluster_action,
                                       describe_configs, alter_configs, idempotent_write};
constexpr AclOperation of_transactional_id[] = {write, describe, two_phase_commit};

// What there is to do with a resource of each type.
std::span<const AclOperation> operations_of(ResourceType type) {
  switch (type) {
    case ResourceType::topic:
      return of_topic;
    case ResourceType::group:
      return of_group;
    case ResourceType::cluster:
      return of_cluster;
    case ResourceType::transactional_id:
      return of_transactional_id;
    default:
      return {};
  }
}

}  // namespace

bool may(const Core& core, const Request& request, AclOperation operation, ResourceType type,
         std::string_view name) {
  return core.acls.allows(request.session(), operation, type, name);
}

std::int32_t authorized_operations(const Core& core, const Request& request, ResourceType type,
                                   std::string_view name) {
  std::int32_t bits = 0;
  for (const AclOperation operation : operations_of(type))
    if (may(core, request, operation, type, name)) bits |= 1 << static_cast<int>(operation);
  return bits;
}

}  // namespace sluice::broker
