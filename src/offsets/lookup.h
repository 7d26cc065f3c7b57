// Which partitions are meant, and their offsets at a time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/offset_batch.h"
#include "offsets/choice.h"
#include "offsets/standing.h"

namespace sluice::offsets {

/// The names of the topics that are chosen, ascending; every topic that is not internal where `choices` is
/// empty. Asks for the cluster's topics only where a pattern needs them. A name need not be there.
/// errors   not_found: a pattern matches nothing
Result<std::vector<std::string>> choose_topics(client::Cluster& cluster,
                                               std::span<const TopicChoice> choices);

/// Leaves the rows whose partitions are chosen, and adds one with an error for each partition that is named
/// but not there. Rows without a partition stay.
void keep_chosen(std::vector<Standing>& standings, std::span<const TopicChoice> choices);

/// One partition's offset at the time that was asked for.
struct Lookup {
  client::TopicPartition which;  ///< partition -1 where the topic cannot be described
  std::optional<Offset> offset;  ///< nothing where no record is that young, or after an error
  std::optional<std::int64_t> timestamp_ms;
  std::optional<LeaderEpoch> leader_epoch;
  std::string error;
};

/// The offset that `spec` means in each chosen partition, by topic and partition; `latest` is the high
/// watermark. What cannot be asked is a row with an error.
Result<std::vector<Lookup>> look_up(client::Cluster& cluster, std::span<const TopicChoice> choices,
                                    client::OffsetSpec spec);

}  // namespace sluice::offsets
