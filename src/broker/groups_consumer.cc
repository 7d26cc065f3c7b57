// The consumer groups among the groups: how they are kept, and how classic groups and they become each other.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "broker/consumer_group_records.h"
#include "broker/consumer_protocol.h"
#include "broker/groups.h"
#include "broker/kafka_error.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

std::int16_t key_version(const Bytes& key) {
  return key.size() < sizeof(std::int16_t) ? std::int16_t{-1} : load_be<std::int16_t>(key.data());
}

/// A consumer group's keys, in the order in which readers let its records be taken away: what a member holds,
/// its target, the target's epoch, itself; the group last.
constexpr std::array<std::int16_t, 7> removal_order{8, 7, 6, 5, 4, 16, 3};

HeartbeatAnswer not_found(std::string message) {
  HeartbeatAnswer answer;
  answer.error = ErrorCode::group_id_not_found;
  answer.message = std::move(message);
  return answer;
}

}  // namespace

// ---- questions about a group of either kind ----

bool Groups::Entry::empty() const {
  return classic != nullptr ? classic->state() == GroupState::empty : consumer->empty();
}

std::string_view Groups::Entry::state_name() const {
  return classic != nullptr ? name(classic->state()) : consumer->state_name();
}

std::string_view Groups::Entry::protocol_type() const {
  return classic != nullptr ? std::string_view(classic->protocol_type()) : consumer_protocol_type;
}

bool Groups::Entry::is_subscribed_to(const std::string& topic) const {
  return classic != nullptr ? classic->is_subscribed_to(topic) : consumer->is_subscribed_to(topic);
}

ErrorCode Groups::check_commit(const std::string& group_id, const Committer& committer,
                               const CommittedPartitions& partitions) {
  constexpr std::int16_t epoch_version_min = 9;
  Entry* entry = find(group_id);
  if (entry == nullptr) {
    if (committer.generation < 0) return ErrorCode::none;
    return committer.transactional || committer.version < epoch_version_min ? ErrorCode::illegal_generation
                                                                            : ErrorCode::group_id_not_found;
  }
  if (entry->consumer != nullptr) return entry->consumer->check_commit(committer, partitions);
  Group& group = *entry->classic;
  return committer.transactional
             ? group.check_pending_commit(committer.member_id, committer.instance_id, committer.generation)
             : group.check_commit(committer.member_id, committer.instance_id, committer.generation);
}

// ---- what consumer groups ask for ----

ConsumerGroupSettings Groups::settings(const std::string& group_id) {
  const auto number = [this](std::string_view name) {
    return static_cast<std::int32_t>(config_.number(name));
  };
  const auto own = [&](std::string_view name) {
    if (!group_number_) return number(fmt::format("group.{}", name));
    return static_cast<std::int32_t>(group_number_(group_id, name));
  };
  ConsumerGroupSettings out;
  out.assignors.clear();
  const std::string assignors = config_.value("group.consumer.assignors").value_or("");
  for (std::string_view rest = assignors; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    if (const auto found = find_assignor(rest.substr(0, comma))) out.assignors.push_back(*found);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  out.members_max = number("group.consumer.max.size");
  out.session_timeout_ms = own("consumer.session.timeout.ms");
  out.heartbeat_interval_ms = own("consumer.heartbeat.interval.ms");
  out.assignment_interval_ms = own("consumer.assignment.interval.ms");
  out.regex_refresh_interval_ms = number("group.consumer.regex.refresh.interval.ms");
  const std::string policy = config_.value("group.consumer.migration.policy").value_or("");
  out.upgrade_allowed = policy == "bidirectional" || policy == "upgrade";
  out.downgrade_allowed = policy == "bidirectional" || policy == "downgrade";
  out.classic_members_max = limits_.members_max;
  return out;
}

std::optional<TopicFacts> Groups::topic(std::string_view name) {
  const Topic* topic = topics_.find(name);
  if (topic == nullptr) return std::nullopt;
  return TopicFacts{topic->id, topic->name, static_cast<std::int32_t>(topic->partitions.size())};
}

std::optional<TopicFacts> Groups::topic(Uuid id) {
  const Topic* topic = topics_.find(id);
  if (topic == nullptr) return std::nullopt;
  return TopicFacts{topic->id, topic->name, static_cast<std::int32_t>(topic->partitions.size())};
}

std::vector<std::string> Groups::topic_names() {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics_.all()) names.push_back(name);
  return names;
}

void Groups::write(const std::string& group_id, std::vector<ConsumerGroupRecord> records,
                   std::function<void(ErrorCode)> done) {
  Entry* entry = find(group_id);
  SLUICE_ASSERT(entry != nullptr);
  std::vector<GroupRecord> encoded = std::exchange(entry->before_next, {});
  for (const ConsumerGroupRecord& record : records) encoded.push_back(encode(group_id, record));
  if (!encoded.empty()) {
    const bool written = append(group_id, std::move(encoded), std::move(done));
    if (!written) return reload(group_id);
    if (Entry* now = find(group_id)) now->persisted.reset();  // of the classic group that it was
    return;
  }
  // The answer rests on what was written before it.
  const PartitionPtr partition = partition_of(group_id);
  if (partition == nullptr || partition->log() == nullptr) return done(ErrorCode::not_coordinator);
  partition->when_durable(partition->log()->log_end_offset(),
                          [weak = std::weak_ptr(alive_), done = std::move(done)](ErrorCode error) {
                            if (weak.expired()) return;
                            done(error == ErrorCode::none ? error : ErrorCode::coordinator_not_available);
                          });
}

// ---- what is kept ----

/// Notes which records of consumer groups the log has.
void Groups::keep(const std::string& group_id, const std::vector<GroupRecord>& records) {
  Entry* entry = find(group_id);
  if (entry == nullptr) return;
  for (const GroupRecord& record : records) {
    if (std::ranges::find(removal_order, key_version(record.key)) == removal_order.end()) continue;
    if (record.value) {
      entry->records[record.key] = *record.value;
    } else {
      entry->records.erase(record.key);
    }
  }
}

/// While loading: false where the record is of another kind.
Result<bool> Groups::apply_consumer(BytesView key, const std::optional<BytesView>& value) {
  const auto change = SLUICE_TRY(parse_consumer_group_record(key, value));
  if (!change) return false;
  if (value) {
    get(change->group).records[to_owned(key)] = to_owned(*value);
  } else if (const auto at = entries_.find(change->group); at != entries_.end()) {
    at->second.records.erase(to_owned(key));
    if (at->second.records.empty() && at->second.offsets.empty() && !loading_.contains(at->first))
      entries_.erase(at);
  }
  return true;
}

std::unique_ptr<ConsumerGroup> Groups::restore_consumer(const std::string& group_id, const Entry& entry) {
  auto group = std::make_unique<ConsumerGroup>(group_id, *this);
  for (const auto& [key, value] : entry.records) {
    if (const auto change = parse_consumer_group_record(key, BytesView(value)); change && *change)
      group->apply((*change)->record);
  }
  group->start();
  return group;
}

void Groups::bury(Entry& entry, ErrorCode error) {
  if (entry.classic != nullptr) {
    entry.classic->kill(error);
    buried_classic_.push_back(std::move(entry.classic));
  }
  if (entry.consumer != nullptr) {
    entry.consumer->retire();
    buried_consumer_.push_back(std::move(entry.consumer));
  }
  if (buried_classic_.size() + buried_consumer_.size() > 1) return;
  loop_.after(env::Duration::zero(), [this, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    buried_classic_.clear();
    buried_consumer_.clear();
  });
}

void Groups::reload(const std::string& group_id) {
  Entry* entry = find(group_id);
  if (entry == nullptr) return;
  bury(*entry, ErrorCode::coordinator_not_available);
  entry->before_next.clear();
  if (!entry->records.empty()) {
    entry->consumer = restore_consumer(group_id, *entry);
  } else if (entry->persisted) {
    entry->classic = std::make_unique<Group>(group_id, *this, limits_);
    entry->classic->restore(*entry->persisted);
  } else if (entry->offsets.empty()) {
    entries_.erase(group_id);
  } else {
    get(group_id);
  }
}

std::vector<GroupRecord> Groups::consumer_tombstones(const Entry& entry) {
  std::vector<GroupRecord> out;
  for (const std::int16_t version : removal_order)
    for (const auto& [key, value] : entry.records)
      if (key_version(key) == version) out.push_back({key, std::nullopt});
  return out;
}

void Groups::unused(const std::string& group_id) {
  loop_.after(env::Duration::zero(), [this, group_id, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    const auto at = entries_.find(group_id);
    if (at == entries_.end() || at->second.classic == nullptr) return;
    const Group& group = *at->second.classic;
    if (group.state() == GroupState::empty && group.generation() == 0 && group.pending_count() == 0 &&
        at->second.offsets.empty() && !at->second.persisted)
      entries_.erase(at);
  });
}

// ---- from one kind to the other ----

void Groups::join(const std::string& group_id, JoinRequest request, JoinReply reply) {
  Entry* entry = find(group_id);
  const auto refuse = [&](ErrorCode error) {
    JoinAnswer answer;
    answer.error = error;
    answer.member_id = request.member_id;
    reply(std::move(answer));
  };
  if (entry != nullptr && entry->consumer != nullptr && !entry->empty()) {
    const ConsumerGroupSettings now = settings(group_id);
    if (!now.upgrade_allowed && !now.downgrade_allowed) return refuse(ErrorCode::inconsistent_group_protocol);
    return entry->consumer->join(std::move(request), std::move(reply));
  }
  if (entry == nullptr && !request.member_id.empty()) return refuse(ErrorCode::unknown_member_id);
  if (entry != nullptr && entry->consumer != nullptr) {
    std::vector<GroupRecord> gone = consumer_tombstones(*entry);
    bury(*entry, ErrorCode::none);
    get(group_id);
    if (!gone.empty() && !append(group_id, std::move(gone), [](ErrorCode) {})) {
      reload(group_id);
      return refuse(ErrorCode::coordinator_not_available);
    }
  }
  const bool is_new = entry == nullptr;
  get(group_id).classic->join(std::move(request), std::move(reply));
  // As in Kafka the group is there, and empty, even where who made it was refused.
  if (const Entry* made = find(group_id); is_new && made != nullptr && made->empty())
    persist(group_id, [](ErrorCode) {});
}

void Groups::heartbeat(const std::string& group_id, HeartbeatRequest request, HeartbeatReply reply) {
  if (!make_ready()) {
    HeartbeatAnswer answer;
    answer.error = ErrorCode::coordinator_not_available;
    return reply(std::move(answer));
  }
  Entry* entry = find(group_id);
  if (entry != nullptr && entry->consumer != nullptr)
    return entry->consumer->heartbeat(std::move(request), std::move(reply));
  if (request.epoch != 0) {
    return reply(not_found(entry == nullptr ? fmt::format("Consumer group {} not found.", group_id)
                                            : fmt::format("Group {} is not a consumer group.", group_id)));
  }
  auto group = std::make_unique<ConsumerGroup>(group_id, *this);
  if (entry != nullptr && !entry->empty()) {
    auto records = upgrade_records(*entry->classic);
    if (!records) return reply(not_found(records.error().message));
    group->prime(std::move(*records));
  }
  if (auto no = group->refusal(request)) return reply(std::move(*no));
  Entry& into = entries_[group_id];
  if (into.classic != nullptr) {
    into.before_next.push_back(group_record(group_id, std::nullopt));
    bury(into, ErrorCode::rebalance_in_progress);
  }
  into.consumer = std::move(group);
  into.consumer->start();
  into.consumer->heartbeat(std::move(request), std::move(reply));
}

/// A classic group's members as those of a consumer group, with what they hold now.
Result<std::vector<ConsumerGroupRecord>> Groups::upgrade_records(const Group& group) {
  const auto no = [&](std::string_view why) {
    return fail(
        Code::invalid_argument,
        fmt::format("Cannot upgrade classic group {} to consumer group because {}.", group.id(), why));
  };
  const ConsumerGroupSettings now = settings(group.id());
  if (!now.upgrade_allowed) return no("online upgrade is disabled");
  if (group.protocol_type() != consumer_protocol_type)
    return no("the group does not use the consumer embedded protocol");
  if (static_cast<std::int64_t>(group.member_count()) > now.members_max)
    return no("the group size exceeds the consumer group maximum size");
  std::vector<ConsumerGroupRecord> metadata, targets, current;
  const GroupSnapshot snapshot = group.snapshot();
  const std::int32_t epoch = snapshot.generation;
  for (const GroupSnapshot::Member& member : snapshot.members) {
    const std::vector<GroupProtocol>& protocols = group.protocols_of(member.id);
    const auto subscription = parse_subscription(
        member.subscription.empty() && !protocols.empty() ? protocols.front().metadata : member.subscription);
    const auto assignment = parse_assignment(member.assignment);
    if (!subscription || !assignment) return no("the embedded consumer protocol is malformed");
    if (assignment->has_user_data) return no("an unsupported custom assignor is in use");
    MemberMetadata facts;
    facts.instance_id = member.instance_id;
    facts.rack_id = subscription->rack_id;
    facts.client_id = member.client_id;
    facts.client_host = member.client_host;
    facts.topics = {subscription->topics.begin(), subscription->topics.end()};
    facts.rebalance_timeout_ms = member.rebalance_timeout_ms;
    facts.classic = ClassicMembership{member.session_timeout_ms, protocols};
    TopicPartitions target;
    CurrentAssignment held{epoch, epoch, MemberState::stable, {}, {}};
    for (const auto& [name, partitions] : assignment->partitions) {
      const auto topic = this->topic(name);
      if (!topic || partitions.empty()) continue;
      target[topic->id].insert(partitions.begin(), partitions.end());
      for (const std::int32_t partition : partitions) held.assigned[topic->id][partition] = epoch;
    }
    metadata.push_back(MemberMetadataRecord{member.id, std::move(facts)});
    targets.push_back(TargetMemberRecord{member.id, std::move(target)});
    current.push_back(CurrentAssignmentRecord{member.id, std::move(held)});
  }
  std::vector<ConsumerGroupRecord> out = std::move(metadata);
  out.push_back(GroupEpochRecord{GroupEpochRecord::Value{epoch, 0}});
  for (ConsumerGroupRecord& record : targets) out.push_back(std::move(record));
  out.push_back(TargetEpochRecord{TargetEpochRecord::Value{epoch, 0}});
  for (ConsumerGroupRecord& record : current) out.push_back(std::move(record));
  return out;
}

void Groups::downgrade(ConsumerGroup& group, const std::set<std::string>& leaving, bool rebalance,
                       std::function<void(ErrorCode)> done) {
  const std::string id = group.id();
  Entry* entry = find(id);
  SLUICE_ASSERT(entry != nullptr && entry->consumer.get() == &group);
  GroupSnapshot snapshot;
  snapshot.protocol_type = consumer_protocol_type;
  snapshot.generation = group.epoch();
  snapshot.state_since_ms = wall_ms();
  std::map<std::string, std::vector<GroupProtocol>> protocols;
  for (const auto& [member_id, member] : group.members()) {
    if (leaving.contains(member_id)) continue;
    const MemberMetadata& facts = member.metadata;
    SLUICE_ASSERT(facts.classic);
    NamedPartitions target;
    for (const auto& [topic_id, partitions] : group.target_of(member_id))
      if (const auto topic = this->topic(topic_id))
        target[topic->name].assign(partitions.begin(), partitions.end());
    const auto subscription = parse_subscription(facts.classic->protocols.front().metadata);
    snapshot.members.push_back(
        {member_id,
         facts.instance_id,
         facts.client_id,
         facts.client_host,
         facts.rebalance_timeout_ms,
         facts.classic->session_timeout_ms,
         {},
         encode_assignment(target, subscription ? subscription->version : std::int16_t{0})});
    protocols[member_id] = facts.classic->protocols;
  }
  std::vector<GroupRecord> records = consumer_tombstones(*entry);
  bury(*entry, ErrorCode::none);
  entry->before_next.clear();
  entry->classic = std::make_unique<Group>(id, *this, limits_);
  entry->classic->adopt(std::move(snapshot), std::move(protocols));
  const GroupSnapshot adopted = entry->classic->snapshot();
  records.push_back(group_record(id, adopted));
  const bool written =
      append(id, std::move(records), [this, id, adopted, done = std::move(done)](ErrorCode error) {
        Entry* now = find(id);
        if (error == ErrorCode::none && now != nullptr) now->persisted = adopted;
        done(error);
      });
  if (!written) return reload(id);
  if (rebalance) entry->classic->rebalance();
}

}  // namespace sluice::broker
