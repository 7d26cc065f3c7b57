// Host names to socket addresses.
#pragma once

#include <netdb.h>

#include <memory>

#include "env/net.h"

namespace sluice::env {

struct AddressListDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressListDeleter>;

enum class ResolveFor : std::uint8_t { connecting, listening };

/// At least one address of `address`. A numeric host asks nobody; a name asks the system's resolver, which
/// may take its own time-out, not the caller's.
Result<AddressList> resolve(const Address& address, ResolveFor purpose);

}  // namespace sluice::env
