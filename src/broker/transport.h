// The bytes of one connection, in the clear or through TLS.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "env/net.h"

namespace sluice::broker {

/// As env::Socket. Loop thread only.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Whom readiness is told; nullptr: nobody any more.
  virtual void set_handler(env::SocketHandler* handler) = 0;
  /// Fills `out` as far as there are bytes: fewer than its size mean that nothing more is there now, 0 that
  /// nothing is. unreachable at the end of the stream, corrupt where TLS is broken.
  virtual Result<std::size_t> read_some(MutableBytes out) = 0;
  virtual Result<std::size_t> write_some(std::span<const BytesView> parts) = 0;
  virtual void want(bool readable, bool writable) = 0;
  virtual const std::string& peer() const = 0;
  /// The subject of the certificate that the client has shown (RFC 2253); nothing where it showed none.
  virtual std::optional<std::string> certified_name() const = 0;
};

std::unique_ptr<Transport> make_plain_transport(env::EventLoop& loop, std::unique_ptr<env::Socket> socket);

}  // namespace sluice::broker
