// The server's side of SASL exchanges: PLAIN (RFC 4616) and SCRAM (RFC 5802).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "broker/settings.h"

namespace sluice::broker {

/// One exchange: the client's messages in, answers out, until it is complete or has failed.
class SaslExchange {
 public:
  virtual ~SaslExchange() = default;
  /// The answer to the client's next message. An error ends the exchange; its message is for the client and
  /// does not tell a wrong user from a wrong password.
  virtual Result<Bytes> step(BytesView message) = 0;
  /// Whether the client has shown who it is. Not before the last proof is checked.
  virtual bool is_complete() const = 0;
  /// Who the client says it is; proven where is_complete().
  virtual const std::string& user() const = 0;
};

/// Passwords by user name.
using PlainUsers = std::map<std::string, std::string, std::less<>>;
using FindCredential = std::function<std::optional<ScramCredential>(const std::string& user)>;

std::unique_ptr<SaslExchange> make_plain_exchange(const PlainUsers& users);
/// `nonce` is printable, without commas, and never used again.
std::unique_ptr<SaslExchange> make_scram_exchange(ScramMechanism mechanism, FindCredential find,
                                                  std::string nonce);

/// "SCRAM-SHA-256" and so on; unknown where it is none.
ScramMechanism scram_mechanism(std::string_view name);
std::string_view to_string(ScramMechanism mechanism);

/// The options of a JAAS entry ("MODULE required user_alice="secret" ...;"). errors   invalid_argument
Result<std::map<std::string, std::string>> parse_jaas(std::string_view text);
/// The passwords in one: an option user_NAME="PASSWORD" each.
Result<PlainUsers> plain_users(std::string_view jaas);

}  // namespace sluice::broker
