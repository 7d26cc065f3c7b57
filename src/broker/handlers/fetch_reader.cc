#include "broker/handlers/fetch_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "broker/handlers/authorized.h"
#include "broker/handlers/leader_epoch.h"
#include "broker/kafka_error.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
using PartitionAnswer = wire::FetchResponse::PartitionData;

// Answers that clients have not taken yet may not fill the memory: above it a Fetch gets one batch at a time.
constexpr std::size_t unsent_bytes_max = std::size_t{256} << 20;
constexpr std::size_t room_worth_using = 128 * 1024;  // what is left of a buffer below it is not read into

// The buffers of one answer: several partitions share one.
class Room {
 public:
  Room(BufferPool& pool, std::vector<std::shared_ptr<const void>>& owners) : pool_(pool), owners_(owners) {}

  MutableBytes take(std::size_t wanted) {
    const std::size_t left = buffer_ == nullptr ? 0 : buffer_->capacity() - used_;
    if (left < std::min(wanted, room_worth_using)) {
      buffer_ = pool_.take(wanted);
      owners_.push_back(buffer_);
      used_ = 0;
    }
    return {buffer_->data() + used_, std::min(wanted, buffer_->capacity() - used_)};
  }
  MutableBytes take_whole(std::size_t wanted) {
    buffer_ = pool_.take(wanted);
    owners_.push_back(buffer_);
    used_ = 0;
    return {buffer_->data(), buffer_->capacity()};
  }
  void use(std::size_t bytes) { used_ += bytes; }

 private:
  BufferPool& pool_;
  std::vector<std::shared_ptr<const void>>& owners_;
  BufferPool::Buffer buffer_;
  std::size_t used_ = 0;
};

class Reading {
 public:
  Reading(Core& core, const FetchLimits& limits, FetchOutcome& outcome)
      : core_(core), limits_(limits), outcome_(outcome), room_(core.buffers, outcome.owners) {}

  PartitionAnswer read(const FetchEntry& entry) {
    PartitionAnswer out;
    out.partition_index = entry.partition;
    out.high_watermark = -1;
    out.aborted_transactions.reset();  // null: not asked for
    const PartitionPtr partition = find_partition(core_, limits_.by_id, entry);
    if (!may_read(entry, partition)) return failed(std::move(out), ErrorCode::topic_authorization_failed);
    if (partition == nullptr) {
      out.aborted_transactions.emplace();  // as Kafka writes it of partitions that it does not have
      return failed(std::move(out), limits_.by_id && core_.topics->find(entry.topic_id) == nullptr
                                        ? ErrorCode::unknown_topic_id
                                        : ErrorCode::unknown_topic_or_partition);
    }
    if (!partition->is_online()) return failed(std::move(out), ErrorCode::kafka_storage_error);
    if (cannot_read_codec(*partition)) return failed(std::move(out), ErrorCode::unsupported_compression_type);
    const ErrorCode fenced = check_leader_epoch(*partition, entry.current_leader_epoch);
    if (fenced != ErrorCode::none) return failed(std::move(out), fenced);
    log::PartitionLog& log = *partition->log();
    const auto end = end_of_last_epoch(*partition, entry);
    if (!end || is_out_of_range(log, entry)) return failed(std::move(out), ErrorCode::offset_out_of_range);
    out.high_watermark = log.high_watermark().value;
    out.last_stable_offset = log.last_stable_offset().value;
    out.log_start_offset = log.log_start_offset().value;
    if (diverges(*end, entry, out)) return out;
    read_records(log, entry, out);
    if (out.error_code != 0) out.high_watermark = out.last_stable_offset = out.log_start_offset = -1;
    return out;
  }

 private:
  // Clients as old as this know no zstd, which such a topic's batches all have.
  bool cannot_read_codec(const Partition& partition) const {
    constexpr std::int16_t zstd_version_min = 10;
    if (limits_.request->version() >= zstd_version_min) return false;
    const Topic* topic = core_.topics->find(partition.id().topic);
    return topic != nullptr && topic->settings.codec == record::Codec::zstd;
  }

  // A topic that is not there has only the name that it is asked for by.
  bool may_read(const FetchEntry& entry, const PartitionPtr& partition) const {
    const std::string& name = partition == nullptr ? entry.topic : partition->id().topic;
    if (partition == nullptr && limits_.by_id) return true;
    return may_topic(core_, *limits_.request, AclOperation::read, name);
  }

  PartitionAnswer failed(PartitionAnswer out, ErrorCode error) {
    out.error_code = wire::number(error);
    outcome_.has_error = true;
    return out;
  }

  /// Where the epoch of the reader's last record ends here, or the one before it; nothing where no epoch so
  /// old, or so new, is known. The current one may be empty still.
  static std::optional<log::EpochEnd> end_of_last_epoch(Partition& partition, const FetchEntry& entry) {
    if (entry.last_fetched_epoch < 0) return log::EpochEnd{};
    const log::PartitionLog& log = *partition.log();
    if (entry.last_fetched_epoch == partition.leader_epoch().value)
      return log::EpochEnd{partition.leader_epoch(), log.log_end_offset()};
    if (entry.last_fetched_epoch > partition.leader_epoch().value) return std::nullopt;
    const log::EpochEnd end = log.end_offset_for_epoch(LeaderEpoch{entry.last_fetched_epoch});
    return end.epoch.value < 0 ? std::nullopt : std::optional{end};
  }

  static bool is_out_of_range(const log::PartitionLog& log, const FetchEntry& entry) {
    const bool is_behind_damage = log.halted() && entry.fetch_offset >= log.log_end_offset().value;
    // What lies behind the end is told by its epoch.
    const bool diverges_maybe = entry.last_fetched_epoch >= 0;
    return entry.fetch_offset < log.log_start_offset().value ||
           (!is_behind_damage && !diverges_maybe && entry.fetch_offset > log.log_end_offset().value);
  }

  bool diverges(const log::EpochEnd& end, const FetchEntry& entry, PartitionAnswer& out) {
    if (entry.last_fetched_epoch < 0) return false;
    if (end.epoch.value == entry.last_fetched_epoch && end.end.value >= entry.fetch_offset) return false;
    out.diverging_epoch = {end.epoch.value, end.end.value};
    outcome_.has_error = true;
    return true;
  }

  void read_records(log::PartitionLog& log, const FetchEntry& entry, PartitionAnswer& out) {
    const Offset from{entry.fetch_offset};
    if (log.halted() && from >= log.log_end_offset()) {
      // Behind the damage. Neither the end of the log nor out of range: a client would wait for ever, or
      // reset.
      out.error_code = wire::number(ErrorCode::kafka_storage_error);
      outcome_.has_error = true;
      return;
    }
    if (from < log.log_start_offset() || from > log.log_end_offset()) {
      out.error_code = wire::number(ErrorCode::offset_out_of_range);
      outcome_.has_error = true;
      return;
    }
    if (limits_.read_committed) out.aborted_transactions.emplace();
    const Offset end = limits_.read_committed ? log.last_stable_offset() : log.high_watermark();
    if (from >= end) return;
    const bool is_first = outcome_.bytes == 0;
    const std::int64_t left = limits_.bytes_max - outcome_.bytes;
    std::int64_t wanted = std::min<std::int64_t>(std::max(entry.partition_bytes_max, 0), left);
    if (core_.server->unsent_bytes() > unsent_bytes_max) wanted = 0;
    if (wanted <= 0 && !is_first) return;
    MutableBytes buffer = room_.take(static_cast<std::size_t>(std::max<std::int64_t>(wanted, 1)));
    auto slice = log.read(from, end,
                          buffer.first(static_cast<std::size_t>(std::max<std::int64_t>(
                              std::min<std::int64_t>(wanted, std::ssize(buffer)), 0))));
    if (slice && slice->bytes == 0 && slice->bytes_needed > 0 &&
        must_give(is_first, slice->bytes_needed, wanted)) {
      buffer = room_.take_whole(slice->bytes_needed);
      slice = log.read(from, end, buffer.first(slice->bytes_needed));
    }
    const auto aborted = slice ? tell_aborted(log, {from, slice->next}, out) : Result<void>{};
    if (!slice || !aborted) {
      out.error_code = wire::number(code_of(slice ? aborted.error() : slice.error()));
      outcome_.has_error = true;
      return;
    }
    room_.use(slice->bytes);
    out.records = BytesView(buffer.first(slice->bytes));
    outcome_.bytes += static_cast<std::int64_t>(slice->bytes);
  }

  // Without these a client could not tell aborted records from others.
  Result<void> tell_aborted(log::PartitionLog& log, OffsetRange range, PartitionAnswer& out) const {
    if (!limits_.read_committed) return {};
    for (const log::AbortedTransaction& aborted : SLUICE_TRY(log.aborted_transactions(range)))
      out.aborted_transactions->push_back({aborted.producer_id.value, aborted.first_offset.value});
    return {};
  }

  // A batch that did not fit into the buffer: the first one always comes, others where only the buffer was
  // small.
  static bool must_give(bool is_first, std::size_t bytes_needed, std::int64_t wanted) {
    return is_first || static_cast<std::int64_t>(bytes_needed) <= wanted;
  }

  Core& core_;
  const FetchLimits& limits_;
  FetchOutcome& outcome_;
  Room room_;
};

bool is_news(const PartitionAnswer& answer, const FetchEntry& entry) {
  return answer.error_code != 0 || !answer.records->empty() || answer.diverging_epoch.epoch >= 0 ||
         answer.high_watermark != entry.told_high_watermark ||
         answer.log_start_offset != entry.told_log_start;
}

void put(wire::FetchResponse& response, const FetchEntry& entry, PartitionAnswer answer) {
  auto& topics = response.responses;
  if (topics.empty() || topics.back().topic != entry.topic || topics.back().topic_id != entry.topic_id) {
    auto& topic = topics.emplace_back();
    topic.topic = entry.topic;
    topic.topic_id = entry.topic_id;
  }
  topics.back().partitions.push_back(std::move(answer));
}

}  // namespace

PartitionPtr find_partition(Core& core, bool by_id, const FetchEntry& entry) {
  const Topic* topic = by_id ? core.topics->find(entry.topic_id) : core.topics->find(entry.topic);
  return topic == nullptr ? nullptr : topic->partition(entry.partition);
}

FetchOutcome read_fetch(Core& core, const FetchLimits& limits, FetchSession& session, bool only_changes) {
  FetchOutcome outcome;
  Reading reading(core, limits, outcome);
  for (const FetchEntry& entry : session.entries) {
    PartitionAnswer answer = reading.read(entry);
    if (only_changes && !is_news(answer, entry)) continue;
    put(outcome.response, entry, std::move(answer));
  }
  return outcome;
}

void remember(const FetchOutcome& outcome, FetchSession& session) {
  if (session.id == 0) return;
  for (const auto& topic : outcome.response.responses) {
    for (const PartitionAnswer& answer : topic.partitions) {
      session.tell({topic.topic_id, answer.partition_index, topic.topic},
                   answer.error_code == 0 ? answer.high_watermark : -1, answer.log_start_offset,
                   !answer.records->empty());
    }
  }
}

}  // namespace sluice::broker
