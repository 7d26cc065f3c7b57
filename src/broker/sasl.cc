#include "broker/sasl.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "broker/crypto.h"
#include "broker/kafka_error.h"

namespace sluice::broker {
namespace {

std::unexpected<Error> denied(std::string message) {
  return refuse(wire::ErrorCode::sasl_authentication_failed, std::move(message));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  while (true) {
    const auto at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

// ---- PLAIN ----

class PlainExchange final : public SaslExchange {
 public:
  explicit PlainExchange(const PlainUsers& users) : users_(users) {}

  Result<Bytes> step(BytesView message) override {
    const auto tokens = split(as_text(message), '\0');
    if (complete_ || tokens.size() != 3)
      return denied("the PLAIN message is not AUTHZID NUL USER NUL PASSWORD");
    if (tokens[1].empty()) return denied("authentication failed: no user name was given");
    if (tokens[2].empty()) return denied("authentication failed: no password was given");
    user_ = tokens[1];
    const auto known = users_.find(user_);
    const std::string_view password = known == users_.end() ? std::string_view{} : known->second;
    const bool good = known != users_.end() && equal_secretly(as_bytes(password), as_bytes(tokens[2]));
    if (!good) return denied("authentication failed: wrong user name or password");
    if (!tokens[0].empty() && tokens[0] != user_)
      return denied("authentication failed: the authorization id is not the user name");
    complete_ = true;
    return Bytes{};
  }
  bool is_complete() const override { return complete_; }
  const std::string& user() const override { return user_; }

 private:
  PlainUsers users_;
  std::string user_;
  bool complete_ = false;
};

// ---- SCRAM ----

// In user names ',' and '=' are written =2C and =3D.
std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
      continue;
    }
    const std::string_view code = text.substr(i + 1, 2);
    if (code != "2C" && code != "3D") return std::nullopt;
    out += code == "2C" ? ',' : '=';
    i += 2;
  }
  return out;
}

std::optional<std::string_view> after(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  return text.substr(prefix.size());
}

class ScramExchange final : public SaslExchange {
 public:
  ScramExchange(ScramMechanism mechanism, FindCredential find, std::string nonce)
      : mechanism_(mechanism), find_(std::move(find)), nonce_(std::move(nonce)) {}

  Result<Bytes> step(BytesView message) override {
    const State now = std::exchange(state_, State::failed);  // what goes wrong stays wrong
    if (now == State::first) return first(as_text(message));
    if (now == State::last) return last(as_text(message));
    return denied("the SCRAM exchange is over");
  }
  bool is_complete() const override { return state_ == State::complete; }
  const std::string& user() const override { return user_; }

 private:
  enum class State { first, last, complete, failed };

  std::unexpected<Error> malformed() const {
    return denied(fmt::format("the {} message cannot be read", to_string(mechanism_)));
  }
  std::unexpected<Error> wrong() const {
    return denied(
        fmt::format("authentication failed: wrong user name or password with {}", to_string(mechanism_)));
  }

  // "n,[a=AUTHZID],n=USER,r=NONCE[,EXTENSIONS]"
  Result<Bytes> first(std::string_view message) {
    const auto parts = split(message, ',');
    if (parts.size() < 4 || (parts[0] != "n" && parts[0] != "y")) return malformed();
    const auto name = after(parts[2], "n=");
    const auto nonce = after(parts[3], "r=");
    const auto authorization_id = parts[1].empty() ? std::string_view{} : after(parts[1], "a=").value_or("");
    if (!name || name->empty() || !nonce || nonce->empty()) return malformed();
    const auto user = unescaped(*name);
    if (!user) return malformed();
    user_ = *user;
    gs2_header_ = std::string(parts[0]) + "," + std::string(parts[1]) + ",";
    if (!parts[1].empty() && unescaped(authorization_id) != user_)
      return denied("authentication failed: the authorization id is not the user name");
    const auto credential = find_(user_);
    if (!credential) return wrong();
    credential_ = *credential;
    const std::string answer =
        fmt::format("r={}{},s={},i={}", *nonce, nonce_, base64(credential_.salt), credential_.iterations);
    signed_ = fmt::format("{},{},", message.substr(gs2_header_.size()), answer);
    state_ = State::last;
    return to_owned(as_bytes(answer));
  }

  // "c=HEADER,r=NONCE[,EXTENSIONS],p=PROOF"
  Result<Bytes> last(std::string_view message) {
    const auto at = message.rfind(",p=");
    if (at == std::string_view::npos) return malformed();
    const std::string_view without_proof = message.substr(0, at);
    const auto parts = split(without_proof, ',');
    const auto proof = from_base64(message.substr(at + 3));
    const std::string header = "c=" + base64(as_bytes(gs2_header_));
    if (parts.size() < 2 || parts[0] != header || !proof) return malformed();
    // The RFC has the client's part before ours once. librdkafka before 2.8 writes it twice; Apache Kafka
    // looks at the end only, where the part is that nobody could know before.
    if (!parts[1].starts_with("r=") || !parts[1].ends_with(nonce_)) return wrong();
    signed_ += without_proof;
    const Bytes signature = hmac(mechanism_, credential_.stored_key, as_bytes(signed_));
    if (proof->size() != signature.size()) return wrong();
    Bytes client_key = *proof;
    for (std::size_t i = 0; i < client_key.size(); ++i) client_key[i] ^= signature[i];
    if (!equal_secretly(hash(mechanism_, client_key), credential_.stored_key)) return wrong();
    const std::string answer = "v=" + base64(hmac(mechanism_, credential_.server_key, as_bytes(signed_)));
    state_ = State::complete;
    return to_owned(as_bytes(answer));
  }

  ScramMechanism mechanism_;
  FindCredential find_;
  std::string nonce_;  // ours
  State state_ = State::first;
  std::string user_;
  std::string gs2_header_;
  std::string signed_;  // what client and server sign
  ScramCredential credential_;
};

// ---- JAAS ----

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const auto begin = text.find_first_not_of(spaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

std::unexpected<Error> bad_jaas(std::string_view why) {
  return fail(Code::invalid_argument, fmt::format("sasl.jaas.config was not taken: {}", why),
              "MODULE required user_NAME=\"PASSWORD\";");
}

// Takes a value off `rest`: quoted, with backslashes, or up to a space.
Result<std::string> take_value(std::string_view& rest) {
  std::string out;
  if (!rest.starts_with('"')) {
    const auto end = std::min(rest.find_first_of(" \t\r\n;"), rest.size());
    out = rest.substr(0, end);
    rest.remove_prefix(end);
    return out;
  }
  std::size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    out += rest[i];
  }
  if (i >= rest.size()) return bad_jaas("a quotation mark is not closed");
  rest.remove_prefix(i + 1);
  return out;
}

}  // namespace

std::unique_ptr<SaslExchange> make_plain_exchange(const PlainUsers& users) {
  return std::make_unique<PlainExchange>(users);
}

std::unique_ptr<SaslExchange> make_scram_exchange(ScramMechanism mechanism, FindCredential find,
                                                  std::string nonce) {
  return std::make_unique<ScramExchange>(mechanism, std::move(find), std::move(nonce));
}

ScramMechanism scram_mechanism(std::string_view name) {
  if (name == "SCRAM-SHA-256") return ScramMechanism::sha_256;
  return name == "SCRAM-SHA-512" ? ScramMechanism::sha_512 : ScramMechanism::unknown;
}

std::string_view to_string(ScramMechanism mechanism) {
  if (mechanism == ScramMechanism::sha_256) return "SCRAM-SHA-256";
  return mechanism == ScramMechanism::sha_512 ? "SCRAM-SHA-512" : "UNKNOWN";
}

Result<std::map<std::string, std::string>> parse_jaas(std::string_view text) {
  std::string_view rest = trimmed(text);
  if (!rest.ends_with(';')) return bad_jaas("it does not end with ';'");
  for (int i = 0; i < 2; ++i) {  // the module and its flag
    const auto end = rest.find_first_of(" \t\r\n;");
    if (end == 0) return bad_jaas("it does not begin with a module and its flag");
    rest = trimmed(rest.substr(end));
  }
  std::map<std::string, std::string> out;
  while (rest != ";") {
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return bad_jaas("an option has no '='");
    const std::string name(trimmed(rest.substr(0, equals)));
    rest = trimmed(rest.substr(equals + 1));
    out[name] = SLUICE_TRY(take_value(rest));
    rest = trimmed(rest);
    if (rest.empty()) return bad_jaas("it does not end with ';'");
  }
  return out;
}

Result<PlainUsers> plain_users(std::string_view jaas) {
  constexpr std::string_view prefix = "user_";
  PlainUsers out;
  for (auto& [name, value] : SLUICE_TRY(parse_jaas(jaas)))
    if (name.starts_with(prefix)) out.emplace(name.substr(prefix.size()), value);
  return out;
}

}  // namespace sluice::broker
