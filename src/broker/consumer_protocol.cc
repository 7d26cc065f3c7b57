#include "broker/consumer_protocol.h"

#include <algorithm>

#include "wire/reader.h"
#include "wire/writer.h"

namespace sluice::broker {
namespace {

constexpr std::int16_t version_max = 3;
constexpr bool classic = false;  // none of the versions is flexible

NamedPartitions read_partitions(wire::Reader& r) {
  constexpr std::size_t topic_bytes_min = 6;
  NamedPartitions out;
  const std::size_t topics = r.array_length(classic, topic_bytes_min, 64);
  for (std::size_t i = 0; i < topics && r.ok(); ++i) {
    auto& into = out[r.string(classic)];
    const std::size_t count = r.array_length(classic, 4, sizeof(std::int32_t));
    for (std::size_t n = 0; n < count && r.ok(); ++n) into.push_back(r.int32());
  }
  return out;
}

// What all versions have.
void read_version_0(wire::Reader& r, ProtocolSubscription& out) {
  out.version = std::min(r.int16(), version_max);
  const std::size_t topics = r.array_length(classic, 2, sizeof(std::string));
  for (std::size_t i = 0; i < topics && r.ok(); ++i) out.topics.push_back(r.string(classic));
  r.nullable_bytes(classic, true);  // user data
}

}  // namespace

Result<std::vector<std::string>> parse_subscribed_topics(BytesView bytes) {
  wire::Reader r(bytes);
  ProtocolSubscription out;
  read_version_0(r, out);
  if (!r.ok() || out.version < 0) return fail(Code::corrupt, "a subscription does not tell its topics");
  return std::move(out.topics);
}

Result<ProtocolSubscription> parse_subscription(BytesView bytes) {
  wire::Reader r(bytes);
  ProtocolSubscription out;
  read_version_0(r, out);
  if (out.version < 0) return fail(Code::corrupt, "a subscription has a negative version");
  if (out.version >= 1 && r.ok()) out.owned = read_partitions(r);
  if (out.version >= 2) r.int32();  // generation
  if (out.version >= 3) out.rack_id = r.nullable_string(classic, true);
  if (!r.ok()) return fail(Code::corrupt, "a subscription is cut short");
  if (out.rack_id && out.rack_id->empty()) out.rack_id.reset();
  return out;
}

Result<ProtocolAssignment> parse_assignment(BytesView bytes) {
  ProtocolAssignment out;
  if (bytes.empty()) return out;
  wire::Reader r(bytes);
  if (r.int16() < 0) return fail(Code::corrupt, "an assignment has a negative version");
  out.partitions = read_partitions(r);
  const auto user_data = r.nullable_bytes(classic, true);
  if (!r.ok()) return fail(Code::corrupt, "an assignment is cut short");
  out.has_user_data = user_data && !user_data->empty();
  return out;
}

Bytes encode_assignment(const NamedPartitions& partitions, std::int16_t version) {
  wire::Writer w;
  w.int16(version);
  w.array_length(partitions.size(), classic);
  for (const auto& [topic, indexes] : partitions) {
    w.string(topic, classic);
    w.array_length(indexes.size(), classic);
    for (const std::int32_t index : indexes) w.int32(index);
  }
  w.nullable_bytes(std::nullopt, classic, true);
  return w.to_bytes();
}

}  // namespace sluice::broker
