#include "broker/transaction_records.h"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "wire/reader.h"
#include "wire/writer.h"

namespace sluice::broker {
namespace {

constexpr std::int16_t key_version = 0;
constexpr std::int16_t value_version = 1;
constexpr bool classic = false;
constexpr bool compact = true;

enum Tag : std::uint32_t { previous_producer_id = 0, next_producer_id = 1, client_version = 2 };

std::unexpected<Error> bad(std::string_view what) {
  return fail(Code::corrupt, fmt::format("a record of a transaction cannot be read: {}", what));
}

void write_partitions(wire::Writer& w, const PartitionSet& partitions) {
  std::map<std::string_view, std::vector<std::int32_t>> by_topic;
  for (const auto& partition : partitions) by_topic[partition.topic].push_back(partition.partition.value);
  w.array_length(by_topic.size(), compact);
  for (const auto& [topic, indexes] : by_topic) {
    w.string(topic, compact);
    w.array_length(indexes.size(), compact);
    for (const std::int32_t index : indexes) w.int32(index);
    w.tag_count(0);
  }
}

void read_partitions(wire::Reader& r, bool is_compact, PartitionSet& out) {
  constexpr std::size_t topic_bytes_min = 3;
  const auto topics = r.nullable_array_length(is_compact, true, topic_bytes_min, sizeof(log::TopicPartition));
  for (std::size_t t = 0; topics && t < *topics && r.ok(); ++t) {
    const std::string topic = r.string(is_compact);
    const std::size_t count = r.array_length(is_compact, sizeof(std::int32_t), sizeof(log::TopicPartition));
    for (std::size_t p = 0; p < count && r.ok(); ++p) out.insert({topic, PartitionId{r.int32()}});
    if (is_compact) r.skip_tags();
  }
}

void read_tags(wire::Reader& r, TransactionFacts& facts) {
  for (wire::TagsReader tags(r); tags.next();) {
    switch (tags.tag()) {
      case previous_producer_id:
        facts.previous_producer_id = ProducerId{r.int64()};
        break;
      case next_producer_id:
        facts.next_producer_id = ProducerId{r.int64()};
        break;
      case client_version:
        facts.client_version = r.int16();
        break;
      default:
        tags.skip();
    }
  }
}

Result<TransactionFacts> read_facts(BytesView value) {
  wire::Reader r(value);
  const std::int16_t version = r.int16();
  if (version < 0 || version > value_version) return bad(fmt::format("its value has version {}", version));
  const bool is_compact = version >= 1;
  TransactionFacts facts;
  facts.producer_id = ProducerId{r.int64()};
  facts.producer_epoch = ProducerEpoch{r.int16()};
  facts.timeout_ms = r.int32();
  const std::int8_t state = r.int8();
  if (state < 0 || state > static_cast<std::int8_t>(TransactionState::complete_abort))
    return bad(fmt::format("state {} is none that is written", state));
  facts.state = static_cast<TransactionState>(state);
  read_partitions(r, is_compact, facts.partitions);
  facts.update_ms = r.int64();
  facts.start_ms = r.int64();
  if (is_compact) read_tags(r, facts);
  if (!r.ok()) return bad("its value is cut short");
  return facts;
}

}  // namespace

Bytes transaction_key(const std::string& transactional_id) {
  wire::Writer w;
  w.int16(key_version);
  w.string(transactional_id, classic);
  return w.to_bytes();
}

Bytes transaction_value(const TransactionFacts& facts) {
  wire::Writer w;
  w.int16(value_version);
  w.int64(facts.producer_id.value);
  w.int16(facts.producer_epoch.value);
  w.int32(facts.timeout_ms);
  w.int8(static_cast<std::int8_t>(facts.state));
  if (facts.state == TransactionState::empty) {
    w.null_array(compact, true);
  } else {
    write_partitions(w, facts.partitions);
  }
  w.int64(facts.update_ms);
  w.int64(facts.start_ms);
  wire::TagsWriter tags(w);
  if (facts.previous_producer_id.value != -1)
    tags.begin(previous_producer_id).int64(facts.previous_producer_id.value);
  if (facts.next_producer_id.value != -1) tags.begin(next_producer_id).int64(facts.next_producer_id.value);
  if (facts.client_version != 0) tags.begin(client_version).int16(facts.client_version);
  tags.finish();
  return w.to_bytes();
}

Result<std::optional<TransactionChange>> parse_transaction_record(BytesView key,
                                                                  const std::optional<BytesView>& value) {
  wire::Reader r(key);
  const std::int16_t version = r.int16();
  if (r.ok() && version != key_version) return std::nullopt;
  TransactionChange change;
  change.transactional_id = r.string(classic);
  if (!r.ok()) return bad("its key is cut short");
  if (value) change.facts = SLUICE_TRY(read_facts(*value));
  return change;
}

}  // namespace sluice::broker
