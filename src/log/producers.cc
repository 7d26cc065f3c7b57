#include "log/producers.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "record/validate.h"

namespace sluice::log {
namespace {

constexpr std::int16_t producer_epoch_last = std::numeric_limits<std::int16_t>::max();

std::int32_t next_sequence(std::int32_t last) {
  return last == std::numeric_limits<std::int32_t>::max() ? 0 : last + 1;
}

std::unexpected<Error> refuse(std::int16_t kafka_error, std::string message) {
  return std::unexpected(Error{Code::kafka, std::move(message), {}, kafka_error});
}

std::unexpected<Error> out_of_order(const BatchHead& batch, std::int32_t expected) {
  return refuse(
      record::kafka_error::out_of_order_sequence_number,
      fmt::format("a batch of producer {} epoch {} was not stored: its sequence is {}, expected {}",
                  batch.producer_id.value, batch.producer_epoch.value, batch.base_sequence, expected));
}

}  // namespace

Result<std::optional<OffsetRange>> ProducerTable::check(const BatchHead& batch, Origin origin) const {
  const auto found = producers_.find(batch.producer_id);
  if (found == producers_.end()) {
    // As Kafka since KIP-360: an unknown producer may begin anywhere, except that since KIP-890 its first
    // batch in a transaction is the first one of its epoch.
    if (origin != Origin::client_v2 || !batch.is_transactional || batch.base_sequence == 0)
      return std::nullopt;
    return out_of_order(batch, 0);
  }
  const Producer& producer = found->second;
  if (batch.producer_epoch < producer.epoch) {
    return refuse(record::kafka_error::invalid_producer_epoch,
                  fmt::format("a batch of producer {} was not stored: its epoch {} is older than {}",
                              batch.producer_id.value, batch.producer_epoch.value, producer.epoch.value));
  }
  if (origin != Origin::coordinator) {
    const std::optional<OffsetRange> before = SLUICE_TRY(check_sequence(producer, batch));
    if (before) return before;
  }
  if (producer.txn_first_offset && !batch.is_transactional) {
    return refuse(record::kafka_error::invalid_txn_state,
                  fmt::format("a batch of producer {} was not stored: it is not transactional, and the "
                              "producer's transaction that began at offset {} is open",
                              batch.producer_id.value, producer.txn_first_offset->value));
  }
  return std::nullopt;
}

Result<std::optional<OffsetRange>> ProducerTable::check_sequence(const Producer& producer,
                                                                 const BatchHead& batch) const {
  const bool new_epoch = batch.producer_epoch > producer.epoch;
  if (!new_epoch) {
    for (const Batch& known : producer.batches) {
      if (known.first_sequence == batch.base_sequence && known.last_sequence == batch.last_sequence)
        return known.range;
    }
  }
  const std::int32_t expected = new_epoch ? 0 : next_sequence(producer.last_sequence());
  if (batch.base_sequence == expected) return std::nullopt;
  return out_of_order(batch, expected);
}

Result<void> ProducerTable::check_marker(ProducerId id, ProducerEpoch epoch,
                                         const record::ControlMarker& marker, int transaction_version) const {
  const auto found = producers_.find(id);
  if (found == producers_.end()) return {};
  const Producer& producer = found->second;
  // From transaction.version 2 on the coordinator raises the epoch before it writes the marker, so one that
  // comes late, after the producer went on, shows (KIP-1228). The same one sent again does no harm.
  const bool raised = transaction_version >= 2;
  const bool again =
      epoch == producer.epoch && (!producer.txn_first_offset || epoch.value == producer_epoch_last);
  if (epoch < producer.epoch || (raised && epoch == producer.epoch && !again)) {
    return refuse(record::kafka_error::invalid_producer_epoch,
                  fmt::format("a marker of producer {} was not written: its epoch {} is {} {}", id.value,
                              epoch.value, raised ? "not above" : "older than", producer.epoch.value));
  }
  if (marker.coordinator_epoch < producer.coordinator_epoch) {
    return refuse(record::kafka_error::transaction_coordinator_fenced,
                  fmt::format("a marker of producer {} was not written: its coordinator's epoch {} is older "
                              "than {}",
                              id.value, marker.coordinator_epoch, producer.coordinator_epoch));
  }
  return {};
}

/// The producer of `batch`, its epoch and time as the batch says.
ProducerTable::Producer& ProducerTable::entry(const BatchHead& batch, std::int64_t now_ms) {
  if (producers_.size() >= producers_max && !producers_.contains(batch.producer_id)) forget_the_silent();
  Producer& producer = producers_[batch.producer_id];
  if (producer.epoch != batch.producer_epoch) producer.batches.clear();
  producer.epoch = batch.producer_epoch;
  producer.last_append_ms = now_ms;
  return producer;
}

void ProducerTable::note(const BatchHead& batch, std::int64_t now_ms) {
  Producer& producer = entry(batch, now_ms);
  if (producer.batches.size() == producer_batches_max) producer.batches.erase(producer.batches.begin());
  producer.batches.push_back({batch.base_sequence, batch.last_sequence, batch.range});
  if (!batch.is_transactional || producer.txn_first_offset) return;
  producer.txn_first_offset = batch.range.begin;
  open_.emplace(batch.range.begin, batch.producer_id);
}

std::optional<AbortedTransaction> ProducerTable::note_marker(const BatchHead& batch,
                                                             const record::ControlMarker& marker,
                                                             std::int64_t now_ms) {
  Producer& producer = entry(batch, now_ms);
  producer.coordinator_epoch = marker.coordinator_epoch;
  const std::optional<Offset> first = std::exchange(producer.txn_first_offset, std::nullopt);
  if (!first) return std::nullopt;  // a transaction without records here
  open_.erase({*first, batch.producer_id});
  const Offset last = batch.range.begin;
  if (*first > last) return std::nullopt;  // a snapshot lied
  ended_.emplace(*first, last);
  if (marker.kind == record::ControlMarker::Kind::commit) return std::nullopt;
  return AbortedTransaction{batch.producer_id, *first, last, open_.empty() ? last + 1 : open_.begin()->first};
}

void ProducerTable::note_durable(Offset end) {
  std::erase_if(ended_, [&](const auto& transaction) { return transaction.second < end; });
}

std::optional<Offset> ProducerTable::first_unstable() const {
  if (open_.empty() && ended_.empty()) return std::nullopt;
  if (open_.empty()) return ended_.begin()->first;
  if (ended_.empty()) return open_.begin()->first;
  return std::min(open_.begin()->first, ended_.begin()->first);
}

std::optional<OpenTransaction> ProducerTable::open_transaction(ProducerId id) const {
  const auto found = producers_.find(id);
  if (found == producers_.end() || !found->second.txn_first_offset) return std::nullopt;
  return OpenTransaction{found->second.epoch, *found->second.txn_first_offset};
}

std::unordered_map<ProducerId, LastOfProducer> ProducerTable::last_records() const {
  std::unordered_map<ProducerId, LastOfProducer> last;
  for (const auto& [id, producer] : producers_) {
    LastOfProducer& record = last[id];
    if (!producer.batches.empty()) record.data_offset = producer.batches.back().range.end - 1;
    record.epoch = producer.epoch;
  }
  return last;
}

std::vector<ProducerView> ProducerTable::views() const {
  std::vector<ProducerView> views;
  views.reserve(producers_.size());
  for (const auto& [id, producer] : producers_) {
    views.push_back({id, producer.epoch, producer.last_sequence(), producer.last_append_ms,
                     producer.coordinator_epoch, producer.txn_first_offset});
  }
  std::ranges::sort(views, {}, &ProducerView::producer_id);
  return views;
}

void ProducerTable::clear() {
  producers_.clear();
  open_.clear();
  ended_.clear();
}

void ProducerTable::expire(std::int64_t now_ms, std::int64_t age_ms_max) {
  std::erase_if(producers_, [&](const auto& entry) {
    return !entry.second.txn_first_offset && now_ms - entry.second.last_append_ms > age_ms_max;
  });
}

/// Half of those without an open transaction go, the silent first.
void ProducerTable::forget_the_silent() {
  if (open_.size() >= producers_.size()) return;
  std::vector<std::int64_t> ages;
  ages.reserve(producers_.size());
  for (const auto& [id, producer] : producers_) {
    if (!producer.txn_first_offset) ages.push_back(producer.last_append_ms);
  }
  if (ages.empty()) return;
  const auto middle = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 2);
  std::ranges::nth_element(ages, middle);
  const std::int64_t limit = *middle;
  std::size_t left = std::max<std::size_t>(ages.size() / 2, 1);
  std::erase_if(producers_, [&](const auto& entry) {
    if (entry.second.txn_first_offset || entry.second.last_append_ms > limit || left == 0) return false;
    --left;
    return true;
  });
}

}  // namespace sluice::log
