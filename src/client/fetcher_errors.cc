// What makes a partition wait, and what makes it halt.
#include <fmt/format.h>

#include "client/fetcher.h"

namespace sluice::client {

/// The partitions that are given up now: doomed ones, and those in trouble for too long.
Fetched Fetcher::expired_trouble() {
  const env::Instant now = cluster_.env().clock->now();
  Fetched out;
  for (auto& [partition, assigned] : assigned_) {
    if (assigned.halted || assigned.paused) continue;
    if (!assigned.doom && assigned.trouble_since && now - *assigned.trouble_since >= options_.retry_timeout) {
      assigned.doom = timed_out(partition, assigned);
    }
    if (!assigned.doom) continue;
    assigned.halted = true;
    FetchedPartition halted;
    halted.partition = partition;
    halted.begin = halted.end = assigned.position;
    halted.last_leader_epoch = assigned.last_epoch;
    halted.error = std::move(assigned.doom);
    out.partitions.push_back(std::move(halted));
  }
  return out;
}

Error Fetcher::timed_out(PartitionId partition, const Assigned& assigned) const {
  Error error = assigned.trouble;
  if (error.code != Code::not_found) error.code = Code::unreachable;
  error.message = fmt::format(
      "{}: nothing was fetched from offset {} on, for {} ms: {}", place(partition), assigned.position.value,
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.retry_timeout).count(),
      assigned.trouble.message);
  return error;
}

/// Sets out.error where the partition has to halt; otherwise the leaders are looked for anew.
void Fetcher::take_error(const wire::FetchResponse::PartitionData& told, Assigned& assigned,
                         FetchedPartition& out) {
  using wire::ErrorCode;
  const std::string what =
      fmt::format("{}: nothing was fetched from offset {} on", place(out.partition), assigned.position.value);
  if (told.error_code == 0) {
    Error error;
    error.code = Code::conflict;
    error.message = fmt::format(
        "{}: the log was truncated: what was read before has leader epoch {}, which now ends at {} "
        "with epoch {}",
        what, assigned.last_epoch.value, told.diverging_epoch.end_offset, told.diverging_epoch.epoch);
    error.hint = "records that were read are no longer in the topic: compare before going on";
    out.error = std::move(error);
    return;
  }
  switch (static_cast<ErrorCode>(told.error_code)) {
    case ErrorCode::offset_out_of_range:
      return check_range(assigned, out);
    case ErrorCode::unknown_topic_id:
    case ErrorCode::inconsistent_topic_id:
    case ErrorCode::unknown_topic_or_partition:
      return check_topic(told.error_code, assigned, out);
    case ErrorCode::corrupt_message:
      out.error = wire::to_error(told.error_code, what);
      return;
    default:
      break;
  }
  Error error = wire::to_error(told.error_code, what);
  if (wire::error_info(told.error_code).retriable ||
      told.error_code == number(ErrorCode::unknown_server_error)) {
    trouble(assigned, error);
    return back_off();
  }
  out.error = std::move(error);
}

/// The broker does not know the topic: was it deleted, made anew under its name, or is the leader elsewhere?
void Fetcher::check_topic(std::int16_t code, Assigned& assigned, FetchedPartition& out) {
  const std::string what =
      fmt::format("{}: nothing was fetched from offset {} on", place(out.partition), assigned.position.value);
  const auto now = cluster_.try_refresh_topic(topic_.name);
  if (now && now->id != topic_.id) {
    out.error = recreated(out.partition, assigned, now->id);
    return;
  }
  if (now && now->find(out.partition) == nullptr) {
    out.error = Error{Code::not_found,
                      fmt::format("{}: the topic has only {} partitions", what, now->partitions.size()),
                      {},
                      code};
    return;
  }
  // A broker that has just started does not know its topics yet; only time tells that one is gone for good.
  trouble(assigned, now ? wire::to_error(code, what) : now.error());
  back_off();
}

void Fetcher::check_range(Assigned& assigned, FetchedPartition& out) {
  const auto range = cluster_.offset_range(topic_.name, out.partition, Isolation::read_uncommitted);
  const std::string what =
      fmt::format("{}: nothing was fetched from offset {} on", place(out.partition), assigned.position.value);
  if (range && range->begin <= assigned.position && assigned.position <= range->end) {
    // The range is right: the broker had no leadership yet, or could not follow the epoch that was named.
    assigned.last_epoch = LeaderEpoch{-1};
    trouble(assigned, wire::to_error(wire::ErrorCode::offset_out_of_range, what));
    return back_off();
  }
  Error error = wire::to_error(wire::ErrorCode::offset_out_of_range, what);
  if (range) {
    out.log_start = range->begin;
    out.high_watermark = range->end;
    error.message = fmt::format(
        "{}: the topic holds [{}, {}): {}", what, range->begin.value, range->end.value,
        assigned.position < range->begin
            ? fmt::format("{} offsets were removed before they were read", range->begin - assigned.position)
            : fmt::format("the log ends {} offsets before the position", assigned.position - range->end));
  }
  error.hint = "nothing is skipped by itself: decide where to go on";
  out.error = std::move(error);
}

/// Another topic of this name is not the one that is read.
Error Fetcher::recreated(PartitionId partition, const Assigned& assigned, Uuid id) const {
  Error error;
  error.code = Code::conflict;
  error.message = fmt::format(
      "{}: nothing was fetched from offset {} on: the topic was deleted and created again: its id was {} and "
      "is {}",
      place(partition), assigned.position.value, to_string(topic_.id), to_string(id));
  error.hint = "offsets of the old topic mean nothing in the new one";
  return error;
}

}  // namespace sluice::client
