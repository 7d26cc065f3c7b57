// Where the broker listens, and how each of those ports is protected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/config.h"
#include "env/net.h"

namespace sluice::broker {

/// With Kafka's numbers.
enum class SecurityProtocol : std::int8_t { plaintext = 0, ssl = 1, sasl_plaintext = 2, sasl_ssl = 3 };

std::string_view to_string(SecurityProtocol protocol);

/// One entry of `listeners`.
struct Listener {
  std::string name = "PLAINTEXT";  ///< in capitals, as Kafka compares it
  SecurityProtocol protocol = SecurityProtocol::plaintext;
  env::Address bind;
  env::Address advertised;  ///< what clients of this listener are told; port 0: the one that was bound

  bool uses_tls() const {
    return protocol == SecurityProtocol::ssl || protocol == SecurityProtocol::sasl_ssl;
  }
  bool uses_sasl() const {
    return protocol == SecurityProtocol::sasl_plaintext || protocol == SecurityProtocol::sasl_ssl;
  }
  /// "listener.name.NAME." in small letters: what a property for this listener alone begins with.
  std::string property_prefix() const;
};

/// The listeners that `config` asks for with listeners, advertised.listeners and
/// listener.security.protocol.map, less those of controller.listener.names; `flag` as a PLAINTEXT listener
/// where it names none. Errors: invalid_argument for what cannot be read, for a name without a protocol, and
/// for an address that others can reach without both TLS and authentication.
Result<std::vector<Listener>> listeners_of(const ServerConfig& config, const env::Address& flag);

/// A property of one listener: listener.name.NAME.PROPERTY, else PROPERTY.
std::optional<std::string> listener_value(const ServerConfig& config, const Listener& listener,
                                          std::string_view property);

}  // namespace sluice::broker
