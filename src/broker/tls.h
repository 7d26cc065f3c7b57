// TLS for listeners that ask for it, through OpenSSL.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "broker/config.h"
#include "broker/listeners.h"
#include "broker/transport.h"
#include "env/file_system.h"

namespace sluice::broker {

/// The certificate, key and rules of one listener.
class TlsContext {
 public:
  /// From Kafka's ssl.* properties of the listener: a PEM keystore (ssl.keystore.location, or
  /// ssl.keystore.key with ssl.keystore.certificate.chain), a PEM truststore (ssl.truststore.location or
  /// ssl.truststore.certificates), ssl.key.password, ssl.client.auth, ssl.enabled.protocols,
  /// ssl.cipher.suites. Errors: invalid_argument with the property that is wrong.
  static Result<std::shared_ptr<TlsContext>> make(const ServerConfig& config, const Listener& listener,
                                                  env::FileSystem& fs);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// The server's side of a new connection; the handshake goes on as bytes come. The context must outlive it.
  std::unique_ptr<Transport> accept(env::EventLoop& loop, std::unique_ptr<env::Socket> socket);

 private:
  struct Native;
  explicit TlsContext(std::unique_ptr<Native> native);
  std::unique_ptr<Native> native_;
};

}  // namespace sluice::broker
