#include "broker/group_records.h"

#include <fmt/format.h>

#include <limits>
#include <string_view>

#include "wire/reader.h"
#include "wire/writer.h"

namespace sluice::broker {
namespace {

constexpr std::int16_t offset_key_version = 1;
constexpr std::int16_t group_key_version = 2;
constexpr std::int16_t value_version = 3;
constexpr std::int16_t value_version_flexible = 4;
constexpr std::int16_t value_version_expiring = 1;  // of positions; the only one with their end
constexpr std::uint32_t topic_id_tag = 0;
constexpr bool classic = false;  // not compact

std::unexpected<Error> bad(std::string_view what, std::int16_t version) {
  return fail(Code::corrupt,
              fmt::format("a record of a group has a {} of version {} that cannot be read", what, version));
}

void write_member(wire::Writer& w, const GroupSnapshot::Member& member) {
  w.string(member.id, classic);
  w.nullable_string(member.instance_id, classic, true);
  w.string(member.client_id, classic);
  w.string(member.client_host, classic);
  w.int32(member.rebalance_timeout_ms);
  w.int32(member.session_timeout_ms);
  w.bytes(member.subscription, classic);
  w.bytes(member.assignment, classic);
}

GroupSnapshot::Member read_member(wire::Reader& r, std::int16_t version) {
  const bool compact = version >= value_version_flexible;
  GroupSnapshot::Member member;
  member.id = r.string(compact);
  if (version >= 3) member.instance_id = r.nullable_string(compact, true);
  member.client_id = r.string(compact);
  member.client_host = r.string(compact);
  if (version >= 1) member.rebalance_timeout_ms = r.int32();
  member.session_timeout_ms = r.int32();
  if (version < 1) member.rebalance_timeout_ms = member.session_timeout_ms;
  member.subscription = to_owned(r.bytes(compact));
  member.assignment = to_owned(r.bytes(compact));
  if (compact) r.skip_tags();
  return member;
}

Result<GroupSnapshot> read_snapshot(BytesView value) {
  constexpr std::size_t member_bytes_min = 20;
  wire::Reader r(value);
  const std::int16_t version = r.int16();
  if (version < 0 || version > value_version_flexible) return bad("value", version);
  const bool compact = version >= value_version_flexible;
  GroupSnapshot snapshot;
  snapshot.protocol_type = r.string(compact);
  snapshot.generation = r.int32();
  snapshot.protocol = r.nullable_string(compact, true);
  snapshot.leader = r.nullable_string(compact, true);
  if (version >= 2) snapshot.state_since_ms = r.int64();
  const std::size_t count = r.array_length(compact, member_bytes_min, sizeof(GroupSnapshot::Member));
  for (std::size_t i = 0; i < count && r.ok(); ++i) snapshot.members.push_back(read_member(r, version));
  if (!r.ok()) return bad("value", version);
  return snapshot;
}

Result<CommittedOffset> read_committed(BytesView value) {
  wire::Reader r(value);
  const std::int16_t version = r.int16();
  if (version < 0 || version > value_version_flexible) return bad("value", version);
  CommittedOffset committed;
  committed.offset = Offset{r.int64()};
  if (version >= 3) committed.leader_epoch = LeaderEpoch{r.int32()};
  committed.metadata = r.string(version >= value_version_flexible);
  committed.commit_ms = r.int64();
  if (version == value_version_expiring) {
    if (const std::int64_t expire_ms = r.int64(); expire_ms != -1) committed.expire_ms = expire_ms;
  }
  if (version >= value_version_flexible) {
    for (wire::TagsReader tags(r); tags.next();) {
      if (tags.tag() == topic_id_tag) {
        committed.topic_id = r.uuid();
      } else {
        tags.skip();
      }
    }
  }
  if (!r.ok()) return bad("value", version);
  return committed;
}

// The next character of UTF-8 text; a byte that is none counts as itself.
std::uint32_t next_character(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t first = byte(at);
  const std::size_t size = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  if (size == 1 || at + size > text.size()) {
    ++at;
    return first;
  }
  std::uint32_t c = first & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) c = c << 6 | (byte(at + i) & 0x3F);
  at += size;
  return c;
}

}  // namespace

GroupRecord offset_record(const std::string& group, const log::TopicPartition& partition,
                          const std::optional<CommittedOffset>& committed) {
  wire::Writer key;
  key.int16(offset_key_version);
  key.string(group, classic);
  key.string(partition.topic, classic);
  key.int32(partition.partition.value);
  GroupRecord record{key.to_bytes(), std::nullopt};
  if (!committed) return record;
  const bool expires = committed->expire_ms.has_value();
  const bool with_id = !expires && !committed->topic_id.is_zero();
  wire::Writer value;
  value.int16(expires ? value_version_expiring : with_id ? value_version_flexible : value_version);
  value.int64(committed->offset.value);
  if (!expires) value.int32(committed->leader_epoch.value);
  value.string(committed->metadata, with_id);
  value.int64(committed->commit_ms);
  if (expires) value.int64(*committed->expire_ms);
  if (with_id) {
    wire::TagsWriter tags(value);
    tags.begin(topic_id_tag).uuid(committed->topic_id);
    tags.finish();
  }
  record.value = value.to_bytes();
  return record;
}

GroupRecord group_record(const std::string& group, const std::optional<GroupSnapshot>& snapshot) {
  wire::Writer key;
  key.int16(group_key_version);
  key.string(group, classic);
  GroupRecord record{key.to_bytes(), std::nullopt};
  if (!snapshot) return record;
  wire::Writer value;
  value.int16(value_version);
  value.string(snapshot->protocol_type, classic);
  value.int32(snapshot->generation);
  value.nullable_string(snapshot->protocol, classic, true);
  value.nullable_string(snapshot->leader, classic, true);
  value.int64(snapshot->state_since_ms);
  value.array_length(snapshot->members.size(), classic);
  for (const auto& member : snapshot->members) write_member(value, member);
  record.value = value.to_bytes();
  return record;
}

Result<std::variant<std::monostate, OffsetChange, GroupChange>> parse_group_record(
    BytesView key, const std::optional<BytesView>& value) {
  wire::Reader r(key);
  const std::int16_t version = r.int16();
  if (version == 0 || version == offset_key_version) {
    OffsetChange change;
    change.group = r.string(classic);
    change.partition.topic = r.string(classic);
    change.partition.partition = PartitionId{r.int32()};
    if (!r.ok()) return bad("key", version);
    if (value) change.committed = SLUICE_TRY(read_committed(*value));
    return change;
  }
  if (version == group_key_version) {
    GroupChange change;
    change.group = r.string(classic);
    if (!r.ok()) return bad("key", version);
    if (value) change.snapshot = SLUICE_TRY(read_snapshot(*value));
    return change;
  }
  if (!r.ok()) return bad("key", version);
  return std::monostate{};
}

std::int32_t group_partition(std::string_view group, std::int32_t partition_count) {
  std::uint32_t hash = 0;
  for (std::size_t at = 0; at < group.size();) {
    const std::uint32_t c = next_character(group, at);
    if (c < 0x10000) {
      hash = hash * 31 + c;
    } else {  // two UTF-16 units
      hash = hash * 31 + (0xD800 + ((c - 0x10000) >> 10));
      hash = hash * 31 + (0xDC00 + ((c - 0x10000) & 0x3FF));
    }
  }
  const auto value = static_cast<std::int32_t>(hash);
  if (value == std::numeric_limits<std::int32_t>::min()) return 0;
  return (value < 0 ? -value : value) % partition_count;
}

}  // namespace sluice::broker
