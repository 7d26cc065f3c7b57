// Members of a consumer group that speak the classic protocol: JoinGroup is a heartbeat with a subscription,
// SyncGroup asks for what the member holds, and REBALANCE_IN_PROGRESS makes it join again.
#include <algorithm>

#include "broker/consumer_group.h"
#include "broker/consumer_protocol.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

JoinAnswer refused(ErrorCode error, std::string member_id) {
  JoinAnswer answer;
  answer.error = error;
  answer.member_id = std::move(member_id);
  return answer;
}

SyncAnswer sync_refused(ErrorCode error) {
  SyncAnswer answer;
  answer.error = error;
  return answer;
}

}  // namespace

/// Whether the member offers a protocol that all members of the classic protocol have.
bool ConsumerGroup::supports_classic(const JoinRequest& request) const {
  if (request.protocol_type != consumer_protocol_type || request.protocols.empty()) return false;
  return std::ranges::any_of(request.protocols, [&](const GroupProtocol& offered) {
    return std::ranges::all_of(members_, [&](const auto& entry) {
      const auto& classic = entry.second.metadata.classic;
      return !classic || std::ranges::find(classic->protocols, offered.name, &GroupProtocol::name) !=
                             classic->protocols.end();
    });
  });
}

/// Gives the request a member id where it has none, and lets the member in, or not.
ErrorCode ConsumerGroup::admit_classic(JoinRequest& request, bool was_unknown) {
  if (!members_.contains(request.member_id) && std::ssize(members_) >= host_.settings(id_).members_max)
    return ErrorCode::group_max_size_reached;
  if (!supports_classic(request)) return ErrorCode::inconsistent_group_protocol;
  if (was_unknown && !request.instance_id && request.member_id_required) return ErrorCode::member_id_required;
  if (!request.instance_id || was_unknown) return ErrorCode::none;
  const std::string* holder = static_member(request.instance_id);
  if (holder == nullptr) return ErrorCode::unknown_member_id;
  return *holder == request.member_id ? ErrorCode::none : ErrorCode::fenced_instance_id;
}

void ConsumerGroup::join(JoinRequest request, JoinReply reply) {
  const bool was_unknown = request.member_id.empty();
  if (was_unknown) request.member_id = host_.new_member_id();
  const std::string id = request.member_id;
  if (const ErrorCode error = admit_classic(request, was_unknown); error != ErrorCode::none)
    return reply(refused(error, error == ErrorCode::member_id_required ? id : ""));
  const auto subscription = parse_subscription(request.protocols.front().metadata);
  if (!subscription) return reply(refused(ErrorCode::inconsistent_group_protocol, ""));
  const std::string* holder = static_member(request.instance_id);
  const bool downgrade =
      holder != nullptr && !members_.at(*holder).metadata.classic && downgrades_without({*holder});
  const bool alone = holder != nullptr && members_.size() == 1 && !members_.at(*holder).metadata.classic &&
                     host_.settings(id_).downgrade_allowed;  // none stays but the one that takes the place
  if (holder != nullptr && *holder != id) replace_static_member(std::string(*holder), id);
  const auto known = members_.find(id);
  MemberMetadata updated = known == members_.end() ? MemberMetadata{} : known->second.metadata;
  updated.client_id = std::move(request.client_id);
  updated.client_host = std::move(request.client_host);
  if (request.instance_id) updated.instance_id = std::move(request.instance_id);
  if (subscription->rack_id) updated.rack_id = subscription->rack_id;
  if (request.rebalance_timeout_ms != -1) updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
  updated.topics = {subscription->topics.begin(), subscription->topics.end()};
  updated.regex.clear();
  updated.classic = ClassicMembership{request.session_timeout_ms, std::move(request.protocols)};
  const SubscriptionChange change = update_metadata(id, std::move(updated));
  refresh_topics(change.counts);
  if (downgrade || alone) {
    const bool rebalance = target_epoch_.epoch < epoch_.epoch;
    const std::string protocol = members_.at(id).metadata.classic->protocols.front().name;
    const std::int32_t generation = epoch_.epoch;
    return host_.downgrade(*this, {}, rebalance, [id, protocol, generation, reply](ErrorCode error) {
      if (error != ErrorCode::none) return reply(refused(error, id));
      JoinAnswer answer;
      answer.generation = generation;
      answer.protocol_type = consumer_protocol_type;
      answer.protocol = protocol;
      answer.member_id = id;
      reply(std::move(answer));
    });
  }
  refresh_target();
  TopicPartitions owned;
  for (const auto& [name, partitions] : subscription->owned)
    if (const auto topic = host_.topic(name); topic && !partitions.empty())
      owned[topic->id].insert(partitions.begin(), partitions.end());
  reconcile_member(id, change.any, owned);
  answer_join(id, std::move(reply));
}

void ConsumerGroup::answer_join(const std::string& member_id, JoinReply reply) {
  const Member& member = members_.at(member_id);
  JoinAnswer answer;
  answer.generation = member.current.epoch;
  answer.protocol_type = consumer_protocol_type;
  answer.protocol = member.metadata.classic->protocols.front().name;
  answer.member_id = member_id;
  begin_session(member_id);
  disarm(&Timers::join, member_id);
  arm(&Timers::sync, member_id, member.metadata.rebalance_timeout_ms);
  flush([answer = std::move(answer), reply = std::move(reply)](ErrorCode error) mutable {
    reply(error == ErrorCode::none ? std::move(answer) : refused(error, answer.member_id));
  });
}

ErrorCode ConsumerGroup::check_classic(const std::string& member_id,
                                       const std::optional<std::string>& instance_id,
                                       std::int32_t generation) const {
  if (instance_id) {
    const std::string* holder = static_member(instance_id);
    if (holder == nullptr) return ErrorCode::unknown_member_id;
    if (*holder != member_id) return ErrorCode::fenced_instance_id;
  }
  const auto at = members_.find(member_id);
  if (at == members_.end() || !at->second.metadata.classic) return ErrorCode::unknown_member_id;
  return generation == at->second.current.epoch ? ErrorCode::none : ErrorCode::illegal_generation;
}

void ConsumerGroup::sync(const SyncRequest& request, SyncReply reply) {
  if (const ErrorCode error = check_classic(request.member_id, request.instance_id, request.generation);
      error != ErrorCode::none)
    return reply(sync_refused(error));
  const Member& member = members_.at(request.member_id);
  const GroupProtocol& protocol = member.metadata.classic->protocols.front();
  if ((request.protocol_type && *request.protocol_type != consumer_protocol_type) ||
      (request.protocol && *request.protocol != protocol.name))
    return reply(sync_refused(ErrorCode::inconsistent_group_protocol));
  if (target_epoch_.epoch > member.current.epoch &&
      member.current.state != MemberState::unrevoked_partitions) {
    arm(&Timers::join, request.member_id, member.metadata.rebalance_timeout_ms);
    return reply(sync_refused(ErrorCode::rebalance_in_progress));
  }
  disarm(&Timers::sync, request.member_id);
  begin_session(request.member_id);
  NamedPartitions partitions;
  for (const auto& [id, held] : member.current.assigned) {
    const auto topic = host_.topic(id);
    if (!topic) continue;
    for (const auto& [partition, since] : held) partitions[topic->name].push_back(partition);
  }
  const auto subscription = parse_subscription(protocol.metadata);
  SyncAnswer answer;
  answer.protocol_type = request.protocol_type;
  answer.protocol = request.protocol;
  answer.assignment = encode_assignment(partitions, subscription ? subscription->version : std::int16_t{0});
  flush([answer = std::move(answer), reply = std::move(reply)](ErrorCode error) mutable {
    reply(error == ErrorCode::none ? std::move(answer) : sync_refused(error));
  });
}

/// Whether what the member still lacks is held by others: then joining again would bring nothing.
bool ConsumerGroup::waits_for_others(const std::string& member_id) const {
  const CurrentAssignment& current = members_.at(member_id).current;
  for (const auto& [topic, partitions] : target_of(member_id)) {
    const auto held = current.assigned.find(topic);
    for (const std::int32_t partition : partitions) {
      const bool its_own = held != current.assigned.end() && held->second.contains(partition);
      if (!its_own && is_held(topic, partition)) return true;
    }
  }
  return false;
}

ErrorCode ConsumerGroup::classic_heartbeat(const std::string& member_id,
                                           const std::optional<std::string>& instance_id,
                                           std::int32_t generation) {
  if (const ErrorCode error = check_classic(member_id, instance_id, generation); error != ErrorCode::none)
    return error;
  begin_session(member_id);
  const Member& member = members_.at(member_id);
  const MemberState state = member.current.state;
  // The last heartbeat may have been before topics changed: nobody else might tell the group.
  refresh_topics(false);
  refresh_target();
  const bool must_join = member.current.epoch < target_epoch_.epoch ||
                         state == MemberState::unrevoked_partitions ||
                         (state == MemberState::unreleased_partitions && !waits_for_others(member_id));
  if (must_join) arm(&Timers::join, member_id, member.metadata.rebalance_timeout_ms);
  if (!unwritten_.empty()) flush([](ErrorCode) {});
  return must_join ? ErrorCode::rebalance_in_progress : ErrorCode::none;
}

void ConsumerGroup::leave(const std::vector<LeavingMember>& leaving,
                          std::function<void(std::vector<ErrorCode>)> reply) {
  std::vector<ErrorCode> errors;
  std::set<std::string> valid;
  for (const LeavingMember& member : leaving) {
    const std::string* holder = static_member(member.instance_id);
    ErrorCode error = ErrorCode::none;
    if (member.instance_id) {
      if (holder == nullptr) {
        error = ErrorCode::unknown_member_id;
      } else if (!member.member_id.empty() && *holder != member.member_id) {
        error = ErrorCode::fenced_instance_id;
      } else {
        valid.insert(*holder);
      }
    } else if (members_.contains(member.member_id)) {
      valid.insert(member.member_id);
    } else {
      error = ErrorCode::unknown_member_id;
    }
    errors.push_back(error);
  }
  fence(valid, [errors = std::move(errors), reply = std::move(reply)](ErrorCode failed) mutable {
    for (ErrorCode& error : errors)
      if (error == ErrorCode::none) error = failed;
    reply(std::move(errors));
  });
}

}  // namespace sluice::broker
