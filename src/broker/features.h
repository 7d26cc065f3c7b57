// The features of KIP-584 that this broker has, each at one level for good.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::broker {

struct Core;

struct Feature {
  std::string_view name;
  std::int16_t level_min = 0;  ///< of those that Kafka 4.3 knows; what a client may expect to find
  std::int16_t level = 0;      ///< finalised
};

/// What is told to clients, by name. A feature is there when the APIs that it stands for are routed.
std::vector<Feature> features(const Core& core);

}  // namespace sluice::broker
