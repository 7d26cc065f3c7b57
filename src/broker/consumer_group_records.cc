#include "broker/consumer_group_records.h"

#include <fmt/format.h>

#include <utility>

#include "wire/reader.h"
#include "wire/writer.h"

namespace sluice::broker {
namespace {

constexpr std::int16_t group_epoch_key = 3;
constexpr std::int16_t partition_metadata_key = 4;
constexpr std::int16_t member_metadata_key = 5;
constexpr std::int16_t target_epoch_key = 6;
constexpr std::int16_t target_member_key = 7;
constexpr std::int16_t current_assignment_key = 8;
constexpr std::int16_t regex_key = 16;
constexpr std::int16_t value_version = 0;
constexpr bool classic = false;  // keys
constexpr bool compact = true;   // values
constexpr std::uint32_t only_tag = 0;

std::unexpected<Error> bad(std::string_view what, std::int16_t version) {
  return fail(
      Code::corrupt,
      fmt::format("a record of a consumer group has a {} of version {} that cannot be read", what, version));
}

// ---- writing ----

Bytes key_of(std::int16_t version, const std::string& group_id, const std::string* second = nullptr) {
  wire::Writer key;
  key.int16(version);
  key.string(group_id, classic);
  if (second != nullptr) key.string(*second, classic);
  return key.to_bytes();
}

wire::Writer begin_value() {
  wire::Writer value;
  value.int16(value_version);
  return value;
}

template <class Partitions>
void write_indexes(wire::Writer& w, const Partitions& partitions) {
  w.array_length(partitions.size(), compact);
  for (const auto& entry : partitions) {
    if constexpr (requires { entry.first; }) {
      w.int32(entry.first);
    } else {
      w.int32(entry);
    }
  }
}

void write_held(wire::Writer& w, const HeldPartitions& held) {
  w.array_length(held.size(), compact);
  for (const auto& [topic, partitions] : held) {
    w.uuid(topic);
    write_indexes(w, partitions);
    wire::TagsWriter tags(w);
    wire::Writer& epochs = tags.begin(only_tag);
    epochs.array_length(partitions.size(), compact);
    for (const auto& [partition, epoch] : partitions) epochs.int32(epoch);
    tags.finish();
  }
}

void write_strings(wire::Writer& w, const std::set<std::string>& strings) {
  w.array_length(strings.size(), compact);
  for (const std::string& text : strings) w.string(text, compact);
}

void write_classic(wire::Writer& w, const ClassicMembership& membership) {
  w.presence(true, true);
  w.int32(membership.session_timeout_ms);
  w.array_length(membership.protocols.size(), compact);
  for (const GroupProtocol& protocol : membership.protocols) {
    w.string(protocol.name, compact);
    w.bytes(protocol.metadata, compact);
    w.tag_count(0);
  }
  w.tag_count(0);
}

struct Encoder {
  const std::string& group;

  GroupRecord operator()(const GroupEpochRecord& record) const {
    GroupRecord out{key_of(group_epoch_key, group), std::nullopt};
    if (!record.value) return out;
    wire::Writer value = begin_value();
    value.int32(record.value->epoch);
    wire::TagsWriter tags(value);
    if (record.value->metadata_hash != 0)
      tags.begin(only_tag).int64(static_cast<std::int64_t>(record.value->metadata_hash));
    tags.finish();
    out.value = value.to_bytes();
    return out;
  }

  GroupRecord operator()(const PartitionMetadataRecord&) const {
    return {key_of(partition_metadata_key, group), std::nullopt};
  }

  GroupRecord operator()(const MemberMetadataRecord& record) const {
    GroupRecord out{key_of(member_metadata_key, group, &record.member_id), std::nullopt};
    if (!record.value) return out;
    const MemberMetadata& member = *record.value;
    wire::Writer value = begin_value();
    value.nullable_string(member.instance_id, compact, true);
    value.nullable_string(member.rack_id, compact, true);
    value.string(member.client_id, compact);
    value.string(member.client_host, compact);
    write_strings(value, member.topics);
    value.nullable_string(member.regex, compact, true);
    value.int32(member.rebalance_timeout_ms);
    value.nullable_string(member.assignor, compact, true);
    wire::TagsWriter tags(value);
    if (member.classic) write_classic(tags.begin(only_tag), *member.classic);
    tags.finish();
    out.value = value.to_bytes();
    return out;
  }

  GroupRecord operator()(const TargetEpochRecord& record) const {
    GroupRecord out{key_of(target_epoch_key, group), std::nullopt};
    if (!record.value) return out;
    wire::Writer value = begin_value();
    value.int32(record.value->epoch);
    wire::TagsWriter tags(value);
    if (record.value->timestamp_ms != 0) tags.begin(only_tag).int64(record.value->timestamp_ms);
    tags.finish();
    out.value = value.to_bytes();
    return out;
  }

  GroupRecord operator()(const TargetMemberRecord& record) const {
    GroupRecord out{key_of(target_member_key, group, &record.member_id), std::nullopt};
    if (!record.value) return out;
    wire::Writer value = begin_value();
    value.array_length(record.value->size(), compact);
    for (const auto& [topic, partitions] : *record.value) {
      value.uuid(topic);
      write_indexes(value, partitions);
      value.tag_count(0);
    }
    value.tag_count(0);
    out.value = value.to_bytes();
    return out;
  }

  GroupRecord operator()(const CurrentAssignmentRecord& record) const {
    GroupRecord out{key_of(current_assignment_key, group, &record.member_id), std::nullopt};
    if (!record.value) return out;
    wire::Writer value = begin_value();
    value.int32(record.value->epoch);
    value.int32(record.value->previous_epoch);
    value.int8(static_cast<std::int8_t>(record.value->state));
    write_held(value, record.value->assigned);
    write_held(value, record.value->pending_revocation);
    value.tag_count(0);
    out.value = value.to_bytes();
    return out;
  }

  GroupRecord operator()(const RegexRecord& record) const {
    GroupRecord out{key_of(regex_key, group, &record.regex), std::nullopt};
    if (!record.value) return out;
    wire::Writer value = begin_value();
    write_strings(value, record.value->topics);
    value.int64(record.value->version);
    value.int64(record.value->timestamp_ms);
    value.tag_count(0);
    out.value = value.to_bytes();
    return out;
  }
};

// ---- reading ----

std::vector<std::int32_t> read_int32s(wire::Reader& r) {
  std::vector<std::int32_t> out;
  const std::size_t count = r.array_length(compact, 4, sizeof(std::int32_t));
  for (std::size_t i = 0; i < count && r.ok(); ++i) out.push_back(r.int32());
  return out;
}

constexpr std::size_t topic_bytes_min = 18;         // id, an empty array, no tags
constexpr std::size_t partition_memory_bytes = 64;  // of a node of a map

HeldPartitions read_held(wire::Reader& r, std::int32_t member_epoch) {
  HeldPartitions held;
  const std::size_t count = r.array_length(compact, topic_bytes_min, partition_memory_bytes);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    const Uuid topic = r.uuid();
    const std::vector<std::int32_t> partitions = read_int32s(r);
    std::vector<std::int32_t> epochs;
    for (wire::TagsReader tags(r); tags.next();) {
      if (tags.tag() != only_tag) {
        tags.skip();
        continue;
      }
      const auto there = r.nullable_array_length(compact, true, 4, sizeof(std::int32_t));
      for (std::size_t n = 0; n < there.value_or(0) && r.ok(); ++n) epochs.push_back(r.int32());
    }
    auto& into = held[topic];
    const bool each = epochs.size() == partitions.size();  // before KIP-1251 there were none
    for (std::size_t n = 0; n < partitions.size(); ++n)
      into[partitions[n]] = each ? epochs[n] : std::max(member_epoch, 0);
  }
  return held;
}

std::set<std::string> read_strings(wire::Reader& r) {
  std::set<std::string> out;
  const std::size_t count = r.array_length(compact, 1, partition_memory_bytes);
  for (std::size_t i = 0; i < count && r.ok(); ++i) out.insert(r.string(compact));
  return out;
}

std::optional<ClassicMembership> read_classic(wire::Reader& r) {
  constexpr std::size_t protocol_bytes_min = 3;
  if (!r.presence(true)) return std::nullopt;
  ClassicMembership out;
  out.session_timeout_ms = r.int32();
  const std::size_t count = r.array_length(compact, protocol_bytes_min, sizeof(GroupProtocol));
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    GroupProtocol& protocol = out.protocols.emplace_back();
    protocol.name = r.string(compact);
    protocol.metadata = to_owned(r.bytes(compact));
    r.skip_tags();
  }
  r.skip_tags();
  return out;
}

MemberMetadata read_metadata(wire::Reader& r) {
  MemberMetadata out;
  out.instance_id = r.nullable_string(compact, true);
  out.rack_id = r.nullable_string(compact, true);
  out.client_id = r.string(compact);
  out.client_host = r.string(compact);
  out.topics = read_strings(r);
  out.regex = r.nullable_string(compact, true).value_or("");
  out.rebalance_timeout_ms = r.int32();
  out.assignor = r.nullable_string(compact, true);
  for (wire::TagsReader tags(r); tags.next();) {
    if (tags.tag() == only_tag) {
      out.classic = read_classic(r);
    } else {
      tags.skip();
    }
  }
  return out;
}

std::int64_t read_tagged_int64(wire::Reader& r) {
  std::int64_t value = 0;
  for (wire::TagsReader tags(r); tags.next();) {
    if (tags.tag() == only_tag) {
      value = r.int64();
    } else {
      tags.skip();
    }
  }
  return value;
}

GroupEpochRecord::Value read_group_epoch(wire::Reader& r) {
  GroupEpochRecord::Value out;
  out.epoch = r.int32();
  out.metadata_hash = static_cast<std::uint64_t>(read_tagged_int64(r));
  return out;
}

TargetEpochRecord::Value read_target_epoch(wire::Reader& r) {
  TargetEpochRecord::Value out;
  out.epoch = r.int32();
  out.timestamp_ms = read_tagged_int64(r);
  return out;
}

TopicPartitions read_target(wire::Reader& r) {
  TopicPartitions out;
  const std::size_t count = r.array_length(compact, topic_bytes_min, partition_memory_bytes);
  for (std::size_t i = 0; i < count && r.ok(); ++i) {
    const Uuid topic = r.uuid();
    for (const std::int32_t partition : read_int32s(r)) out[topic].insert(partition);
    r.skip_tags();
  }
  r.skip_tags();
  return out;
}

CurrentAssignment read_current(wire::Reader& r) {
  CurrentAssignment out;
  out.epoch = r.int32();
  out.previous_epoch = r.int32();
  const std::int8_t state = r.int8();
  out.state = state >= 0 && state <= 2 ? static_cast<MemberState>(state) : MemberState::unknown;
  out.assigned = read_held(r, out.epoch);
  out.pending_revocation = read_held(r, out.epoch);
  r.skip_tags();
  return out;
}

ResolvedRegex read_regex(wire::Reader& r) {
  ResolvedRegex out;
  out.topics = read_strings(r);
  out.version = r.int64();
  out.timestamp_ms = r.int64();
  r.skip_tags();
  return out;
}

/// Fills `record.value` by `read`, unless the record takes the thing away.
template <class Record, class Read>
Result<ConsumerGroupRecord> with_value(Record record, const std::optional<BytesView>& value, Read read) {
  if (!value) return ConsumerGroupRecord(std::move(record));
  wire::Reader r(*value);
  const std::int16_t version = r.int16();
  if (version != value_version) return bad("value", version);
  record.value = read(r);
  if (!r.ok()) return bad("value", version);
  return ConsumerGroupRecord(std::move(record));
}

Result<ConsumerGroupRecord> read_record(std::int16_t key, std::string second,
                                        const std::optional<BytesView>& value) {
  switch (key) {
    case group_epoch_key:
      return with_value(GroupEpochRecord{}, value, read_group_epoch);
    case partition_metadata_key:
      return ConsumerGroupRecord(PartitionMetadataRecord{value.has_value()});
    case member_metadata_key:
      return with_value(MemberMetadataRecord{std::move(second), {}}, value, read_metadata);
    case target_epoch_key:
      return with_value(TargetEpochRecord{}, value, read_target_epoch);
    case target_member_key:
      return with_value(TargetMemberRecord{std::move(second), {}}, value, read_target);
    case current_assignment_key:
      return with_value(CurrentAssignmentRecord{std::move(second), {}}, value, read_current);
    default:
      return with_value(RegexRecord{std::move(second), {}}, value, read_regex);
  }
}

}  // namespace

GroupRecord encode(const std::string& group_id, const ConsumerGroupRecord& record) {
  return std::visit(Encoder{group_id}, record);
}

Result<std::optional<ConsumerGroupChange>> parse_consumer_group_record(
    BytesView key, const std::optional<BytesView>& value) {
  wire::Reader r(key);
  const std::int16_t version = r.int16();
  if (!r.ok()) return bad("key", version);
  if ((version < group_epoch_key || version > current_assignment_key) && version != regex_key)
    return std::nullopt;
  const std::string group = r.string(classic);
  std::string second;
  if (version == member_metadata_key || version >= target_member_key) second = r.string(classic);
  if (!r.ok()) return bad("key", version);
  ConsumerGroupRecord record = SLUICE_TRY(read_record(version, std::move(second), value));
  return ConsumerGroupChange{group, std::move(record)};
}

}  // namespace sluice::broker
