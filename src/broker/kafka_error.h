// Between the project's errors and Kafka's codes.
#pragma once

#include <string>
#include <utility>

#include "base/error.h"
#include "wire/errors.h"

namespace sluice::broker {

/// A failure that a client shall see as `code`, with `message` where the answer has room for one.
inline std::unexpected<Error> refuse(wire::ErrorCode code, std::string message) {
  return std::unexpected(Error{Code::kafka, std::move(message), {}, wire::number(code)});
}

/// Kafka's code for `error`: its own, else the nearest.
inline wire::ErrorCode code_of(const Error& error) {
  if (error.kafka_error != 0) return static_cast<wire::ErrorCode>(error.kafka_error);
  switch (error.code) {
    case Code::io_failed:
    case Code::no_space:
      return wire::ErrorCode::kafka_storage_error;
    case Code::corrupt:
      return wire::ErrorCode::corrupt_message;
    case Code::out_of_range:
      return wire::ErrorCode::offset_out_of_range;
    case Code::invalid_argument:
      return wire::ErrorCode::invalid_request;
    case Code::limit_exceeded:
      return wire::ErrorCode::message_too_large;
    default:
      return wire::ErrorCode::unknown_server_error;
  }
}

}  // namespace sluice::broker
