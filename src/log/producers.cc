#include "log/producers.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/crc32c.h"
#include "record/validate.h"

namespace sluice::log {
namespace {

constexpr std::size_t entries_at = 10;  // after version, CRC and count
constexpr std::size_t crc_at = 2;
constexpr std::size_t checked_at = 6;
constexpr std::size_t entry_bytes = 46;
constexpr std::size_t batch_bytes = 24;
constexpr std::string_view extension_magic = "SLPB";
constexpr std::size_t extension_header_bytes = 16;

std::int32_t next_sequence(std::int32_t last) {
  return last == std::numeric_limits<std::int32_t>::max() ? 0 : last + 1;
}

template <class T>
void append_be(Bytes& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  store_be(out.data() + at, value);
}

std::unexpected<Error> refuse(std::int16_t kafka_error, std::string message) {
  return std::unexpected(Error{Code::kafka, std::move(message), {}, kafka_error});
}

std::unexpected<Error> damaged(std::string_view why) {
  return fail(Code::corrupt, fmt::format("a producer snapshot cannot be read: {}", why));
}

}  // namespace

Result<std::optional<OffsetRange>> ProducerTable::check(const BatchHead& batch) const {
  const auto found = producers_.find(batch.producer_id);
  if (found == producers_.end())
    return std::nullopt;  // as Kafka since KIP-360: an unknown producer may begin anywhere
  const Producer& producer = found->second;
  if (batch.producer_epoch < producer.epoch) {
    return refuse(record::kafka_error::invalid_producer_epoch,
                  fmt::format("a batch of producer {} was not stored: its epoch {} is older than {}",
                              batch.producer_id.value, batch.producer_epoch.value, producer.epoch.value));
  }
  const bool new_epoch = batch.producer_epoch > producer.epoch;
  if (!new_epoch) {
    for (const Batch& known : producer.batches) {
      if (known.first_sequence == batch.base_sequence && known.last_sequence == batch.last_sequence)
        return known.range;
    }
  }
  const std::int32_t expected =
      new_epoch || producer.batches.empty() ? 0 : next_sequence(producer.batches.back().last_sequence);
  if (batch.base_sequence == expected) return std::nullopt;
  return refuse(
      record::kafka_error::out_of_order_sequence_number,
      fmt::format("a batch of producer {} epoch {} was not stored: its sequence is {}, expected {}",
                  batch.producer_id.value, batch.producer_epoch.value, batch.base_sequence, expected));
}

void ProducerTable::note(const BatchHead& batch, std::int64_t now_ms) {
  if (producers_.size() >= producers_max && !producers_.contains(batch.producer_id)) forget_the_silent();
  Producer& producer = producers_[batch.producer_id];
  if (producer.epoch != batch.producer_epoch) producer.batches.clear();
  producer.epoch = batch.producer_epoch;
  producer.last_append_ms = now_ms;
  if (producer.batches.size() == producer_batches_max) producer.batches.erase(producer.batches.begin());
  producer.batches.push_back({batch.base_sequence, batch.last_sequence, batch.range});
}

void ProducerTable::expire(std::int64_t now_ms, std::int64_t age_ms_max) {
  std::erase_if(producers_,
                [&](const auto& entry) { return now_ms - entry.second.last_append_ms > age_ms_max; });
}

void ProducerTable::forget_the_silent() {
  std::vector<std::int64_t> ages;
  ages.reserve(producers_.size());
  for (const auto& [id, producer] : producers_) ages.push_back(producer.last_append_ms);
  const auto middle = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 2);
  std::ranges::nth_element(ages, middle);
  const std::int64_t limit = *middle;
  std::size_t left = ages.size() / 2;
  std::erase_if(producers_, [&](const auto& entry) {
    if (entry.second.last_append_ms > limit || left == 0) return false;
    --left;
    return true;
  });
}

Bytes ProducerTable::snapshot(std::int64_t taken_ms) const {
  std::vector<ProducerId> ids;
  for (const auto& [id, producer] : producers_) {
    if (!producer.batches.empty()) ids.push_back(id);
  }
  std::ranges::sort(ids);
  Bytes out;
  out.reserve(entries_at + ids.size() * (entry_bytes + 9 + producer_batches_max * batch_bytes) +
              extension_header_bytes);
  append_be<std::int16_t>(out, 1);
  append_be<std::uint32_t>(out, 0);
  append_be(out, static_cast<std::int32_t>(ids.size()));
  for (const ProducerId id : ids) {
    const Producer& producer = producers_.at(id);
    const Batch& last = producer.batches.back();
    append_be(out, id.value);
    append_be(out, producer.epoch.value);
    append_be(out, last.last_sequence);
    append_be(out, last.range.end.value - 1);
    append_be(out, static_cast<std::int32_t>(last.range.count() - 1));
    append_be(out, producer.last_append_ms);
    append_be<std::int32_t>(out, -1);
    append_be<std::int64_t>(out, -1);
  }
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
  store_be(out.data() + crc_at, crc32c(BytesView{out}.subspan(checked_at)));
  return out;
}

Result<void> ProducerTable::load(BytesView snapshot) {
  producers_.clear();
  Result<void> loaded = load_entries(snapshot);
  if (!loaded) producers_.clear();
  return loaded;
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
    const std::byte* const p = rest.data();
    Producer& producer = producers_[ProducerId{load_be<std::int64_t>(p)}];
    producer.epoch = ProducerEpoch{load_be<std::int16_t>(p + 8)};
    producer.last_append_ms = load_be<std::int64_t>(p + 26);
    const auto last_sequence = load_be<std::int32_t>(p + 10);
    const auto last_offset = load_be<std::int64_t>(p + 14);
    const auto delta = load_be<std::int32_t>(p + 22);
    if (last_offset >= 0 && last_offset < std::numeric_limits<std::int64_t>::max() && delta >= 0 &&
        delta <= last_offset && last_sequence >= 0) {
      // Sequences wrap, so the first one is found modulo 2^31.
      const auto first =
          (static_cast<std::uint32_t>(last_sequence) - static_cast<std::uint32_t>(delta)) & 0x7fffffffu;
      producer.batches = {{static_cast<std::int32_t>(first),
                           last_sequence,
                           {Offset{last_offset - delta}, Offset{last_offset + 1}}}};
    }
    rest = rest.subspan(entry_bytes);
  }
  return rest.empty() ? Result<void>{} : load_batches(rest);  // Kafka's own snapshots end here
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
      found->second.batches.push_back(
          {load_be<std::int32_t>(p),
           load_be<std::int32_t>(p + 4),
           {Offset{load_be<std::int64_t>(p + 8)}, Offset{load_be<std::int64_t>(p + 16)}}});
    }
  }
  return count >= 0 && rest.empty() ? Result<void>{} : damaged("bytes follow its batches");
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

}  // namespace sluice::log
