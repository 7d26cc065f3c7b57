#include "env/net.h"

#include <charconv>

#include <fmt/format.h>

namespace sluice::env {
namespace {

std::unexpected<Error> not_an_address(std::string_view text, std::string_view why) {
  return fail(Code::invalid_argument, fmt::format("'{}' is not an address: {}", text, why),
              "write host:port, for example 127.0.0.1:9092 or [::1]:9092");
}

}  // namespace

std::string to_string(const Address& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", address.host, address.port)
               : fmt::format("{}:{}", address.host, address.port);
}

Result<Address> parse_address(std::string_view text, std::uint16_t default_port) {
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return not_an_address(text, "'[' has no ']'");
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return not_an_address(text, "after ']' only :port may stand");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
    if (host.empty()) return not_an_address(text, "there is nothing between '[' and ']'");
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    if (text.find(':', colon + 1) != std::string_view::npos)
      return not_an_address(text, "it has more than one ':', and an IPv6 address needs brackets");
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  } else if (text.empty()) {
    return not_an_address(text, "it is empty");
  }

  Address address{host.empty() ? "127.0.0.1" : std::string(host), default_port};
  if (!has_port) return address;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size())
    return not_an_address(text, fmt::format("its port '{}' is not a number from 0 to 65535", port));
  return address;
}

}  // namespace sluice::env
