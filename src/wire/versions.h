// Which APIs and versions this project speaks: what ApiVersions is answered from.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::wire {

struct Api {
  std::int16_t key;
  std::string_view name;  ///< as Kafka writes it: "OffsetFetch"
  std::int16_t version_min;
  std::int16_t version_max;
  std::int16_t flexible_version_min;
  /// What ApiVersions tells as the minimum. 0 for Produce although versions below 3 are not spoken:
  /// librdkafka takes a larger one as the sign of a broker without compression and idempotence (KAFKA-18659).
  std::int16_t version_min_told;

  constexpr bool speaks(std::int16_t version) const {
    return version_min <= version && version <= version_max;
  }
  constexpr bool flexible(std::int16_t version) const { return version >= flexible_version_min; }
};

/// Every API with a codec here, by ascending key. A broker tells those that it handles.
std::span<const Api> apis();

/// The API of `key`, or nullptr.
const Api* find_api(std::int16_t key);

/// The version of the header before a request: 2 in flexible versions, else 1.
std::int16_t request_header_version(const Api& api, std::int16_t version);

/// The version of the header before an answer: 1 in flexible versions, else 0; always 0 for ApiVersions,
/// whose answer must be read by who does not know yet what the broker speaks.
std::int16_t response_header_version(const Api& api, std::int16_t version);

}  // namespace sluice::wire
