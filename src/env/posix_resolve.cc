#include "env/posix_resolve.h"

#include <sys/socket.h>

#include <cerrno>

#include <fmt/format.h>

#include "env/posix_internal.h"

namespace sluice::env {

Result<AddressList> resolve(const Address& address, ResolveFor purpose) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (purpose == ResolveFor::listening ? AI_PASSIVE : 0);
  const std::string port = fmt::format("{}", address.port);
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &list);
  AddressList owned(list);
  if (failed == 0 && owned) return owned;
  const std::string why = failed == EAI_SYSTEM ? errno_text(errno) : ::gai_strerror(failed);
  return fail(Code::unreachable, fmt::format("cannot find the address of host '{}': {}", address.host, why),
              "check the host's spelling and this machine's name server");
}

}  // namespace sluice::env
