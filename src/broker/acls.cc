#include "broker/acls.h"

#include <algorithm>

namespace sluice::broker {
namespace {

constexpr std::string_view everything = "*";
constexpr std::string_view every_user = "User:*";

bool grants(AclOperation rule, AclOperation wanted) {
  if (rule == wanted || rule == AclOperation::all) return true;
  if (wanted == AclOperation::describe) {
    return rule == AclOperation::read || rule == AclOperation::write || rule == AclOperation::remove ||
           rule == AclOperation::alter;
  }
  return wanted == AclOperation::describe_configs && rule == AclOperation::alter_configs;
}

bool is_about(const Acl& acl, const Session& session) {
  const bool user = acl.principal == every_user || acl.principal == to_string(session.principal);
  return user && (acl.host == everything || acl.host == session.host);
}

bool applies(const Acl& acl, std::string_view name) {
  if (acl.pattern_type == PatternType::prefixed) return name.starts_with(acl.resource_name);
  return acl.resource_name == name || acl.resource_name == everything;
}

}  // namespace

bool AclFilter::matches(const Acl& acl) const {
  if (resource_type != ResourceType::any && resource_type != acl.resource_type) return false;
  if (pattern_type == PatternType::match) {
    if (resource_name && !applies(acl, *resource_name)) return false;
  } else {
    if (pattern_type != PatternType::any && pattern_type != acl.pattern_type) return false;
    if (resource_name && *resource_name != acl.resource_name) return false;
  }
  return (!principal || *principal == acl.principal) && (!host || *host == acl.host) &&
         (operation == AclOperation::any || operation == acl.operation) &&
         (permission == Permission::any || permission == acl.permission);
}

struct Acls::Verdict {
  bool any_rule = false;
  bool allowed = false;
  bool denied = false;
};

void Acls::configure(bool enabled, std::string_view super_users, bool allow_without_rule) {
  enabled_ = enabled;
  allow_without_rule_ = allow_without_rule;
  super_users_.clear();
  while (!super_users.empty()) {
    const auto end = super_users.find(';');
    std::string_view user = super_users.substr(0, end);
    super_users.remove_prefix(end == std::string_view::npos ? super_users.size() : end + 1);
    while (user.starts_with(' ')) user.remove_prefix(1);
    while (user.ends_with(' ')) user.remove_suffix(1);
    if (!user.empty()) super_users_.emplace(user);
  }
}

void Acls::replace(std::set<Acl> acls) {
  all_ = std::move(acls);
  by_type_.clear();
  for (const Acl& acl : all_) {
    OfType& rules = by_type_[acl.resource_type];
    ByName& names = acl.pattern_type == PatternType::prefixed ? rules.prefixed : rules.literal;
    names[acl.resource_name].push_back(&acl);
  }
}

void Acls::look(const std::vector<const Acl*>& rules, const Session& session, AclOperation operation,
                Verdict& verdict) {
  for (const Acl* acl : rules) {
    verdict.any_rule = true;
    if (!is_about(*acl, session)) continue;
    if (acl->permission == Permission::deny) {
      if (acl->operation == operation || acl->operation == AclOperation::all) verdict.denied = true;
    } else if (grants(acl->operation, operation)) {
      verdict.allowed = true;
    }
  }
}

bool Acls::allows(const Session& session, AclOperation operation, ResourceType type,
                  std::string_view name) const {
  if (!enabled_ || super_users_.contains(to_string(session.principal))) return true;
  Verdict verdict;
  if (const auto rules = by_type_.find(type); rules != by_type_.end()) {
    const OfType& of_type = rules->second;
    for (const std::string_view literal : {name, everything}) {
      const auto found = of_type.literal.find(literal);
      if (found != of_type.literal.end()) look(found->second, session, operation, verdict);
      if (name == everything) break;
    }
    for (std::size_t size = 1; !of_type.prefixed.empty() && size <= name.size(); ++size) {
      const auto found = of_type.prefixed.find(name.substr(0, size));
      if (found != of_type.prefixed.end()) look(found->second, session, operation, verdict);
    }
  }
  if (verdict.denied) return false;
  return verdict.allowed || (!verdict.any_rule && allow_without_rule_);
}

bool Acls::allows_any(const Session& session, AclOperation operation, ResourceType type) const {
  if (!enabled_ || super_users_.contains(to_string(session.principal))) return true;
  const auto concerns = [&](const Acl& acl) {
    return is_about(acl, session) && (acl.operation == operation || acl.operation == AclOperation::all);
  };
  const auto rules = by_type_.find(type);
  if (rules == by_type_.end()) return allow_without_rule_;
  std::set<std::string, std::less<>> denied_names, denied_prefixes;
  for (const auto& [name, acls] : rules->second.literal) {
    for (const Acl* acl : acls)
      if (acl->permission == Permission::deny && concerns(*acl)) denied_names.insert(name);
  }
  for (const auto& [name, acls] : rules->second.prefixed) {
    for (const Acl* acl : acls)
      if (acl->permission == Permission::deny && concerns(*acl)) denied_prefixes.insert(name);
  }
  if (denied_names.contains(everything)) return false;
  if (allow_without_rule_) return true;
  const auto is_denied = [&](std::string_view name) {
    return std::ranges::any_of(denied_prefixes, [&](const auto& prefix) { return name.starts_with(prefix); });
  };
  const auto allowed_in = [&](const ByName& names, bool literal) {
    for (const auto& [name, acls] : names) {
      const bool allowed = std::ranges::any_of(
          acls, [&](const Acl* acl) { return acl->permission == Permission::allow && concerns(*acl); });
      if (!allowed) continue;
      if (literal && name == everything) return true;
      if (!(literal && denied_names.contains(name)) && !is_denied(name)) return true;
    }
    return false;
  };
  return allowed_in(rules->second.literal, true) || allowed_in(rules->second.prefixed, false);
}

}  // namespace sluice::broker
