// Who is at the other end of a connection.
#pragma once

#include <memory>
#include <string>

#include "broker/listeners.h"

namespace sluice::broker {

/// An authenticated user: "User:alice".
struct Principal {
  std::string type = "User";
  std::string name = "ANONYMOUS";
  friend auto operator<=>(const Principal&, const Principal&) = default;
};

inline std::string to_string(const Principal& principal) {
  return principal.type + ":" + principal.name;
}

/// Does not change once requests refer to it: a connection that authenticates again gets a new one.
struct Session {
  std::shared_ptr<const Listener> listener;  ///< its `advertised` is what this client is told
  Principal principal;
  std::string host;  ///< the client's address: "127.0.0.1"
};

}  // namespace sluice::broker
