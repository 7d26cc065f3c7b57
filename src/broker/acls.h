// Access rules as Apache Kafka's StandardAuthorizer has them: who may do what with which resource.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/session.h"

namespace sluice::broker {

// All with Kafka's numbers.
enum class ResourceType : std::int8_t {
  unknown = 0,
  any = 1,
  topic = 2,
  group = 3,
  cluster = 4,
  transactional_id = 5,
  delegation_token = 6,
  user = 7
};
enum class PatternType : std::int8_t { unknown = 0, any = 1, match = 2, literal = 3, prefixed = 4 };
enum class AclOperation : std::int8_t {
  unknown = 0,
  any = 1,
  all = 2,
  read = 3,
  write = 4,
  create = 5,
  remove = 6,  ///< DELETE, which is a word of some system headers
  alter = 7,
  describe = 8,
  cluster_action = 9,
  describe_configs = 10,
  alter_configs = 11,
  idempotent_write = 12,
  create_tokens = 13,
  describe_tokens = 14,
  two_phase_commit = 15
};
enum class Permission : std::int8_t { unknown = 0, any = 1, deny = 2, allow = 3 };

/// The one resource of type cluster.
constexpr std::string_view cluster_resource = "kafka-cluster";

/// One rule. "*" as a literal name stands for every resource, as a host for every address, and "User:*" as a
/// principal for every user.
struct Acl {
  ResourceType resource_type = ResourceType::unknown;
  std::string resource_name;
  PatternType pattern_type = PatternType::literal;
  std::string principal;
  std::string host;
  AclOperation operation = AclOperation::unknown;
  Permission permission = Permission::unknown;
  friend auto operator<=>(const Acl&, const Acl&) = default;
};

/// Which rules DescribeAcls and DeleteAcls mean; what is not there, or any, means all.
struct AclFilter {
  ResourceType resource_type = ResourceType::any;
  std::optional<std::string> resource_name;
  PatternType pattern_type = PatternType::any;  ///< match: every rule that applies to resource_name
  std::optional<std::string> principal;
  std::optional<std::string> host;
  AclOperation operation = AclOperation::any;
  Permission permission = Permission::any;

  bool matches(const Acl& acl) const;
};

/// A set of rules and what follows from them. Loop thread only.
class Acls {
 public:
  /// With what server.properties say: whether there is an authorizer at all (without one everything is
  /// allowed), who is asked nothing ("User:alice;User:bob"), and what holds for a resource without rules.
  void configure(bool enabled, std::string_view super_users, bool allow_without_rule);
  bool enabled() const { return enabled_; }

  const std::set<Acl>& all() const { return all_; }
  void replace(std::set<Acl> acls);

  /// Whether the session's user may do `operation`. A rule that denies wins over those that allow; read,
  /// write, delete and alter allow describe too, alter_configs allows describe_configs.
  bool allows(const Session& session, AclOperation operation, ResourceType type, std::string_view name) const;
  /// Whether there may be a resource of `type` with which the user may do `operation`.
  bool allows_any(const Session& session, AclOperation operation, ResourceType type) const;

 private:
  struct Verdict;
  using ByName = std::map<std::string, std::vector<const Acl*>, std::less<>>;
  struct OfType {
    ByName literal;
    ByName prefixed;
  };
  static void look(const std::vector<const Acl*>& rules, const Session& session, AclOperation operation,
                   Verdict& verdict);

  bool enabled_ = false;
  bool allow_without_rule_ = false;
  std::set<std::string, std::less<>> super_users_;
  std::set<Acl> all_;
  std::map<ResourceType, OfType> by_type_;  // points into all_
};

}  // namespace sluice::broker
