// Fetch v4-18: whole batches from the one that holds the offset on, up to what is durable (X14).
//
// Waits, without a thread, until min_bytes are there or max_wait_ms is over. The first batch of an answer
// comes whole even where it is larger than max_bytes (KIP-74). Sessions: KIP-227, v7 and later; topic ids:
// v13 and later. read_committed ends at the last stable offset and tells the aborted transactions that have
// records in the answer, by first offset (KIP-98); a wait ends early where the client has gone. Errors of the
// answer: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR. Per
// partition: TOPIC_AUTHORIZATION_FAILED (read is needed), UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID,
// OFFSET_OUT_OF_RANGE (never a silent reset), FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, KAFKA_STORAGE_ERROR,
// CORRUPT_MESSAGE (behind damage); a diverging epoch (v12, KIP-595) is told with its end.
#include <algorithm>

#include "broker/handlers/fetch_reader.h"
#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_epoch.h"
#include "broker/kafka_error.h"
#include "wire/generated/fetch_request.h"
#include "wire/generated/fetch_response.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;
constexpr std::int8_t isolation_read_committed = 1;
constexpr env::Duration sleep_max = std::chrono::seconds(1);

// One Fetch from its request to its answer. It watches its partitions while it waits; the timer and those
// weak references find it gone once it is answered.
class PendingFetch final : public PartitionWatcher, public std::enable_shared_from_this<PendingFetch> {
 public:
  PendingFetch(Core& core, RequestPtr request, const wire::FetchRequest& asked)
      : core_(core),
        request_(std::move(request)),
        min_bytes_(std::max(asked.min_bytes, 0)),
        max_wait_(std::chrono::milliseconds(std::max(asked.max_wait_ms, 0))) {
    limits_.bytes_max =
        std::min<std::int64_t>(std::max(asked.max_bytes, 0), core.config.number("fetch.max.bytes"));
    limits_.request = request_.get();
    limits_.by_id = request_->version() >= 13;
    limits_.read_committed = asked.isolation_level == isolation_read_committed;
  }

  /// Either an incremental session (only changes are answered) or a list of the request's own.
  void begin(std::shared_ptr<FetchSession> session, bool incremental) {
    session_ = std::move(session);
    incremental_ = incremental;
    hold();
    deadline_ = core_.loop.now() + max_wait_;
    attempt();
  }

  void on_visible(Partition&, std::uint64_t bytes) override {
    if (answered_) return;
    if (request_->is_orphaned()) return static_cast<void>(end());
    bytes_expected_ += static_cast<std::int64_t>(bytes);
    if (bytes == 0 || bytes_expected_ >= min_bytes_) attempt();
  }

 private:
  void hold() { self_ = shared_from_this(); }  // nobody else keeps a fetch that waits

  void attempt() {
    FetchOutcome outcome = read_fetch(core_, limits_, *session_, incremental_);
    const bool enough = outcome.bytes >= min_bytes_ || outcome.has_error || session_->entries.empty();
    if (enough || time_is_over_ || max_wait_ <= env::Duration::zero()) return answer(std::move(outcome));
    bytes_expected_ = outcome.bytes;
    wait();
  }

  void wait() {
    if (waiting_) return;
    waiting_ = true;
    for (const FetchEntry& entry : session_->entries)
      if (const PartitionPtr partition = find_partition(core_, limits_.by_id, entry))
        partition->watch(weak_from_this());
    sleep();
  }

  // In stretches, so that one whose client has gone does not stay for long.
  void sleep() {
    timer_ = core_.loop.after(std::min(deadline_ - core_.loop.now(), sleep_max), [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr || self->answered_) return;
      self->timer_ = 0;
      if (self->request_->is_orphaned()) return static_cast<void>(self->end());
      if (self->core_.loop.now() < self->deadline_) return self->sleep();
      self->time_is_over_ = true;
      self->attempt();
    });
  }

  /// Nothing is waited for any more; the last reference goes with what this returns.
  std::shared_ptr<PendingFetch> end() {
    answered_ = true;
    if (timer_ != 0) core_.loop.cancel(timer_);
    if (waiting_) {
      for (const FetchEntry& entry : session_->entries)
        if (const PartitionPtr partition = find_partition(core_, limits_.by_id, entry))
          partition->unwatch(this);
    }
    return std::exchange(self_, nullptr);
  }

  void answer(FetchOutcome outcome) {
    const auto self = end();
    remember(outcome, *session_);
    outcome.response.session_id = session_->id;
    request_->answer(outcome.response, std::move(outcome.owners));
  }

  Core& core_;
  RequestPtr request_;
  FetchLimits limits_;
  std::int64_t min_bytes_;
  env::Duration max_wait_;
  env::Instant deadline_{};
  std::shared_ptr<FetchSession> session_;
  bool incremental_ = false;
  bool waiting_ = false;
  bool time_is_over_ = false;
  bool answered_ = false;
  std::int64_t bytes_expected_ = 0;  // readable by now, as far as is known without reading
  env::EventLoop::Timer timer_ = 0;
  std::shared_ptr<PendingFetch> self_;
};

void refuse(const RequestPtr& request, ErrorCode error) {
  wire::FetchResponse response;
  response.error_code = wire::number(error);
  request->answer(response);
}

void take_entries(const wire::FetchRequest& asked, FetchSession& session) {
  for (const auto& topic : asked.topics) {
    for (const auto& partition : topic.partitions) {
      FetchEntry entry;
      entry.topic = topic.topic;
      entry.topic_id = topic.topic_id;
      entry.partition = partition.partition;
      entry.current_leader_epoch = partition.current_leader_epoch;
      entry.fetch_offset = partition.fetch_offset;
      entry.last_fetched_epoch = partition.last_fetched_epoch;
      entry.partition_bytes_max = partition.partition_max_bytes;
      session.put(std::move(entry));
    }
  }
}

constexpr std::int32_t epoch_final = -1;   // of a fetch outside any session
constexpr std::int32_t epoch_initial = 0;  // of a fetch that begins one

void fetch_all(Core& core, const RequestPtr& request, const wire::FetchRequest& asked) {
  if (asked.session_id != 0) core.fetch_sessions.remove(asked.session_id);
  std::size_t count = 0;
  for (const auto& topic : asked.topics) count += topic.partitions.size();
  std::shared_ptr<FetchSession> session;
  if (request->version() >= 7 && asked.session_epoch == epoch_initial &&
      count <= FetchSessions::entries_max && core.fetch_sessions.has_room(count)) {
    const auto id = static_cast<std::int32_t>(core.env.random->next_u64() & 0x7FFF'FFFF);
    session = core.fetch_sessions.create(id, core.loop.now());
  }
  if (session == nullptr) session = std::make_shared<FetchSession>();  // with id 0: nobody finds it again
  session->uses_topic_ids = request->version() >= 13;
  take_entries(asked, *session);
  std::make_shared<PendingFetch>(core, request, asked)->begin(std::move(session), false);
}

void fetch_in_session(Core& core, const RequestPtr& request, const wire::FetchRequest& asked) {
  const auto session = core.fetch_sessions.find(asked.session_id, core.loop.now());
  if (session == nullptr) return refuse(request, ErrorCode::fetch_session_id_not_found);
  if (session->epoch != asked.session_epoch) return refuse(request, ErrorCode::invalid_fetch_session_epoch);
  if (session->uses_topic_ids != (request->version() >= 13))
    return refuse(request, ErrorCode::fetch_session_topic_id_error);
  std::size_t more = 0;
  for (const auto& topic : asked.topics) more += topic.partitions.size();
  const bool too_many = session->entries.size() + more > FetchSessions::entries_max;
  if (too_many || (more > 0 && !core.fetch_sessions.has_room(more))) {  // it goes on with a new, full request
    core.fetch_sessions.remove(asked.session_id);
    return refuse(request, ErrorCode::fetch_session_id_not_found);
  }
  session->epoch = next_session_epoch(session->epoch);
  take_entries(asked, *session);
  // What is asked for and forgotten at once is forgotten.
  for (const auto& topic : asked.forgotten_topics_data)
    for (const std::int32_t partition : topic.partitions)
      session->drop({topic.topic_id, partition, topic.topic});
  std::make_shared<PendingFetch>(core, request, asked)->begin(session, true);
}

}  // namespace

void handle_fetch(Core& core, const RequestPtr& request) {
  wire::FetchRequest asked;
  if (!request->decode(asked)) return;
  if (asked.session_epoch == epoch_final || asked.session_epoch == epoch_initial)
    return fetch_all(core, request, asked);
  fetch_in_session(core, request, asked);
}

}  // namespace sluice::broker
