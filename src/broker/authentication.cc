#include "broker/authentication.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/crypto.h"
#include "broker/kafka_error.h"

namespace sluice::broker {
namespace {

using wire::ErrorCode;

constexpr std::int16_t sasl_handshake_key = 17;
constexpr std::int16_t api_versions_key = 18;
constexpr std::int16_t sasl_authenticate_key = 36;
constexpr std::string_view plain = "PLAIN";

std::vector<std::string> words(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const auto comma = list.find(',');
    std::string_view word = list.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (!word.empty()) out.emplace_back(word);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return out;
}

std::unexpected<Error> not_started(const Listener& listener, std::string_view why, std::string hint) {
  return fail(Code::invalid_argument,
              fmt::format("listener {}: {}; the broker was not started", listener.name, why),
              std::move(hint));
}

}  // namespace

Result<std::shared_ptr<SaslRules>> sasl_rules(const ServerConfig& config, const Listener& listener) {
  auto rules = std::make_shared<SaslRules>();
  rules->mechanisms = words(listener_value(config, listener, "sasl.enabled.mechanisms").value_or(""));
  if (rules->mechanisms.empty())
    return not_started(listener, "sasl.enabled.mechanisms names none",
                       "sasl.enabled.mechanisms=SCRAM-SHA-512");
  for (const std::string& mechanism : rules->mechanisms) {
    if (mechanism == plain) {
      const auto jaas = listener_value(config, listener, "plain.sasl.jaas.config").value_or("");
      if (jaas.empty()) {
        return not_started(
            listener, "PLAIN has no users",
            listener.property_prefix() +
                "plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule "
                "required user_NAME=\"PASSWORD\";");
      }
      rules->plain_users = SLUICE_TRY(plain_users(jaas));
    } else if (scram_mechanism(mechanism) == ScramMechanism::unknown) {
      return not_started(listener, fmt::format("the mechanism {} is not there", mechanism),
                         "sasl.enabled.mechanisms takes PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512");
    }
  }
  rules->message_bytes_max = static_cast<std::size_t>(config.number("sasl.server.max.receive.size"));
  rules->session_time_max = std::chrono::milliseconds(config.number("connections.max.reauth.ms"));
  return rules;
}

bool Authentication::allows(std::int16_t api_key, env::Instant now) const {
  switch (state_) {
    case State::handshake:
      return api_key == api_versions_key || api_key == sasl_handshake_key;
    case State::tokens:
      return api_key == sasl_authenticate_key;
    case State::done: {
      const bool expired = rules_->session_time_max > env::Duration::zero() && now >= expires_;
      return !expired || api_key == api_versions_key || api_key == sasl_handshake_key;
    }
    default:
      return false;
  }
}

ErrorCode Authentication::begin(std::string_view mechanism, bool bare_tokens) {
  const bool again = state_ == State::done && rules_->session_time_max > env::Duration::zero();
  if (state_ != State::handshake && !again) return ErrorCode::illegal_sasl_state;
  const bool enabled = std::ranges::find(rules_->mechanisms, mechanism) != rules_->mechanisms.end();
  if (!enabled || (again && mechanism != mechanism_)) {
    state_ = State::failed;
    return ErrorCode::unsupported_sasl_mechanism;
  }
  mechanism_ = mechanism;
  if (mechanism == plain) {
    exchange_ = make_plain_exchange(rules_->plain_users);
  } else {
    const ScramMechanism scram = scram_mechanism(mechanism);
    const auto find = [rules = rules_, scram](const std::string& user) {
      return rules->find_credential(user, scram);
    };
    exchange_ = make_scram_exchange(scram, find, unforeseeable_text());
  }
  state_ = bare_tokens ? State::bare_tokens : State::tokens;
  return ErrorCode::none;
}

Result<Bytes> Authentication::step(BytesView token, env::Instant now) {
  if (state_ != State::tokens && state_ != State::bare_tokens)
    return refuse(ErrorCode::illegal_sasl_state, "SaslHandshake comes first");
  auto answer = exchange_->step(token);
  if (!answer) {
    state_ = State::failed;
    return answer;
  }
  if (!exchange_->is_complete()) return answer;
  if (was_done() && exchange_->user() != user_) {
    state_ = State::failed;
    return refuse(ErrorCode::sasl_authentication_failed,
                  fmt::format("the connection belongs to {} and cannot become another user's", user_));
  }
  user_ = exchange_->user();
  exchange_.reset();
  state_ = State::done;
  expires_ = now + rules_->session_time_max;
  return answer;
}

std::int64_t Authentication::session_lifetime_ms() const {
  if (!is_done()) return 0;
  return std::chrono::duration_cast<std::chrono::milliseconds>(rules_->session_time_max).count();
}

}  // namespace sluice::broker
