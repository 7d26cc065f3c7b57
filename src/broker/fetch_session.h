// Fetch sessions (KIP-227): what a consumer fetches is remembered, so that it and we need only tell changes.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "env/clock.h"

namespace sluice::broker {

/// One partition that a client fetches, as its request says it.
struct FetchEntry {
  std::string topic;  ///< empty where the client named an id (version 13 and later)
  Uuid topic_id;
  std::int32_t partition = 0;
  std::int32_t current_leader_epoch = -1;
  std::int64_t fetch_offset = 0;
  std::int32_t last_fetched_epoch = -1;
  std::int32_t partition_bytes_max = 0;

  // What the last answer of the session said of it; -1: nothing yet.
  std::int64_t told_high_watermark = -1;
  std::int64_t told_log_start = -1;

  using Key = std::tuple<Uuid, std::int32_t, std::string>;
  Key key() const { return {topic_id, partition, topic}; }
};

/// What a client fetches, in the order in which its partitions take turns.
struct FetchSession {
  std::int32_t id = 0;
  std::int32_t epoch = 0;  ///< of the next request
  bool uses_topic_ids = false;
  std::list<FetchEntry> entries;
  env::Instant last_used{};

  void put(FetchEntry entry);  ///< adds it, or changes what is asked of it
  void drop(const FetchEntry::Key& key);
  /// Notes what an answer says of a partition; one that gave records lets the others go first next time.
  void tell(const FetchEntry::Key& key, std::int64_t high_watermark, std::int64_t log_start,
            bool gave_records);

 private:
  std::map<FetchEntry::Key, std::list<FetchEntry>::iterator> places_;
};

/// Loop thread only. A session is shared with the fetch that waits in it.
class FetchSessions {
 public:
  void set_slots_max(std::size_t slots_max) { slots_max_ = slots_max; }

  std::shared_ptr<FetchSession> find(std::int32_t id, env::Instant now);
  /// nullptr where the cache is full of sessions that were used lately: the client then goes on without one.
  std::shared_ptr<FetchSession> create(std::int32_t id_wanted, env::Instant now);
  void remove(std::int32_t id) { sessions_.erase(id); }
  std::size_t size() const { return sessions_.size(); }
  /// Whether all sessions together may remember `more` partitions.
  bool has_room(std::size_t more) const;
  bool contains(std::int32_t id) const { return sessions_.contains(id); }

  static constexpr std::size_t entries_max = 100'000;  ///< of one session; above it a client has none
  static constexpr std::size_t entries_of_all_max = 1'000'000;

 private:
  std::map<std::int32_t, std::shared_ptr<FetchSession>> sessions_;
  std::size_t slots_max_ = 1000;
};

/// The epoch after `epoch`: it wraps from 2^31-1 to 1.
std::int32_t next_session_epoch(std::int32_t epoch);

}  // namespace sluice::broker
