#include "client/fetcher.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "client/pieces.h"
#include "wire/generated/fetch_request.h"

namespace sluice::client {
namespace {

constexpr std::int16_t by_name_version_max = 12;  // from 13 on, topics have ids only
/// How long one socket is waited for at a time where poll(2) cannot wait for all.
constexpr auto turn = std::chrono::milliseconds(1);

}  // namespace

std::string_view name(Piece::Kind kind) {
  switch (kind) {
    case Piece::Kind::data:
      return "data";
    case Piece::Kind::aborted:
      return "aborted";
    case Piece::Kind::control:
      return "control";
    case Piece::Kind::compacted:
      return "compacted";
  }
  return "unknown";
}

/// A broker that leads some of the partitions: at most one request is on its way.
struct Fetcher::Leader {
  BrokerId id;
  std::unique_ptr<Connection> connection;
  std::optional<Ticket> ticket;
  std::map<PartitionId, Offset> asked;
  env::Instant answer_due;
  PartitionId first{0};  // the partition that begins the next request, so that none starves
};

Fetcher::Fetcher(Cluster& cluster, const Topic& topic, FetcherOptions options)
    : cluster_(cluster), topic_(topic), options_(options), not_before_(cluster.env().clock->now()) {}

Fetcher::~Fetcher() = default;

void Fetcher::assign(PartitionId partition, Offset position, LeaderEpoch last_epoch) {
  Assigned assigned;
  assigned.position = position;
  assigned.last_epoch = last_epoch;
  assigned_[partition] = std::move(assigned);
}

void Fetcher::unassign(PartitionId partition) {
  assigned_.erase(partition);
}

void Fetcher::pause(PartitionId partition, bool paused) {
  if (const auto at = assigned_.find(partition); at != assigned_.end()) at->second.paused = paused;
}

std::optional<Offset> Fetcher::position(PartitionId partition) const {
  const auto at = assigned_.find(partition);
  return at == assigned_.end() ? std::nullopt : std::optional(at->second.position);
}

std::string Fetcher::place(PartitionId partition) const {
  return fmt::format("topic {}, partition {}", topic_.name, partition.value);
}

Result<Fetched> Fetcher::poll(env::Duration timeout) {
  env::Clock& clock = *cluster_.env().clock;
  const env::Instant deadline = clock.now() + timeout;
  while (true) {
    if (leaders_stale_ && clock.now() >= not_before_) find_leaders();
    send_to_idle_leaders();
    if (Fetched expired = expired_trouble(); !expired.empty()) return expired;

    const bool waiting = leaders_stale_ && not_before_ < deadline;
    auto answer = SLUICE_TRY(wait_for_answer(waiting ? not_before_ : deadline));
    if (answer) {
      Fetched fetched = SLUICE_TRY(take_answer(*answer->first, std::move(answer->second)));
      // The broker works on the next answer while the caller works on this one.
      if (answer->first->connection) send_request(*answer->first);
      if (!fetched.empty()) return fetched;
    }
    if (clock.now() >= deadline) return Fetched{};
  }
}

// ---- leaders ----

Fetcher::Leader* Fetcher::leader_of(PartitionId partition) {
  const Partition* known = topic_.find(partition);
  if (known == nullptr || known->leader.value < 0) return nullptr;
  std::unique_ptr<Leader>& leader = leaders_[known->leader];
  if (!leader) {
    leader = std::make_unique<Leader>();
    leader->id = known->leader;
  }
  return leader.get();
}

void Fetcher::find_leaders() {
  leaders_stale_ = false;
  auto found = cluster_.try_refresh_topic(topic_.name);
  if (!found) {
    for (auto& [partition, assigned] : assigned_) trouble(assigned, found.error());
    return back_off();
  }
  if (found->id == topic_.id) {
    topic_ = *std::move(found);
    return;
  }
  for (auto& [partition, assigned] : assigned_) {
    if (!assigned.halted) assigned.doom = recreated(partition, assigned, found->id);
  }
}

void Fetcher::send_to_idle_leaders() {
  const env::Instant now = cluster_.env().clock->now();
  for (auto& [partition, assigned] : assigned_) {
    if (!wanted(assigned, now)) continue;
    Leader* leader = leader_of(partition);
    if (leader == nullptr) {
      trouble(assigned, wire::to_error(wire::ErrorCode::leader_not_available,
                                       place(partition) + ": nothing was fetched"));
      back_off();
      continue;
    }
    if (leader->ticket) continue;
    if (!leader->connection) {
      auto opened = cluster_.open_connection(leader->id);
      if (!opened) {
        lost(*leader, opened.error());
        continue;
      }
      leader->connection = *std::move(opened);
    }
    send_request(*leader);
  }
}

/// Is the partition to be asked for now? One in trouble waits until the leaders have been looked at again.
bool Fetcher::wanted(const Assigned& assigned, env::Instant now) const {
  return !assigned.paused && !assigned.halted && !(assigned.trouble_since && now < not_before_);
}

/// Asks `leader` for all its partitions from their positions on.
void Fetcher::send_request(Leader& leader) {
  wire::FetchRequest request;
  request.max_wait_ms = options_.wait_ms_max;
  request.min_bytes = options_.bytes_min;
  request.max_bytes = options_.bytes_max;
  request.isolation_level = static_cast<std::int8_t>(options_.isolation);
  auto& topic = request.topics.emplace_back();
  topic.topic = topic_.name;
  topic.topic_id = topic_.id;
  leader.asked.clear();
  const env::Instant now = cluster_.env().clock->now();
  const auto ask = [&](PartitionId partition, const Assigned& assigned) {
    const Partition* known = topic_.find(partition);
    if (!wanted(assigned, now) || known == nullptr || known->leader != leader.id) return;
    auto& one = topic.partitions.emplace_back();
    one.partition = partition.value;
    one.current_leader_epoch = known->leader_epoch.value;
    one.fetch_offset = assigned.position.value;
    one.last_fetched_epoch = assigned.last_epoch.value;
    one.partition_max_bytes = options_.partition_bytes_max;
    leader.asked[partition] = assigned.position;
  };
  const auto first = assigned_.lower_bound(leader.first);
  for (auto at = first; at != assigned_.end(); ++at) ask(at->first, at->second);
  for (auto at = assigned_.begin(); at != first; ++at) ask(at->first, at->second);
  if (leader.asked.empty()) return;
  const env::Duration timeout = cluster_.options().connection.request_timeout;
  auto sent =
      leader.connection->send(request, now + timeout, topic_.id.is_zero() ? by_name_version_max : 32767);
  if (!sent) return lost(leader, sent.error());
  leader.ticket = *sent;
  leader.first = PartitionId{topic.partitions.front().partition + 1};
  leader.answer_due = now + timeout + std::chrono::milliseconds(options_.wait_ms_max);
}

void Fetcher::lost(Leader& leader, const Error& why) {
  for (auto& [partition, assigned] : assigned_) {
    const Partition* known = topic_.find(partition);
    if (known != nullptr && known->leader == leader.id) trouble(assigned, why);
  }
  leader.connection.reset();
  leader.ticket.reset();
  leader.asked.clear();
  back_off();
}

void Fetcher::trouble(Assigned& assigned, const Error& why) {
  if (!assigned.trouble_since) assigned.trouble_since = cluster_.env().clock->now();
  assigned.trouble = why;
}

/// The next look at leaders and connections waits, longer each time until an answer is good.
void Fetcher::back_off() {
  const ClusterOptions& options = cluster_.options();
  backoff_ = std::clamp(backoff_ * 2, options.backoff_min, options.backoff_max);
  not_before_ = cluster_.env().clock->now() + backoff_;
  leaders_stale_ = true;
}

// ---- answers ----

std::vector<Fetcher::Leader*> Fetcher::asked_leaders() {
  std::vector<Leader*> out;
  for (auto& [id, leader] : leaders_) {
    if (leader->ticket) out.push_back(leader.get());
  }
  return out;
}

/// The frame that `leader` has sent whole by `deadline`; nothing where it has not, or where the connection
/// broke (which is seen to).
Result<std::optional<Frame>> Fetcher::receive(Leader& leader, env::Instant deadline) {
  auto frame = leader.connection->receive(std::min(deadline, leader.answer_due));
  if (!frame) {
    const Error why = std::move(frame.error());
    lost(leader, why);
    if (why.code == Code::corrupt || why.code == Code::limit_exceeded) return std::unexpected(why);
    return std::nullopt;
  }
  if (!*frame && cluster_.env().clock->now() >= leader.answer_due) {
    lost(leader,
         {Code::timed_out, fmt::format("{} has not answered a Fetch", leader.connection->peer()), {}, 0});
  }
  return frame;
}

Result<std::optional<std::pair<Fetcher::Leader*, Frame>>> Fetcher::wait_for_answer(env::Instant deadline) {
  env::Clock& clock = *cluster_.env().clock;
  while (true) {
    const std::vector<Leader*> asked = asked_leaders();
    if (asked.empty()) {
      if (const env::Instant now = clock.now(); now < deadline) clock.sleep_for(deadline - now);
      return std::nullopt;
    }
    std::vector<pollfd> sockets;
    env::Instant until = deadline;
    for (const Leader* leader : asked) {
      sockets.push_back({leader->connection->native_handle(), POLLIN, 0});
      until = std::min(until, leader->answer_due);
    }
    const bool pollable = std::ranges::none_of(sockets, [](const pollfd& s) { return s.fd < 0; });
    if (pollable && asked.size() > 1) {
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(until - clock.now()).count();
      ::poll(sockets.data(), sockets.size(), static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000)));
    }
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const env::Instant now = clock.now();
      if (pollable && asked.size() > 1 && sockets[i].revents == 0 && now < asked[i]->answer_due) continue;
      const env::Instant wait = asked.size() == 1 ? deadline
                                : pollable        ? now
                                                  : std::min(deadline, now + turn);
      auto frame = SLUICE_TRY(receive(*asked[i], wait));
      if (frame) return std::pair(asked[i], std::move(*frame));
    }
    if (leaders_stale_ || clock.now() >= deadline) return std::nullopt;
  }
}

Result<Fetched> Fetcher::take_answer(Leader& leader, Frame frame) {
  const Ticket ticket = *leader.ticket;
  leader.ticket.reset();
  auto answer = Connection::decode<wire::FetchResponse>(ticket, std::move(frame));
  if (!answer) {
    lost(leader, answer.error());
    return std::unexpected(std::move(answer.error()).in(fmt::format("broker {}", leader.id.value)));
  }
  Fetched out;
  if (answer->message.error_code != 0) {
    const Error why =
        wire::to_error(answer->message.error_code, fmt::format("broker {} fetched nothing", leader.id.value));
    for (const auto& [partition, offset] : leader.asked) {
      if (const auto at = assigned_.find(partition); at != assigned_.end()) trouble(at->second, why);
    }
    back_off();
    return out;
  }
  const auto asked = std::move(leader.asked);
  leader.asked.clear();
  for (const auto& topic : answer->message.responses) {
    for (const auto& told : topic.partitions) {
      const auto at = asked.find(PartitionId{told.partition_index});
      if (at == asked.end()) continue;
      if (auto news = take_partition(told, at->second)) out.partitions.push_back(*std::move(news));
    }
  }
  out.frame = std::move(answer->frame);
  return out;
}

std::optional<FetchedPartition> Fetcher::take_partition(const wire::FetchResponse::PartitionData& told,
                                                        Offset asked) {
  const auto at = assigned_.find(PartitionId{told.partition_index});
  // What was unassigned or sought elsewhere meanwhile is not wanted any more.
  if (at == assigned_.end() || at->second.halted || at->second.position != asked) return std::nullopt;
  Assigned& assigned = at->second;
  FetchedPartition out;
  out.partition = at->first;
  out.begin = out.end = assigned.position;
  out.last_leader_epoch = assigned.last_epoch;
  if (told.error_code != 0 || told.diverging_epoch.end_offset >= 0) {
    take_error(told, assigned, out);
    if (!out.error) return std::nullopt;
    assigned.halted = true;
    return out;
  }
  assigned.trouble_since.reset();
  if (std::ranges::none_of(assigned_,
                           [](const auto& entry) { return entry.second.trouble_since.has_value(); })) {
    backoff_ = {};
  }
  out.log_start = Offset{told.log_start_offset};
  out.high_watermark = Offset{told.high_watermark};
  out.last_stable_offset = Offset{told.last_stable_offset};

  std::vector<AbortedTransaction> aborted;
  if (options_.isolation == Isolation::read_committed && told.aborted_transactions) {
    for (const auto& one : *told.aborted_transactions) {
      aborted.push_back({ProducerId{one.producer_id}, Offset{one.first_offset}});
    }
  }
  if (told.records) {
    auto split = split_into_pieces(*told.records, aborted, options_.check_crc, out);
    if (!split) {
      out.error =
          std::move(split.error())
              .in(fmt::format("{}: nothing was read from offset {} on", place(out.partition), out.end.value));
      assigned.halted = true;
    }
  }
  const bool news = !out.pieces.empty() || out.error || out.high_watermark != assigned.high_watermark ||
                    out.log_start != assigned.log_start ||
                    out.last_stable_offset != assigned.last_stable_offset;
  assigned.position = out.end;
  assigned.last_epoch = out.last_leader_epoch;
  assigned.log_start = out.log_start;
  assigned.high_watermark = out.high_watermark;
  assigned.last_stable_offset = out.last_stable_offset;
  return news ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace sluice::client
