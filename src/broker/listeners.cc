#include "broker/listeners.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace sluice::broker {
namespace {

constexpr std::array<std::string_view, 4> protocol_names{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

std::string in_capitals(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), upper);
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The entries of a comma-separated list, without spaces around them and without empty ones.
std::vector<std::string_view> entries(std::string_view list) {
  std::vector<std::string_view> out;
  while (!list.empty()) {
    const auto comma = list.find(',');
    const std::string_view entry = trimmed(list.substr(0, comma));
    if (!entry.empty()) out.push_back(entry);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return out;
}

bool is_loopback(std::string_view host) {
  const bool v4 = host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
  return v4 || host == "localhost" || host == "::1";
}

using Protocols = std::map<std::string, SecurityProtocol, std::less<>>;

Result<Protocols> protocols_of(const ServerConfig& config) {
  Protocols out;
  const auto number_of = [](std::string_view name) {
    return std::ranges::find(protocol_names, name) - protocol_names.begin();
  };
  for (std::size_t i = 0; i < protocol_names.size(); ++i)
    out[std::string(protocol_names[i])] = static_cast<SecurityProtocol>(i);
  const std::string map = config.value("listener.security.protocol.map").value_or("");
  for (const std::string_view entry : entries(map)) {
    const auto colon = entry.find(':');
    const auto number = colon == std::string_view::npos ? std::ssize(protocol_names)
                                                        : number_of(in_capitals(entry.substr(colon + 1)));
    if (number == std::ssize(protocol_names)) {
      return fail(Code::invalid_argument,
                  fmt::format("listener.security.protocol.map: '{}' is not NAME:PROTOCOL; the broker was not "
                              "started",
                              entry),
                  "the protocols are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL");
    }
    out[in_capitals(entry.substr(0, colon))] = static_cast<SecurityProtocol>(number);
  }
  return out;
}

struct Endpoint {
  std::string name;
  env::Address address;
};

Result<Endpoint> parse_endpoint(std::string_view property, std::string_view text) {
  constexpr std::string_view separator = "://";
  const auto at = text.find(separator);
  if (at == std::string_view::npos || at == 0) {
    return fail(Code::invalid_argument,
                fmt::format("{}: '{}' is not NAME://HOST:PORT; the broker was not started", property, text));
  }
  Endpoint out{in_capitals(text.substr(0, at)), {}};
  const std::string_view rest = text.substr(at + separator.size());
  out.address = SLUICE_TRY(env::parse_address(rest, 0));
  if (rest.starts_with(':')) out.address.host = "0.0.0.0";  // every address, as in Kafka
  return out;
}

Result<void> check_reach(const Listener& listener, const ServerConfig& config) {
  if (is_loopback(listener.bind.host)) return {};
  const bool by_certificate = listener.protocol == SecurityProtocol::ssl &&
                              listener_value(config, listener, "ssl.client.auth") == "required";
  if (by_certificate || listener.protocol == SecurityProtocol::sasl_ssl) return {};
  return fail(Code::invalid_argument,
              fmt::format("not listening on {}://{}: whoever reaches that address could read and write "
                          "everything; only SASL_SSL, or SSL with ssl.client.auth=required, may be reached "
                          "from outside",
                          listener.name, to_string(listener.bind)),
              fmt::format("{}://127.0.0.1:{}", listener.name, listener.bind.port));
}

Result<void> advertise(std::vector<Listener>& listeners, const ServerConfig& config) {
  const std::string list = config.value("advertised.listeners").value_or("");
  for (const std::string_view entry : entries(list)) {
    const Endpoint endpoint = SLUICE_TRY(parse_endpoint("advertised.listeners", entry));
    const auto known = std::ranges::find(listeners, endpoint.name, &Listener::name);
    if (known == listeners.end()) {
      return fail(Code::invalid_argument,
                  fmt::format("advertised.listeners: there is no listener {}; the broker was not started",
                              endpoint.name));
    }
    if (endpoint.address.host == "0.0.0.0" || endpoint.address.host == "::") {
      return fail(Code::invalid_argument,
                  fmt::format("advertised.listeners: clients cannot connect to '{}'; the broker was not "
                              "started",
                              entry));
    }
    known->advertised = endpoint.address;
  }
  return {};
}

}  // namespace

std::string_view to_string(SecurityProtocol protocol) {
  return protocol_names[static_cast<std::size_t>(protocol)];
}

std::string Listener::property_prefix() const {
  std::string out = "listener.name.";
  for (const char c : name) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out + ".";
}

std::optional<std::string> listener_value(const ServerConfig& config, const Listener& listener,
                                          std::string_view property) {
  if (auto own = config.listener_value(listener.property_prefix() + std::string(property))) return own;
  return config.value(property);
}

Result<std::vector<Listener>> listeners_of(const ServerConfig& config, const env::Address& flag) {
  const Protocols protocols = SLUICE_TRY(protocols_of(config));
  std::set<std::string> controllers;
  const std::string controller_names = config.value("controller.listener.names").value_or("");
  for (const std::string_view name : entries(controller_names)) controllers.insert(in_capitals(name));
  const std::string list = config.value("listeners").value_or("PLAINTEXT://" + to_string(flag));
  std::vector<Listener> out;
  for (const std::string_view entry : entries(list)) {
    const Endpoint endpoint = SLUICE_TRY(parse_endpoint("listeners", entry));
    if (controllers.contains(endpoint.name)) continue;  // there is no controller to talk to
    const auto protocol = protocols.find(endpoint.name);
    if (protocol == protocols.end()) {
      return fail(Code::invalid_argument,
                  fmt::format("listeners: nothing says which protocol {} has; the broker was not started",
                              endpoint.name),
                  fmt::format("listener.security.protocol.map={}:SASL_SSL", endpoint.name));
    }
    if (std::ranges::find(out, endpoint.name, &Listener::name) != out.end()) {
      return fail(Code::invalid_argument,
                  fmt::format("listeners: {} is there twice; the broker was not started", endpoint.name));
    }
    Listener listener{endpoint.name, protocol->second, endpoint.address, endpoint.address};
    listener.advertised.port = 0;
    SLUICE_TRY(check_reach(listener, config));
    out.push_back(std::move(listener));
  }
  if (out.empty())
    return fail(Code::invalid_argument, "listeners names none; the broker was not started",
                "listeners=PLAINTEXT://127.0.0.1:9092");
  SLUICE_TRY(advertise(out, config));
  for (Listener& listener : out) {
    if (listener.advertised.host == "0.0.0.0" || listener.advertised.host == "::") {
      return fail(Code::invalid_argument,
                  fmt::format("{}://{} says no address that clients could connect to; the broker was not "
                              "started",
                              listener.name, to_string(listener.bind)),
                  fmt::format("advertised.listeners={}://HOST:PORT", listener.name));
    }
  }
  return out;
}

}  // namespace sluice::broker
