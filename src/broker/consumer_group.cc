#include "broker/consumer_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "broker/name_pattern.h"
#include "broker/reconcile.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
constexpr std::int64_t regex_refresh_ms_min = 10'000;  // Kafka's: no more often than this

HeartbeatAnswer refused(ErrorCode error, std::string message) {
  HeartbeatAnswer answer;
  answer.error = error;
  answer.message = std::move(message);
  return answer;
}

}  // namespace

// ---- who is let in ----

std::optional<HeartbeatAnswer> ConsumerGroup::refusal(const HeartbeatRequest& request) const {
  const auto at = members_.find(request.member_id);
  const std::int64_t members_max = host_.settings(id_).members_max;
  if (request.epoch >= 0 && at == members_.end() && std::ssize(members_) >= members_max) {
    return refused(
        ErrorCode::group_max_size_reached,
        fmt::format("member '{}' was not taken: group '{}' has {} members, and no more are allowed",
                    request.member_id, id_, members_.size()));
  }
  if (auto no = request.instance_id ? refuse_static(request) : refuse_dynamic(request)) return no;
  return refuse_pattern(request);
}

std::optional<HeartbeatAnswer> ConsumerGroup::refuse_pattern(const HeartbeatRequest& request) const {
  if (request.epoch < 0 || !request.regex || request.regex->empty() || subscriber_count(*request.regex) > 0)
    return std::nullopt;
  const auto compiled = NamePattern::compile(*request.regex);
  if (compiled) return std::nullopt;
  return refused(ErrorCode::invalid_regular_expression,
                 fmt::format("SubscribedTopicRegex `{}` is not a valid regular expression: {}.",
                             *request.regex, compiled.error().message));
}

std::optional<HeartbeatAnswer> ConsumerGroup::refuse_dynamic(const HeartbeatRequest& request) const {
  const auto at = members_.find(request.member_id);
  if (at != members_.end()) return refuse_epoch(at->second, request);
  if (request.epoch == 0) return std::nullopt;
  return refused(ErrorCode::unknown_member_id,
                 fmt::format("Member {} is not a member of group {}.", request.member_id, id_));
}

std::optional<HeartbeatAnswer> ConsumerGroup::refuse_static(const HeartbeatRequest& request) const {
  const std::string* holder = static_member(request.instance_id);
  if (holder == nullptr) {
    if (request.epoch == 0) return std::nullopt;
    return refused(ErrorCode::unknown_member_id,
                   fmt::format("Instance id {} is unknown.", *request.instance_id));
  }
  const Member& member = members_.at(*holder);
  if (request.epoch == 0) {
    if (member.metadata.classic || member.current.epoch == static_leave_epoch) return std::nullopt;
    return refused(ErrorCode::unreleased_instance_id,
                   fmt::format("Static member {} with instance id {} cannot join the group because the "
                               "instance id is owned by {} member.",
                               request.member_id, *request.instance_id, *holder));
  }
  if (*holder != request.member_id) {
    return refused(ErrorCode::fenced_instance_id,
                   fmt::format("Static member {} with instance id {} was fenced by member {}.",
                               request.member_id, *request.instance_id, *holder));
  }
  return refuse_epoch(member, request);
}

std::optional<HeartbeatAnswer> ConsumerGroup::refuse_epoch(const Member& member,
                                                           const HeartbeatRequest& request) const {
  const CurrentAssignment& current = member.current;
  if (request.epoch <= 0 || request.epoch == current.epoch) return std::nullopt;
  // The answer that raised the epoch may have been lost: then the member still holds no more than it may.
  if (request.epoch < current.epoch && request.epoch == current.previous_epoch && request.owned &&
      is_subset(*request.owned, current.assigned))
    return std::nullopt;
  return refused(
      ErrorCode::fenced_member_epoch,
      fmt::format("The consumer group member has a {} member epoch ({}) than the one known by the "
                  "group coordinator ({}). The member must abandon all its partitions and rejoin.",
                  request.epoch > current.epoch ? "greater" : "smaller", request.epoch, current.epoch));
}

// ---- one heartbeat ----

void ConsumerGroup::heartbeat(HeartbeatRequest request, HeartbeatReply reply) {
  if (auto no = refusal(request)) return reply(std::move(*no));
  if (request.epoch < 0) return leave_by_heartbeat(request, std::move(reply));
  const std::string id = request.member_id.empty() ? host_.new_member_id() : request.member_id;
  if (const std::string* holder = static_member(request.instance_id); holder != nullptr && *holder != id)
    replace_static_member(std::string(*holder), id);
  const auto known = members_.find(id);
  const HeldPartitions held = known == members_.end() ? HeldPartitions{} : known->second.current.assigned;
  MemberMetadata updated = known == members_.end() ? MemberMetadata{} : known->second.metadata;
  const bool full = request.rebalance_timeout_ms != -1 && (request.topics || request.regex) && request.owned;
  updated.client_id = std::move(request.client_id);
  updated.client_host = std::move(request.client_host);
  updated.classic.reset();
  if (request.instance_id) updated.instance_id = std::move(request.instance_id);
  if (request.rack_id) updated.rack_id = std::move(request.rack_id);
  if (request.rebalance_timeout_ms != -1) updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
  if (request.topics) updated.topics = std::move(*request.topics);
  if (request.regex) updated.regex = std::move(*request.regex);
  if (request.assignor) updated.assignor = std::move(request.assignor);
  const SubscriptionChange change = update_metadata(id, std::move(updated));
  const bool topics_changed = refresh_regexes(request.may_describe);
  refresh_topics(change.counts || topics_changed);
  refresh_target();
  if (!reconcile_member(id, change.any, request.owned)) {
    return flush([reply = std::move(reply)](ErrorCode) {
      reply(refused(ErrorCode::fenced_member_epoch,
                    "The consumer group member is in an unknown state. The "
                    "member must abandon all its partitions and rejoin."));
    });
  }
  begin_session(id);
  const CurrentAssignment& current = members_.at(id).current;
  HeartbeatAnswer answer;
  answer.member_id = id;
  answer.epoch = current.epoch;
  answer.heartbeat_interval_ms = host_.settings(id_).heartbeat_interval_ms;
  if (request.epoch == 0 || full || held != current.assigned) {
    auto& assignment = answer.assignment.emplace();
    for (const auto& [topic, partitions] : current.assigned)
      for (const auto& [partition, since] : partitions) assignment[topic].insert(partition);
  }
  flush([answer = std::move(answer), reply = std::move(reply)](ErrorCode error) mutable {
    reply(error == ErrorCode::none ? std::move(answer) : refused(error, "the group's state is not durable"));
  });
}

// The new member takes the old one's place: its subscription, and what it was to have. Partitions are free
// for it, since who goes with epoch -2, or speaks the classic protocol, has given up all or will join again.
void ConsumerGroup::replace_static_member(const std::string& old_id, const std::string& new_id) {
  Member member = members_.at(old_id);
  TopicPartitions target = target_of(old_id);
  emit(CurrentAssignmentRecord{old_id, std::nullopt});
  emit(TargetMemberRecord{old_id, std::nullopt});
  emit(MemberMetadataRecord{old_id, std::nullopt});
  cancel_timers(old_id);
  member.current.epoch = 0;
  member.current.previous_epoch = 0;
  emit(MemberMetadataRecord{new_id, std::move(member.metadata)});
  emit(TargetMemberRecord{new_id, std::move(target)});
  emit(CurrentAssignmentRecord{new_id, std::move(member.current)});
}

ConsumerGroup::SubscriptionChange ConsumerGroup::update_metadata(const std::string& member_id,
                                                                 MemberMetadata updated) {
  const auto known = members_.find(member_id);
  const MemberMetadata old = known == members_.end() ? MemberMetadata{} : known->second.metadata;
  if (known != members_.end() && old == updated) return {};
  const bool topics_changed = old.topics != updated.topics;
  const bool regex_changed = old.regex != updated.regex;
  const bool means_something = updated.regex.empty() || regexes_.contains(updated.regex);
  emit(MemberMetadataRecord{member_id, std::move(updated)});
  if (regex_changed) forget_regex_unless_used(old.regex);
  return {.any = topics_changed || regex_changed,
          .counts = topics_changed || (regex_changed && means_something)};
}

void ConsumerGroup::forget_regex_unless_used(const std::string& regex) {
  if (!regex.empty() && subscriber_count(regex) == 0 && regexes_.contains(regex))
    emit(RegexRecord{regex, std::nullopt});
}

/// Finds out which topics the patterns mean, where that is not known, or may have changed since. Whether one
/// means others now.
bool ConsumerGroup::refresh_regexes(const std::function<bool(const std::string&)>& may_describe) {
  std::set<std::string> subscribed;
  for (const auto& [id, member] : members_)
    if (!member.metadata.regex.empty()) subscribed.insert(member.metadata.regex);
  if (subscribed.empty()) return false;
  const std::int64_t now_ms = host_.wall_ms();
  bool all = false;
  if (!regexes_.empty()) {
    const auto by_version = [](const auto& entry) { return entry.second.version; };
    const auto by_time = [](const auto& entry) { return entry.second.timestamp_ms; };
    const std::int64_t version = std::ranges::min_element(regexes_, {}, by_version)->second.version;
    const std::int64_t oldest_ms =
        now_ms - std::ranges::min_element(regexes_, {}, by_time)->second.timestamp_ms;
    const std::int64_t newest_ms =
        now_ms - std::ranges::max_element(regexes_, {}, by_time)->second.timestamp_ms;
    const bool outdated = version < host_.topic_made_version() ||
                          oldest_ms > host_.settings(id_).regex_refresh_interval_ms || newest_ms < 0;
    all = outdated && (newest_ms > regex_refresh_ms_min || newest_ms < 0);
  }
  std::erase_if(subscribed, [&](const std::string& regex) { return !all && regexes_.contains(regex); });
  if (subscribed.empty()) return false;
  const std::vector<std::string> names = host_.topic_names();
  bool changed = false;
  for (const std::string& regex : subscribed) {
    ResolvedRegex resolved{{}, host_.topics_version(), now_ms};
    if (const auto compiled = NamePattern::compile(regex)) {
      for (const std::string& name : names)
        if (compiled->matches(name) && (!may_describe || may_describe(name))) resolved.topics.insert(name);
    }
    const auto known = regexes_.find(regex);
    changed |= known == regexes_.end() ? !resolved.topics.empty() : known->second.topics != resolved.topics;
    emit(RegexRecord{regex, std::move(resolved)});
  }
  return changed;
}

/// Raises the group's epoch where members subscribe to something else, or where the topics did change.
void ConsumerGroup::refresh_topics(bool changed) {
  if (!changed && topics_version_ == host_.topics_version()) return;
  topics_version_ = host_.topics_version();
  const std::uint64_t hash = metadata_hash();
  if (changed || hash != epoch_.metadata_hash)
    emit(GroupEpochRecord{GroupEpochRecord::Value{epoch_.epoch + 1, hash}});
  if (partition_metadata_there_) emit(PartitionMetadataRecord{});
}

/// A new target assignment, where the group's epoch has grown and the last one is old enough.
void ConsumerGroup::refresh_target() {
  if (target_epoch_.epoch >= epoch_.epoch) return;
  const std::int64_t age_ms = host_.wall_ms() - target_epoch_.timestamp_ms;
  if (target_epoch_.timestamp_ms != 0 && age_ms >= 0 && age_ms < host_.settings(id_).assignment_interval_ms)
    return;
  AssignmentInput input;
  for (const auto& [id, member] : members_) {
    AssignedMember& in = input.members[id];
    in.instance_id = member.metadata.instance_id;
    in.before = target_of(id);
    for (const std::string& name : topics_of(member.metadata)) {
      const auto topic = host_.topic(name);
      if (!topic) continue;
      in.topics.insert(topic->id);
      input.partition_counts[topic->id] = topic->partition_count;
    }
  }
  for (auto& [id, target] : assign(preferred_assignor(), input)) {
    const auto before = targets_.find(id);
    if (before == targets_.end() || before->second != target) emit(TargetMemberRecord{id, std::move(target)});
  }
  emit(TargetEpochRecord{TargetEpochRecord::Value{epoch_.epoch, host_.wall_ms()}});
}

/// False where the member has to be fenced.
bool ConsumerGroup::reconcile_member(const std::string& member_id, bool subscription_changed,
                                     const std::optional<TopicPartitions>& owned) {
  const Member& member = members_.at(member_id);
  if (!subscription_changed && member.current.is_reconciled_to(target_epoch_.epoch)) return true;
  const std::set<Uuid> subscribed = topic_ids_of(member.metadata);
  auto next = reconcile(member.current,
                        {target_epoch_.epoch, target_of(member_id), subscribed, subscription_changed, owned,
                         [this](Uuid topic, std::int32_t partition) { return is_held(topic, partition); }});
  if (!next) return false;
  if (*next == member.current) return true;
  const bool classic = member.metadata.classic.has_value();
  const std::int64_t timeout_ms = member.metadata.rebalance_timeout_ms;
  const MemberState state = next->state;
  emit(CurrentAssignmentRecord{member_id, std::move(*next)});
  if (classic) return true;  // it has its join and sync timers
  if (state == MemberState::unrevoked_partitions) {
    arm(&Timers::rebalance, member_id, timeout_ms);
  } else {
    disarm(&Timers::rebalance, member_id);
  }
  return true;
}

// ---- leaving ----

void ConsumerGroup::leave_by_heartbeat(const HeartbeatRequest& request, HeartbeatReply reply) {
  HeartbeatAnswer answer;
  answer.member_id = request.member_id;
  answer.epoch = request.epoch;
  const auto done = [answer = std::move(answer), reply = std::move(reply)](ErrorCode error) {
    reply(error == ErrorCode::none ? answer : refused(error, "the group's state is not durable"));
  };
  if (request.epoch == leave_epoch || !request.instance_id) return fence({request.member_id}, done);
  // It will come back before its session is over: its place and its target stay.
  CurrentAssignment away = members_.at(request.member_id).current;
  away.epoch = static_leave_epoch;
  away.pending_revocation.clear();
  for (auto& [topic, partitions] : away.assigned)
    for (auto& [partition, since] : partitions) since = 0;
  emit(CurrentAssignmentRecord{request.member_id, std::move(away)});
  disarm(&Timers::rebalance, request.member_id);
  flush(done);
}

void ConsumerGroup::fence(const std::set<std::string>& member_ids, std::function<void(ErrorCode)> done) {
  if (member_ids.empty()) return flush(std::move(done));
  if (downgrades_without(member_ids)) return host_.downgrade(*this, member_ids, true, std::move(done));
  std::set<std::string> regexes;
  for (const std::string& id : member_ids) {
    regexes.insert(members_.at(id).metadata.regex);
    emit(CurrentAssignmentRecord{id, std::nullopt});
    emit(TargetMemberRecord{id, std::nullopt});
    emit(MemberMetadataRecord{id, std::nullopt});
    cancel_timers(id);
  }
  for (const std::string& regex : regexes) forget_regex_unless_used(regex);
  emit(GroupEpochRecord{GroupEpochRecord::Value{epoch_.epoch + 1, metadata_hash()}});
  flush(std::move(done));
}

/// Whether only members of the classic protocol stay, and they may go on as a classic group.
bool ConsumerGroup::downgrades_without(const std::set<std::string>& member_ids) const {
  const std::size_t staying = members_.size() - member_ids.size();
  std::size_t classic_leaving = 0;
  for (const std::string& id : member_ids)
    if (members_.at(id).metadata.classic) ++classic_leaving;
  if (staying == 0 || classic_count() - classic_leaving != staying) return false;
  const ConsumerGroupSettings settings = host_.settings(id_);
  return settings.downgrade_allowed && static_cast<std::int64_t>(staying) <= settings.classic_members_max;
}

// ---- records on their way ----

void ConsumerGroup::emit(ConsumerGroupRecord record) {
  apply(record);
  unwritten_.push_back(std::move(record));
}

void ConsumerGroup::prime(std::vector<ConsumerGroupRecord> records) {
  for (ConsumerGroupRecord& record : records) emit(std::move(record));
}

void ConsumerGroup::flush(std::function<void(ErrorCode)> done) {
  host_.write(id_, std::exchange(unwritten_, {}), std::move(done));
}

}  // namespace sluice::broker
