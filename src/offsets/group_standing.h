// Where groups stand, all of them at once.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "offsets/choice.h"
#include "offsets/standing.h"

namespace sluice::offsets {

/// Where each of `groups` stands: a row for every partition of the topics that it has positions of, or, where
/// `choices` is not empty, of the topics chosen from those and from the topics that are named. A group or
/// partition that cannot be asked is a row with an error. Asks for all groups of a coordinator in one request
/// and for all partitions of a leader in two.
/// errors   what fails for everything: the cluster cannot be reached, a pattern matches nothing
Result<std::vector<Standing>> group_standings(client::Cluster& cluster, std::span<const std::string> groups,
                                              std::span<const TopicChoice> choices);

}  // namespace sluice::offsets
