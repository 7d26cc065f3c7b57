// Producers in a file: Kafka's snapshots, and what ours say beyond.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/crc32c.h"
#include "log/producers.h"

namespace sluice::log {
namespace {

constexpr std::size_t entries_at = 10;  // after version, CRC and count
constexpr std::size_t crc_at = 2;
constexpr std::size_t checked_at = 6;
constexpr std::size_t entry_bytes = 46;
constexpr std::size_t batch_bytes = 24;
constexpr std::string_view extension_magic = "SLPB";
constexpr std::size_t extension_header_bytes = 16;
constexpr std::string_view txns_magic = "SLTX";
constexpr std::size_t txns_bytes = 12;

template <class T>
void append_be(Bytes& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  store_be(out.data() + at, value);
}

std::unexpected<Error> damaged(std::string_view why) {
  return fail(Code::corrupt, fmt::format("a producer snapshot cannot be read: {}", why));
}

}  // namespace

Bytes ProducerTable::snapshot(std::int64_t taken_ms, TxnDigest txns) const {
  constexpr Batch no_batch{-1, -1, {Offset{-1}, Offset{0}}};  // Kafka's: of producers with markers alone
  std::vector<ProducerId> ids;
  ids.reserve(producers_.size());
  for (const auto& [id, producer] : producers_) ids.push_back(id);
  std::ranges::sort(ids);
  Bytes out;
  out.reserve(entries_at + ids.size() * (entry_bytes + 9 + producer_batches_max * batch_bytes) +
              extension_header_bytes + txns_bytes);
  append_be<std::int16_t>(out, 1);
  append_be<std::uint32_t>(out, 0);
  append_be(out, static_cast<std::int32_t>(ids.size()));
  for (const ProducerId id : ids) {
    const Producer& producer = producers_.at(id);
    const Batch last = producer.batches.empty() ? no_batch : producer.batches.back();
    append_be(out, id.value);
    append_be(out, producer.epoch.value);
    append_be(out, last.last_sequence);
    append_be(out, last.range.end.value - 1);
    append_be(out, static_cast<std::int32_t>(last.range.count() - 1));
    append_be(out, producer.last_append_ms);
    append_be(out, producer.coordinator_epoch);
    append_be(out, producer.txn_first_offset.value_or(Offset{-1}).value);
  }
  std::erase_if(ids, [&](ProducerId id) { return producers_.at(id).batches.empty(); });
  const BytesView tag = as_bytes(extension_magic);
  out.insert(out.end(), tag.begin(), tag.end());
  append_be(out, taken_ms);
  append_be(out, static_cast<std::int32_t>(ids.size()));
  for (const ProducerId id : ids) {
    const Producer& producer = producers_.at(id);
    append_be(out, id.value);
    append_be(out, static_cast<std::int8_t>(producer.batches.size()));
    for (const Batch& batch : producer.batches) {
      append_be(out, batch.first_sequence);
      append_be(out, batch.last_sequence);
      append_be(out, batch.range.begin.value);
      append_be(out, batch.range.end.value);
    }
  }
  const BytesView txns_tag = as_bytes(txns_magic);
  out.insert(out.end(), txns_tag.begin(), txns_tag.end());
  append_be(out, txns.count);
  append_be(out, txns.crc);
  store_be(out.data() + crc_at, crc32c(BytesView{out}.subspan(checked_at)));
  return out;
}

Result<void> ProducerTable::load(BytesView snapshot) {
  clear();
  Result<void> loaded = load_entries(snapshot);
  if (!loaded) {
    clear();
    return loaded;
  }
  for (const auto& [id, producer] : producers_) {
    if (producer.txn_first_offset) open_.emplace(*producer.txn_first_offset, id);
  }
  return {};
}

Result<void> ProducerTable::load_entries(BytesView snapshot) {
  if (snapshot.size() < entries_at) return damaged("it is cut short");
  if (load_be<std::int16_t>(snapshot.data()) != 1) return damaged("its version is not 1");
  if (load_be<std::uint32_t>(snapshot.data() + crc_at) != crc32c(snapshot.subspan(checked_at))) {
    return damaged("its CRC is wrong");
  }
  const auto count = load_be<std::int32_t>(snapshot.data() + checked_at);
  BytesView rest = snapshot.subspan(entries_at);
  if (count < 0 || static_cast<std::size_t>(count) > rest.size() / entry_bytes)
    return damaged("it is cut short");
  for (std::int32_t i = 0; i < count; ++i) {
    load_entry(rest.data());
    rest = rest.subspan(entry_bytes);
  }
  return rest.empty() ? Result<void>{} : load_batches(rest);  // Kafka's own snapshots end here
}

void ProducerTable::load_entry(const std::byte* p) {
  const ProducerId id{load_be<std::int64_t>(p)};
  Producer& producer = producers_[id];
  producer = {};  // an id that comes twice: the last one counts
  producer.epoch = ProducerEpoch{load_be<std::int16_t>(p + 8)};
  producer.last_append_ms = std::max<std::int64_t>(load_be<std::int64_t>(p + 26), -1);
  producer.coordinator_epoch = load_be<std::int32_t>(p + 34);
  const auto last_sequence = load_be<std::int32_t>(p + 10);
  const auto last_offset = load_be<std::int64_t>(p + 14);
  const auto delta = load_be<std::int32_t>(p + 22);
  if (last_offset >= 0 && last_offset < std::numeric_limits<std::int64_t>::max() && delta >= 0 &&
      delta <= last_offset && last_sequence >= -1) {
    // Sequences wrap, so the first one is found modulo 2^31.
    const auto first =
        (static_cast<std::uint32_t>(last_sequence) - static_cast<std::uint32_t>(delta)) & 0x7fffffffu;
    producer.batches = {{last_sequence < 0 ? -1 : static_cast<std::int32_t>(first),
                         last_sequence,
                         {Offset{last_offset - delta}, Offset{last_offset + 1}}}};
  }
  const Offset txn_first_offset{load_be<std::int64_t>(p + 38)};
  if (txn_first_offset.value < 0) return;
  producer.txn_first_offset = txn_first_offset;
}

Result<void> ProducerTable::load_batches(BytesView rest) {
  if (rest.size() < extension_header_bytes || as_text(rest.first(4)) != extension_magic) {
    return damaged("bytes follow its entries");
  }
  const auto count = load_be<std::int32_t>(rest.data() + 12);
  rest = rest.subspan(extension_header_bytes);
  for (std::int32_t i = 0; i < count; ++i) {
    if (rest.size() < 9) return damaged("it is cut short");
    const ProducerId id{load_be<std::int64_t>(rest.data())};
    const auto batches = static_cast<std::size_t>(load_be<std::uint8_t>(rest.data() + 8));
    rest = rest.subspan(9);
    const auto found = producers_.find(id);
    if (found == producers_.end() || batches == 0 || batches > producer_batches_max ||
        batches * batch_bytes > rest.size()) {
      return damaged("its batches do not match its entries");
    }
    found->second.batches.clear();
    for (std::size_t b = 0; b < batches; ++b, rest = rest.subspan(batch_bytes)) {
      const std::byte* const p = rest.data();
      const Batch batch{load_be<std::int32_t>(p),
                        load_be<std::int32_t>(p + 4),
                        {Offset{load_be<std::int64_t>(p + 8)}, Offset{load_be<std::int64_t>(p + 16)}}};
      if (batch.range.begin.value < 0 || batch.range.empty() || batch.last_sequence < -1) {
        return damaged("a batch has impossible offsets");
      }
      found->second.batches.push_back(batch);
    }
  }
  // Older ones of ours end here.
  const bool txns = rest.size() == txns_bytes && as_text(rest.first(4)) == txns_magic;
  return count >= 0 && (rest.empty() || txns) ? Result<void>{} : damaged("bytes follow its batches");
}

std::optional<std::int64_t> snapshot_taken_ms(env::File& file) {
  std::byte head[entries_at];
  const Result<std::size_t> read = file.read_at(0, head);
  if (!read || *read < entries_at) return std::nullopt;
  const auto count = load_be<std::int32_t>(head + checked_at);
  if (count < 0) return std::nullopt;
  std::byte extension[extension_header_bytes];
  const Result<std::size_t> more =
      file.read_at(entries_at + static_cast<std::uint64_t>(count) * entry_bytes, extension);
  if (!more || *more < extension_header_bytes || as_text(BytesView{extension}.first(4)) != extension_magic) {
    return std::nullopt;
  }
  return load_be<std::int64_t>(extension + 4);
}

std::optional<TxnDigest> snapshot_txns(env::File& file) {
  const Result<std::uint64_t> size = file.size();
  if (!size || *size < entries_at + txns_bytes) return std::nullopt;
  std::byte tail[txns_bytes];
  const Result<std::size_t> read = file.read_at(*size - txns_bytes, tail);
  if (!read || *read < txns_bytes || as_text(BytesView{tail}.first(4)) != txns_magic) return std::nullopt;
  return TxnDigest{load_be<std::uint32_t>(tail + 4), load_be<std::uint32_t>(tail + 8)};
}

}  // namespace sluice::log
