// What the records of a consumer group do to it, and what can be asked of it.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <ranges>

#include "base/assert.h"
#include "broker/consumer_group.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

/// Bytes in the order in which Kafka's coordinator hashes them (little-endian; text as UTF-16 units, then its
/// length), so that a group that moves to Apache Kafka finds its topics unchanged.
class HashInput {
 public:
  void byte(std::uint8_t v) { bytes_.push_back(static_cast<std::byte>(v)); }
  void int32(std::int32_t v) { number(v); }
  void int64(std::uint64_t v) { number(v); }
  /// Topics' names are ASCII.
  void text(std::string_view v) {
    for (const char c : v) number(static_cast<std::uint16_t>(static_cast<unsigned char>(c)));
    number(static_cast<std::int32_t>(v.size()));
  }
  std::uint64_t hash() const { return XXH3_64bits(bytes_.data(), bytes_.size()); }

 private:
  template <class T>
  void number(T v) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof v);
    store_le(bytes_.data() + at, v);
  }

  Bytes bytes_;
};

std::uint64_t hash_of(const TopicFacts& topic) {
  HashInput in;
  in.byte(0);  // version
  in.int64(topic.id.high);
  in.int64(topic.id.low);
  in.text(topic.name);
  in.int32(topic.partition_count);
  for (std::int32_t i = 0; i < topic.partition_count; ++i) in.int32(i);  // and its racks: none
  return in.hash();
}

}  // namespace

ConsumerGroup::ConsumerGroup(std::string id, ConsumerGroupHost& host) : id_(std::move(id)), host_(host) {}

ConsumerGroup::~ConsumerGroup() {
  retire();
}

// ---- records ----

void ConsumerGroup::apply(const ConsumerGroupRecord& record) {
  std::visit([this](const auto& change) { take(change); }, record);
}

void ConsumerGroup::take(const GroupEpochRecord& record) {
  epoch_ = record.value.value_or(GroupEpochRecord::Value{1, 0});
}

void ConsumerGroup::take(const PartitionMetadataRecord& record) {
  partition_metadata_there_ = record.there;
}

void ConsumerGroup::take(const MemberMetadataRecord& record) {
  const auto known = members_.find(record.member_id);
  if (known != members_.end() && known->second.metadata.instance_id) {
    const auto slot = static_ids_.find(*known->second.metadata.instance_id);
    if (slot != static_ids_.end() && slot->second == record.member_id) static_ids_.erase(slot);
  }
  if (!record.value) {
    if (known == members_.end()) return;
    set_current(record.member_id, known->second, {});
    members_.erase(known);
    return;
  }
  members_[record.member_id].metadata = *record.value;
  if (record.value->instance_id) static_ids_[*record.value->instance_id] = record.member_id;
}

void ConsumerGroup::take(const TargetEpochRecord& record) {
  target_epoch_ = record.value.value_or(TargetEpochRecord::Value{1, 0});
}

void ConsumerGroup::take(const TargetMemberRecord& record) {
  if (record.value) {
    targets_[record.member_id] = *record.value;
  } else {
    targets_.erase(record.member_id);
  }
}

void ConsumerGroup::take(const CurrentAssignmentRecord& record) {
  if (!record.value) {
    const auto known = members_.find(record.member_id);
    if (known != members_.end()) set_current(record.member_id, known->second, {});
    return;
  }
  set_current(record.member_id, members_[record.member_id], *record.value);
}

void ConsumerGroup::take(const RegexRecord& record) {
  if (record.value) {
    regexes_[record.regex] = *record.value;
  } else {
    regexes_.erase(record.regex);
  }
}

void ConsumerGroup::set_current(const std::string& member_id, Member& member, CurrentAssignment current) {
  for (const auto* held : {&member.current.assigned, &member.current.pending_revocation}) {
    for (const auto& [topic, partitions] : *held) {
      const auto at = holders_.find(topic);
      if (at == holders_.end()) continue;
      for (const auto& [partition, since] : partitions) {
        const auto holder = at->second.find(partition);
        if (holder != at->second.end() && holder->second == member_id) at->second.erase(holder);
      }
      if (at->second.empty()) holders_.erase(at);
    }
  }
  member.current = std::move(current);
  for (const auto* held : {&member.current.assigned, &member.current.pending_revocation}) {
    for (const auto& [topic, partitions] : *held)
      for (const auto& [partition, since] : partitions) holders_[topic][partition] = member_id;
  }
}

// ---- positions ----

ErrorCode ConsumerGroup::check_commit(const Committer& committer,
                                      const CommittedPartitions& partitions) const {
  if (committer.generation < 0 && members_.empty()) return ErrorCode::none;
  if (committer.transactional && committer.generation == -1 && committer.member_id.empty() &&
      !committer.instance_id)
    return ErrorCode::none;
  const auto at = members_.find(committer.member_id);
  if (at == members_.end()) return ErrorCode::unknown_member_id;
  const Member& member = at->second;
  constexpr std::int16_t epoch_version_min = 9;
  if (!committer.transactional && !member.metadata.classic && committer.version < epoch_version_min)
    return ErrorCode::unsupported_version;
  const ErrorCode stale = member.metadata.classic || committer.transactional ? ErrorCode::illegal_generation
                                                                             : ErrorCode::stale_member_epoch;
  if (committer.generation == member.current.epoch) return ErrorCode::none;
  if (committer.generation > member.current.epoch) return stale;
  for (const auto& [topic, partition] : partitions) {
    bool its_own = false;
    for (const auto* held : {&member.current.assigned, &member.current.pending_revocation}) {
      const auto found = held->find(topic);
      if (found == held->end() || !found->second.contains(partition)) continue;
      its_own = committer.generation >= found->second.at(partition);
      break;
    }
    if (!its_own) return stale;
  }
  return ErrorCode::none;
}

ErrorCode ConsumerGroup::check_fetch(const std::optional<std::string>& member_id, std::int32_t epoch) const {
  if (!member_id && epoch < 0) return ErrorCode::none;
  const auto at = members_.find(member_id.value_or(""));
  if (at == members_.end()) return ErrorCode::unknown_member_id;
  if (epoch == at->second.current.epoch) return ErrorCode::none;
  return at->second.metadata.classic ? ErrorCode::illegal_generation : ErrorCode::stale_member_epoch;
}

bool ConsumerGroup::is_subscribed_to(const std::string& topic) const {
  return std::ranges::any_of(
             members_, [&](const auto& entry) { return entry.second.metadata.topics.contains(topic); }) ||
         std::ranges::any_of(regexes_,
                             [&](const auto& entry) { return entry.second.topics.contains(topic); });
}

// ---- questions ----

std::string_view ConsumerGroup::state_name() const {
  if (members_.empty()) return "Empty";
  if (epoch_.epoch > target_epoch_.epoch) return "Assigning";
  const bool all = std::ranges::all_of(members_, [&](const auto& entry) {
    return entry.second.current.is_reconciled_to(target_epoch_.epoch);
  });
  return all ? "Stable" : "Reconciling";
}

const TopicPartitions& ConsumerGroup::target_of(const std::string& member_id) const {
  static const TopicPartitions none;
  const auto at = targets_.find(member_id);
  return at == targets_.end() ? none : at->second;
}

/// The one that most members ask for; of two that are asked for alike the one that Kafka's map has last.
Assignor ConsumerGroup::preferred_assignor() const {
  std::map<std::string, int> votes;
  for (const auto& [id, member] : members_)
    if (member.metadata.assignor) ++votes[*member.metadata.assignor];
  const auto from_last = votes | std::views::reverse;  // "uniform" before "range"
  const auto most = std::ranges::max_element(from_last, {}, [](const auto& entry) { return entry.second; });
  const ConsumerGroupSettings settings = host_.settings(id_);
  if (most == from_last.end()) return settings.assignors.front();
  return find_assignor(most->first).value_or(settings.assignors.front());
}

const std::string* ConsumerGroup::static_member(const std::optional<std::string>& instance_id) const {
  if (!instance_id) return nullptr;
  const auto at = static_ids_.find(*instance_id);
  return at == static_ids_.end() ? nullptr : &at->second;
}

std::set<std::string> ConsumerGroup::topics_of(const MemberMetadata& metadata) const {
  std::set<std::string> out = metadata.topics;
  if (const auto at = regexes_.find(metadata.regex); at != regexes_.end() && !metadata.regex.empty())
    out.insert(at->second.topics.begin(), at->second.topics.end());
  return out;
}

std::set<Uuid> ConsumerGroup::topic_ids_of(const MemberMetadata& metadata) const {
  std::set<Uuid> out;
  for (const std::string& name : topics_of(metadata))
    if (const auto topic = host_.topic(name)) out.insert(topic->id);
  return out;
}

std::uint64_t ConsumerGroup::metadata_hash() const {
  std::set<std::string> names;
  for (const auto& [id, member] : members_)
    names.insert(member.metadata.topics.begin(), member.metadata.topics.end());
  for (const auto& [regex, resolved] : regexes_) names.insert(resolved.topics.begin(), resolved.topics.end());
  HashInput in;
  bool any = false;
  for (const std::string& name : names) {
    const auto topic = host_.topic(name);
    if (!topic) continue;
    in.int64(hash_of(*topic));
    any = true;
  }
  return any ? in.hash() : 0;
}

std::size_t ConsumerGroup::subscriber_count(const std::string& regex) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      members_, [&](const auto& entry) { return entry.second.metadata.regex == regex; }));
}

std::size_t ConsumerGroup::classic_count() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      members_, [](const auto& entry) { return entry.second.metadata.classic.has_value(); }));
}

bool ConsumerGroup::is_held(Uuid topic, std::int32_t partition) const {
  const auto at = holders_.find(topic);
  return at != holders_.end() && at->second.contains(partition);
}

}  // namespace sluice::broker
