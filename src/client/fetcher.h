// The batch-level consumer: whole record batches of assigned partitions, with every offset accounted for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "client/cluster.h"
#include "record/batch.h"
#include "wire/generated/fetch_response.h"

namespace sluice::client {

struct FetcherOptions {
  Isolation isolation = Isolation::read_committed;
  std::int32_t wait_ms_max = 500;              ///< how long a broker holds a request that finds nothing
  std::int32_t bytes_min = 1;                  ///< what a broker waits for
  std::int32_t bytes_max = 16 << 20;           ///< of one answer; one batch may still be larger
  std::int32_t partition_bytes_max = 4 << 20;  ///< of one partition in one answer
  bool check_crc = true;                       ///< every batch, before it is handed out
  env::Duration retry_timeout =
      std::chrono::seconds(60);  ///< without an answer for a partition, before it halts
};

/// One piece of a partition's offsets.
struct Piece {
  enum class Kind : std::uint8_t {
    data,       ///< a batch to be read; offsets inside it that have no record were compacted away
    aborted,    ///< a batch of an aborted transaction (read_committed only)
    control,    ///< a transaction marker or another control batch
    compacted,  ///< no batch holds these offsets
  };
  Kind kind = Kind::data;
  /// Half open. It may begin inside the first batch: records below `range.begin` are not wanted.
  OffsetRange range;
  /// Except where compacted. Lives as long as the Fetched that it is in.
  std::optional<record::BatchView> batch;
};
std::string_view name(Piece::Kind kind);

/// What one answer holds of one partition.
struct FetchedPartition {
  PartitionId partition;
  Offset begin;               ///< the position that was asked for
  Offset end;                 ///< the position from now on
  std::vector<Piece> pieces;  ///< in order, without hole or overlap: together exactly [begin, end)

  Offset log_start{-1};  ///< as the broker tells it, -1 where it does not
  Offset high_watermark{-1};
  Offset last_stable_offset{-1};
  LeaderEpoch last_leader_epoch{-1};  ///< of the last batch; that of the assignment where there is none

  /// The partition is halted: nothing more of it is fetched until it is assigned anew. `pieces` before the
  /// trouble are good.
  ///   out_of_range   the position lies outside [log start, log end), which the message tells
  ///   conflict       the topic was recreated, or the log was truncated below the position
  ///   corrupt        a batch that cannot be read, by offset
  ///   not_found      the topic or the partition is gone
  ///   unreachable    no leader has answered for retry_timeout; the message has the last cause
  std::optional<Error> error;
};

/// One broker's answer. Owns the bytes that the pieces point into; may be kept while further polls go on, at
/// the price of its memory (about bytes_max).
struct Fetched {
  std::vector<FetchedPartition> partitions;  ///< those with news: pieces, an error, or watermarks
  Frame frame;

  bool empty() const { return partitions.empty(); }
};

/// Fetches from the leaders of one topic's partitions. The next request to a broker leaves before poll()
/// returns its last answer, so that the broker works while the caller does; nothing else runs in between, and
/// there is no thread and no queue of records.
///
/// Borrows the Cluster, which must outlive it. One thread at a time (a Cluster and its Fetchers share a
/// thread).
class Fetcher {
 public:
  /// The topic by name and id as Cluster::topic gave them: from Fetch version 13 on, the id decides, so that
  /// another topic of the same name is never read by mistake.
  Fetcher(Cluster& cluster, const Topic& topic, FetcherOptions options = {});
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  /// Fetches `partition` from `position` on; again for a partition that is assigned: a seek.
  /// `last_epoch` is the leader epoch of the record before the position, where it is known: a broker that
  /// supports it (Fetch 12 on) then tells when its log has been truncated since.
  void assign(PartitionId partition, Offset position, LeaderEpoch last_epoch = LeaderEpoch{-1});
  void unassign(PartitionId partition);
  /// A paused partition keeps its position and is left out of requests.
  void pause(PartitionId partition, bool paused);

  /// The next offset to be fetched; nothing where the partition is not assigned.
  std::optional<Offset> position(PartitionId partition) const;

  /// Waits up to `timeout` for an answer with news and returns it; an empty one where none came.
  /// Lost connections and moved leaders are seen to in here, so that it may take longer by one attempt to
  /// connect. Trouble is told by partition (FetchedPartition::error), never by an error of the call as a
  /// whole except corrupt and limit_exceeded: a broker whose answers cannot be read.
  Result<Fetched> poll(env::Duration timeout);

 private:
  struct Leader;
  struct Assigned {
    Offset position;
    LeaderEpoch last_epoch{-1};
    bool paused = false;
    bool halted = false;
    // As last told to the caller.
    Offset log_start{-1};
    Offset high_watermark{-1};
    Offset last_stable_offset{-1};
    // Since when, and why, there has been no answer for it.
    std::optional<env::Instant> trouble_since;
    Error trouble;
    std::optional<Error> doom;  // why it is to halt; told by the next poll
  };

  Leader* leader_of(PartitionId partition);
  void find_leaders();
  void send_to_idle_leaders();
  bool wanted(const Assigned& assigned, env::Instant now) const;
  void send_request(Leader& leader);
  std::vector<Leader*> asked_leaders();
  Result<std::optional<std::pair<Leader*, Frame>>> wait_for_answer(env::Instant deadline);
  Result<std::optional<Frame>> receive(Leader& leader, env::Instant deadline);
  Result<Fetched> take_answer(Leader& leader, Frame frame);
  std::optional<FetchedPartition> take_partition(const wire::FetchResponse::PartitionData& told,
                                                 Offset asked);
  void take_error(const wire::FetchResponse::PartitionData& told, Assigned& assigned, FetchedPartition& out);
  void check_topic(std::int16_t code, Assigned& assigned, FetchedPartition& out);
  void check_range(Assigned& assigned, FetchedPartition& out);
  Fetched expired_trouble();
  Error timed_out(PartitionId partition, const Assigned& assigned) const;
  Error recreated(PartitionId partition, const Assigned& assigned, Uuid id) const;
  void lost(Leader& leader, const Error& why);
  void trouble(Assigned& assigned, const Error& why);
  void back_off();
  std::string place(PartitionId partition) const;

  Cluster& cluster_;
  Topic topic_;
  FetcherOptions options_;
  std::map<PartitionId, Assigned> assigned_;
  std::map<BrokerId, std::unique_ptr<Leader>> leaders_;
  bool leaders_stale_ = false;
  env::Instant not_before_;  // of the next attempt to find leaders or to connect
  env::Duration backoff_{};
};

}  // namespace sluice::client
