// Positions that were committed inside transactions which are still open: they count when the transaction's
// marker says commit, and until then OffsetFetch with require_stable answers UNSTABLE_OFFSET_COMMIT
// (KIP-447).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "broker/group_records.h"
#include "log/names.h"

namespace sluice::broker {

/// What the records of __consumer_offsets say of open transactions, in the order in which they stand there.
/// Loop thread only.
class PendingOffsets {
 public:
  struct Decided {
    std::string group;
    log::TopicPartition partition;
    CommittedOffset committed;
  };
  /// Of one producer in one partition of __consumer_offsets: group -> partition -> position.
  struct Staged {
    CommittedOffset committed;
    bool superseded = false;   ///< a commit came later that stays: outside any transaction, or one that ended
    std::uint64_t number = 0;  ///< grows in the order of staging
  };
  using ByPartition = std::map<log::TopicPartition, Staged>;
  using ByGroup = std::map<std::string, ByPartition>;
  using Key = std::pair<PartitionId, ProducerId>;  ///< where the records lie, and whose they are

  void stage(Key key, const std::string& group, const log::TopicPartition& partition,
             const CommittedOffset& committed);
  /// A commit outside any transaction.
  void supersede(const std::string& group, const log::TopicPartition& partition);
  /// The position was taken away (deleted, or its topic was): the pending ones go with it.
  void drop(const std::string& group, const log::TopicPartition& partition);
  /// A marker: what it commits; everything of that producer there is pending no more.
  std::vector<Decided> end(Key key, bool commit);

  bool is_pending(const std::string& group, const log::TopicPartition& partition) const;
  bool has_pending(const std::string& group) const { return counts_.contains(group); }
  /// The partitions of which `group` has pending positions.
  std::vector<log::TopicPartition> partitions_of(const std::string& group) const;
  /// The groups that have pending positions in `topic`, with their partitions.
  std::vector<std::pair<std::string, log::TopicPartition>> in_topic(const std::string& topic) const;

 private:
  void supersede_older(const std::string& group, const log::TopicPartition& partition, std::uint64_t number);
  void count_down(const std::string& group, const log::TopicPartition& partition);

  std::map<Key, ByGroup> staged_;
  std::uint64_t staged_count_ = 0;
  std::map<std::string, std::map<log::TopicPartition, std::size_t>> counts_;  ///< transactions that have one
};

}  // namespace sluice::broker
