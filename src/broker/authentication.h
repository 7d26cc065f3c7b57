// A connection's way from a stranger to a user, on listeners with SASL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/sasl.h"
#include "env/clock.h"
#include "wire/errors.h"

namespace sluice::broker {

/// What a listener with SASL needs to know.
struct SaslRules {
  std::vector<std::string> mechanisms;  ///< as sasl.enabled.mechanisms names them
  PlainUsers plain_users;
  std::function<std::optional<ScramCredential>(const std::string& user, ScramMechanism)> find_credential;
  std::size_t message_bytes_max = 0;  ///< of one request before the client is known
  env::Duration session_time_max{};   ///< connections.max.reauth.ms; 0: for ever
};

/// The rules of `listener`. errors   invalid_argument: no mechanism, or one that is not there, or PLAIN
/// without users
Result<std::shared_ptr<SaslRules>> sasl_rules(const ServerConfig& config, const Listener& listener);

/// One connection's state (KIP-43, KIP-152, KIP-368). Loop thread only.
class Authentication {
 public:
  explicit Authentication(std::shared_ptr<const SaslRules> rules) : rules_(std::move(rules)) {}

  const SaslRules& rules() const { return *rules_; }
  /// Whether the client is known. False again while it authenticates anew.
  bool is_done() const { return state_ == State::done; }
  bool was_done() const { return !user_.empty(); }
  /// Whether a request of this kind may be answered now.
  bool allows(std::int16_t api_key, env::Instant now) const;
  /// Whether the next bytes are a bare SASL token (after SaslHandshake v0).
  bool expects_token() const { return state_ == State::bare_tokens; }

  /// SaslHandshake. illegal_sasl_state, unsupported_sasl_mechanism.
  wire::ErrorCode begin(std::string_view mechanism, bool bare_tokens);
  /// SaslAuthenticate, or a bare token. An error (its code in kafka_error) is final.
  Result<Bytes> step(BytesView token, env::Instant now);
  /// Who the client is; empty before it is known.
  const std::string& user() const { return user_; }
  /// Who it says it is, in the exchange that goes on or has failed.
  std::string attempted_user() const { return exchange_ ? exchange_->user() : user_; }
  /// How long the client may go on without authenticating again; 0: for ever.
  std::int64_t session_lifetime_ms() const;

 private:
  enum class State { handshake, tokens, bare_tokens, done, failed };

  std::shared_ptr<const SaslRules> rules_;
  State state_ = State::handshake;
  std::unique_ptr<SaslExchange> exchange_;
  std::string mechanism_;
  std::string user_;
  env::Instant expires_{};
};

}  // namespace sluice::broker
