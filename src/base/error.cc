#include "base/error.h"

namespace sluice::base {

std::string_view name(Code code) {
  switch (code) {
    case Code::io_failed:
      return "io_failed";
    case Code::no_space:
      return "no_space";
    case Code::exhausted:
      return "exhausted";
    case Code::corrupt:
      return "corrupt";
    case Code::out_of_range:
      return "out_of_range";
    case Code::not_found:
      return "not_found";
    case Code::already_exists:
      return "already_exists";
    case Code::conflict:
      return "conflict";
    case Code::invalid_argument:
      return "invalid_argument";
    case Code::limit_exceeded:
      return "limit_exceeded";
    case Code::unreachable:
      return "unreachable";
    case Code::timed_out:
      return "timed_out";
    case Code::unsupported:
      return "unsupported";
    case Code::interrupted:
      return "interrupted";
    case Code::kafka:
      return "kafka";
  }
  return "unknown";
}

Error Error::in(std::string_view context) && {
  message.insert(0, ": ").insert(0, context);
  return std::move(*this);
}

Error Error::hinting(std::string_view next) && {
  hint = next;
  return std::move(*this);
}

std::string to_string(const Error& error) {
  return error.hint.empty() ? error.message : error.message + " (" + error.hint + ")";
}

}  // namespace sluice::base
