// What a client may do, for the answers that tell it: everything, since there are no access rules yet.
#pragma once

#include <cstdint>
#include <limits>

namespace sluice::broker {

/// The answer where the client did not ask.
constexpr std::int32_t operations_not_asked = std::numeric_limits<std::int32_t>::min();

// Bits by Kafka's operation codes: read 3, write 4, create 5, delete 6, alter 7, describe 8, cluster action
// 9, describe configs 10, alter configs 11, idempotent write 12.
constexpr std::int32_t topic_operations =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
constexpr std::int32_t cluster_operations = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
constexpr std::int32_t group_operations = 1 << 3 | 1 << 6 | 1 << 8;

}  // namespace sluice::broker
